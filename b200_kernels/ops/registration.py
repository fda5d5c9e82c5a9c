"""How an operation becomes an opaque custom op: a schema, an implementation a device, a fake for tracing.

Opaque (``Library.define`` and ``impl``) and not ``triton_op``: it passes ``opcheck`` and ``torch.compile`` on a
machine without a GPU, and costs a third of ``torch.library.custom_op`` a call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.library import Library, infer_schema

_LIBRARY = Library("b200", "FRAGMENT")


def register(
    name: str,
    cpu: Callable[..., Any],
    cuda: Callable[..., Any],
    fake: Callable[..., Any],
    mutates: tuple[str, ...] = (),
) -> Callable[..., Any]:
    """The op ``torch.ops.b200.<name>``, with the signature that ``fake`` is annotated with.

    The arguments named in ``mutates`` are written to. Raises TypeError where an implementation has other parameters:
    torch leaves out arguments that are as their defaults, so each must have the defaults too.
    """
    for implementation in (cpu, cuda):
        if _parameters(implementation) != _parameters(fake):
            raise TypeError(f"{name}: {implementation.__name__} has other parameters than {fake.__name__}")
    _LIBRARY.define(name + infer_schema(fake, mutates_args=mutates))
    _LIBRARY.impl(name, cpu, "CPU")
    _LIBRARY.impl(name, cuda, "CUDA")
    torch.library.register_fake(f"b200::{name}", fake, lib=_LIBRARY)
    found: Callable[..., Any] = getattr(torch.ops.b200, name)
    return found


def _parameters(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    return [(parameter.name, parameter.default) for parameter in inspect.signature(function).parameters.values()]
