"""RMSNorm (Zhang and Sennrich, 2019) as Llama computes it: in float32 or wider, cast back, then the weight."""

from __future__ import annotations

import torch

from b200_kernels.ops.fp8 import quantise_rows


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """(rows, width) and (width,) to (rows, width): ``x / sqrt(mean(x^2) + eps) * weight``."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    normed = wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
    return normed.to(x.dtype) * weight


def add_rms_norm(
    x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The norm of ``x + residual``, and that sum in the type of x: the next layer's residual."""
    total = x + residual
    return rms_norm(total, weight, eps), total


def add_rms_norm_fp8(
    x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """:func:`add_rms_norm` with its first result as E4M3 and scales a row (rows, 1): (quantised, scale, sum)."""
    normed, total = add_rms_norm(x, residual, weight, eps)
    return *quantise_rows(normed), total
