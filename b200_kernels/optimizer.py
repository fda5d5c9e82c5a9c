"""The seed's optimizer: any torch model and any tensor put where this machine computes fastest.

For code that drives torch itself; the product's own speed is the compiled engine's (:mod:`b200_kernels.compiled`). It
knows devices, number formats and ``torch.compile``; it does not know what a model is for.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
import warnings
import weakref
from collections.abc import Callable
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict

from b200_kernels.precision import detect_device, resolve_dtype

COMPILE_MODES = ("default", "reduce-overhead", "max-autotune")
_WITHOUT_GRAPHS = {"reduce-overhead": "default", "max-autotune": "max-autotune-no-cudagraphs"}
_COMPILED: weakref.WeakSet[torch.nn.Module] = weakref.WeakSet()
"""Models whose ``forward`` was replaced here."""


class B200Config(BaseModel):
    """Where and how an optimizer puts things.

    ``device``: a torch device, or ``auto`` for the first GPU, else the CPU. ``dtype``: a name, or ``auto`` for what
    :func:`b200_kernels.precision.detect_optimal_dtype` takes there: bfloat16 on a B200. ``compile``: whether models are
    compiled. ``channels_last``: whether images (four dimensions) keep their channels last, as convolutions on tensor
    cores want them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str = "auto"
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    compile: bool = True
    channels_last: bool = True


class B200Optimizer:
    """Optimizes for one device and one number format. Raises ValueError for a device or format that is not here."""

    def __init__(self, config: B200Config | None = None) -> None:
        self.config = config or B200Config()
        self.device = detect_device(self.config.device)
        self.dtype = resolve_dtype(self.config.dtype, self.device)

    def optimize_model(self, model: torch.nn.Module, compile_mode: str = "max-autotune") -> torch.nn.Module:
        """The same model, changed in place: on the device in the dtype, for inference only, and compiled.

        It compiles when it is first called, graph by graph. A graph that cannot be compiled here (no C++ compiler on a
        CPU, an operation that the compiler fails at) runs as it is, with the same result, and a RuntimeWarning says
        so. A model that generates keeps tensors of one call for the next, which CUDA graphs would overwrite: it gets
        the mode without them. What is no ``nn.Module``, such as a vLLM engine, which compiles for itself, comes back
        untouched with a RuntimeWarning. Raises ValueError for a mode not in :data:`COMPILE_MODES`.
        """
        if compile_mode not in COMPILE_MODES:
            raise ValueError(f"unknown compile_mode {compile_mode!r}: use one of {', '.join(COMPILE_MODES)}")
        if not isinstance(model, torch.nn.Module):
            kind = type(model).__name__
            _warn(f"{kind} is no torch module and stays as it is: an engine optimizes its own model")
            return model
        if any(p.is_floating_point() and p.dtype != self.dtype for p in model.parameters()):
            # Only then: buffers, such as rotary frequencies, may be wanted in float32 beside smaller weights.
            model.to(self.dtype)
        model.to(self.device).eval().requires_grad_(False)
        if self.config.channels_last:
            _channels_last(model)
        if self.config.compile:
            self._compile(model, _WITHOUT_GRAPHS.get(compile_mode, compile_mode) if _generates(model) else compile_mode)
        return model

    def optimize_tensor(self, tensor: torch.Tensor, target_dtype: torch.dtype | None = None) -> torch.Tensor:
        """The tensor on the device, in ``target_dtype``, laid out for it.

        Without a ``target_dtype`` floating-point tensors take the optimizer's dtype and all others keep theirs. Four
        dimensions are laid out channels last, where the configuration says so, others contiguously. From host memory
        to a GPU it goes through pinned memory, without waiting for the copy.
        """
        dtype = target_dtype or (self.dtype if tensor.is_floating_point() else tensor.dtype)
        channels_last = self.config.channels_last and tensor.ndim == 4
        layout = torch.channels_last if channels_last else torch.contiguous_format
        found = tensor.to(dtype).contiguous(memory_format=layout)
        if self.device.type == "cuda" and found.device.type == "cpu":
            found = found.pin_memory()
        return found.to(self.device, non_blocking=True)

    def _compile(self, model: torch.nn.Module, mode: str) -> None:
        if self.device.type == "cpu" and (missing := _missing_compiler()):
            _warn(f"{type(model).__name__} runs uncompiled: there is no C++ compiler ({missing}) here")
            return
        if model in _COMPILED:
            del model.forward  # the class's own comes to light again: compile that, not what was compiled
        _COMPILED.add(model)
        # In place, so that a model which calls itself (transformers' generate) takes the compiled way too.
        model.forward = torch.compile(_ours(model.forward), backend=_backend(mode, type(model).__name__))


@functools.cache
def get_b200_optimizer() -> B200Optimizer:
    """The one optimizer of this process, as its hardware wants it."""
    return B200Optimizer()


def _ours(forward: Callable[..., Any]) -> Callable[..., Any]:
    """The same in a function of this file: torch would pass over the ``forward`` of its own modules."""

    @functools.wraps(forward)
    def call(*args: Any, **kwargs: Any) -> Any:
        return forward(*args, **kwargs)

    return call


def _backend(mode: str, name: str) -> Callable[..., Any]:
    """torch's own compiler in a mode, which hands back a graph as it is where compiling fails."""

    def compile_or_run(graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        try:
            return _inductor(graph, inputs, mode)
        except Exception as error:  # noqa: BLE001  a compiler fails in many ways, and the graph itself still runs
            reason = str(error).strip().partition("\n")[0]
            _warn(f"a part of {name} runs uncompiled: {type(error).__name__}: {reason}")
            return graph.forward

    return compile_or_run


def _inductor(graph: torch.fx.GraphModule, inputs: list[Any], mode: str) -> Any:
    from torch._inductor import list_mode_options
    from torch._inductor.compile_fx import compile_fx

    return compile_fx(graph, inputs, config_patches=list_mode_options(mode))


def _channels_last(model: Any) -> None:
    """Weights of four dimensions; Any because torch's annotations do not know the argument."""
    model.to(memory_format=torch.channels_last)


def _missing_compiler() -> str | None:
    """The C++ compiler that torch would look for, if it is not there."""
    name = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    return None if shutil.which(name) else name


def _generates(model: torch.nn.Module) -> bool:
    return hasattr(model, "generate")


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=3)
