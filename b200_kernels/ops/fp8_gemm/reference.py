"""The product of two E4M3 matrices with a float32 scale a row, by way of float32."""

from __future__ import annotations

import torch


def fp8_gemm(
    a: torch.Tensor, a_scales: torch.Tensor, b: torch.Tensor, b_scales: torch.Tensor, dtype: torch.dtype
) -> torch.Tensor:
    """``A @ B.T`` of E4M3 (m, depth) with scales (m, 1) and (n, depth) with (n, 1), in ``dtype``, shape (m, n)."""
    product = a.to(torch.float32) @ b.to(torch.float32).T
    return (product * a_scales * b_scales.T).to(dtype)
