"""Which number formats the compiled engine uses on a device: what ``--dtype`` and ``--kv-cache`` come to there."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from b200_kernels.checkpoints import CheckpointError
from b200_kernels.compiled.weight_forms import Form
from b200_kernels.engine import CacheName, DtypeName
from b200_kernels.ops.fp8 import E4M3
from b200_kernels.ops.split_linear import op as split_linear
from b200_kernels.precision import detect_optimal_dtype, resolve_dtype

_FP8_SINCE = (8, 9)
"""The first chip whose matrix cores know E4M3: Ada."""


_HOLD_E4M3 = ("fp8", "mxfp8", "nvfp4")


@dataclass(frozen=True)
class Formats:
    """What the model is loaded and computed in, the form its linear layers' weights are then kept in (None: the same),
    and what keys and values are kept in.
    """

    wide: torch.dtype
    form: Form | None
    cache: torch.dtype


def resolve_formats(dtype: DtypeName, kv_cache: CacheName, device: torch.device) -> Formats:
    """Raises CheckpointError for a GPU that is too old, ValueError for an unknown name."""
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < _FP8_SINCE:
        for flag, asked in (("--dtype", dtype), ("--kv-cache", kv_cache)):
            if asked in _HOLD_E4M3:
                name = torch.cuda.get_device_name(device)
                raise CheckpointError(f"{name} does not know E4M3, which {flag} {asked} needs: leave it out")
    wide, form = _wide_and_form(dtype, device)
    if kv_cache == "fp8":
        return Formats(wide, form, E4M3)
    return Formats(wide, form, torch.float32 if device.type == "cpu" else wide)  # what a CPU keeps them in anyway


def _wide_and_form(dtype: DtypeName, device: torch.device) -> tuple[torch.dtype, Form | None]:
    if device.type == "cpu" and dtype in ("auto", "bf16x3"):
        return torch.float32, "bf16x3" if split_linear.available() else None
    match dtype:
        case "bf16x3":
            return torch.float32, None
        case "fp8" | "mxfp8" | "nvfp4":
            return detect_optimal_dtype(str(device)), dtype
        case _:
            return resolve_dtype(dtype, device), None
