"""``b200::mxfp8_gemm`` and ``b200::nvfp4_gemm``: on a CPU by way of float32, on a GPU in Triton, where chips from
sm_100 on multiply the formats themselves and older ones their exact bf16 values.
"""

from __future__ import annotations

import torch

from b200_kernels.ops.block_scaled_gemm import reference
from b200_kernels.ops.registration import register


def _mx_cuda(a: torch.Tensor, a_scales: torch.Tensor, b: torch.Tensor, b_scales: torch.Tensor) -> torch.Tensor:
    from b200_kernels.ops.block_scaled_gemm.triton_kernel import launch_mxfp8

    return launch_mxfp8(a, a_scales, b, b_scales)


def _mx_fake(a: torch.Tensor, a_scales: torch.Tensor, b: torch.Tensor, b_scales: torch.Tensor) -> torch.Tensor:
    return a.new_empty(a.shape[0], b.shape[0], dtype=torch.float32)


def _nv_cuda(
    a: torch.Tensor,
    a_scales: torch.Tensor,
    a_whole: torch.Tensor,
    b: torch.Tensor,
    b_scales: torch.Tensor,
    b_whole: torch.Tensor,
) -> torch.Tensor:
    from b200_kernels.ops.block_scaled_gemm.triton_kernel import launch_nvfp4

    return launch_nvfp4(a, a_scales, a_whole, b, b_scales, b_whole)


def _nv_fake(
    a: torch.Tensor,
    a_scales: torch.Tensor,
    a_whole: torch.Tensor,
    b: torch.Tensor,
    b_scales: torch.Tensor,
    b_whole: torch.Tensor,
) -> torch.Tensor:
    return a.new_empty(a.shape[0], b.shape[0], dtype=torch.float32)


mxfp8_gemm = register("mxfp8_gemm", reference.mxfp8_gemm, _mx_cuda, _mx_fake)
"""See :func:`b200_kernels.ops.block_scaled_gemm.reference.mxfp8_gemm`."""
nvfp4_gemm = register("nvfp4_gemm", reference.nvfp4_gemm, _nv_cuda, _nv_fake)
"""See :func:`b200_kernels.ops.block_scaled_gemm.reference.nvfp4_gemm`."""
