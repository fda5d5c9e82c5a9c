"""``b200::fp8_gemm``: on a CPU by way of float32, on a GPU the library's kernel (cuBLASLt, chips from sm_89 on)."""

from __future__ import annotations

import torch

from b200_kernels.ops.fp8_gemm import reference
from b200_kernels.ops.registration import register

MULTIPLE = 16
"""Both of a weight's sizes must be multiples of this: cuBLASLt's condition."""


def _cuda(
    a: torch.Tensor, a_scales: torch.Tensor, b: torch.Tensor, b_scales: torch.Tensor, dtype: torch.dtype
) -> torch.Tensor:
    # With scales a row it gives bf16 alone.
    out = torch._scaled_mm(a, b.t(), scale_a=a_scales, scale_b=b_scales.t(), out_dtype=torch.bfloat16)
    return out.to(dtype)


def _fake(
    a: torch.Tensor, a_scales: torch.Tensor, b: torch.Tensor, b_scales: torch.Tensor, dtype: torch.dtype
) -> torch.Tensor:
    return a.new_empty(a.shape[0], b.shape[0], dtype=dtype)


fp8_gemm = register("fp8_gemm", reference.fp8_gemm, _cuda, _fake)
"""See :func:`b200_kernels.ops.fp8_gemm.reference.fp8_gemm`."""
