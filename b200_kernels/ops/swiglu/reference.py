"""SwiGLU (Shazeer, 2020): ``silu(gate) * up``, of one product that holds both side by side."""

from __future__ import annotations

import torch

from b200_kernels.ops.fp8 import quantise_rows


def swiglu(gate_up: torch.Tensor) -> torch.Tensor:
    """(rows, 2 * width), gates first, to (rows, width)."""
    gate, up = gate_up.chunk(2, dim=-1)
    return torch.nn.functional.silu(gate) * up


def swiglu_fp8(gate_up: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """:func:`swiglu` as E4M3 and float32 scales a row (rows, 1)."""
    wide = gate_up.to(torch.promote_types(gate_up.dtype, torch.float32))
    return quantise_rows(swiglu(wide))
