"""E4M3, the 8-bit float of activations and caches: one scale a row, so that its largest value is the type's."""

from __future__ import annotations

import torch

E4M3 = torch.float8_e4m3fn
E4M3_MAX = 448.0
LEAST_SCALE = 1e-12
"""A row of zeros has a scale too."""


def quantise_rows(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(rows, width) to E4M3 of that shape and float32 scales (rows, 1) with ``x ~ quantised * scale``."""
    wide = x.to(torch.float32)
    scale = (wide.abs().amax(dim=-1, keepdim=True) / E4M3_MAX).clamp(min=LEAST_SCALE)
    return (wide / scale).clamp(-E4M3_MAX, E4M3_MAX).to(E4M3), scale
