"""Which number format the model computes in, by hardware. Knows torch's devices; does not know any model."""

from __future__ import annotations

import torch

from b200_kernels.engine import DtypeName
from cluster.derived import number_format

_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def detect_device(device: str = "auto") -> torch.device:
    """``auto`` is the first GPU, else the CPU. Raises ValueError when a GPU is asked for and none is
    there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen = torch.device(device)
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {device!r} was asked for, but torch sees no GPU here: use 'auto' or 'cpu'")
    return chosen


def detect_optimal_dtype(device: str = "auto") -> torch.dtype:
    """The fastest format that Voxtral computes well in.

    bfloat16 on GPUs of compute capability 8.0 and above (Ampere to B200), float16 on older ones, float32 on a
    CPU.
    """
    chosen = detect_device(device)
    if chosen.type != "cuda":
        return _DTYPES[number_format(None)]
    return _DTYPES[number_format(torch.cuda.get_device_capability(chosen))]


def resolve_dtype(dtype: DtypeName, device: torch.device) -> torch.dtype:
    """A dtype by its name; ``auto`` asks :func:`detect_optimal_dtype`. Raises ValueError for an unknown
    name."""
    if dtype == "auto":
        return detect_optimal_dtype(str(device))
    if dtype not in _DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}: use one of auto, {', '.join(_DTYPES)}")
    return _DTYPES[dtype]
