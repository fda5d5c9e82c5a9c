"""``b200::rms_norm``, ``b200::add_rms_norm``, ``b200::add_rms_norm_fp8``: on a CPU plain torch, on a GPU Triton."""

from __future__ import annotations

import torch

from b200_kernels.ops.fp8 import E4M3
from b200_kernels.ops.registration import register
from b200_kernels.ops.rms_norm import reference


def _cuda(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    from b200_kernels.ops.rms_norm.triton_kernel import launch

    return launch(x, None, weight, eps)[0]


def _fake(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    return torch.empty_like(x)


def _add_cuda(
    x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor]:
    from b200_kernels.ops.rms_norm.triton_kernel import launch

    return launch(x, residual, weight, eps)


def _add_fake(
    x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty_like(x), torch.empty_like(x)


def _add_fp8_cuda(
    x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    from b200_kernels.ops.rms_norm.triton_kernel import launch_fp8

    return launch_fp8(x, residual, weight, eps)


def _add_fp8_fake(
    x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    scale = x.new_empty(x.shape[0], 1, dtype=torch.float32)
    return torch.empty_like(x, dtype=E4M3), scale, torch.empty_like(x)


rms_norm = register("rms_norm", reference.rms_norm, _cuda, _fake)
"""See :func:`b200_kernels.ops.rms_norm.reference.rms_norm`."""
add_rms_norm = register("add_rms_norm", reference.add_rms_norm, _add_cuda, _add_fake)
"""See :func:`b200_kernels.ops.rms_norm.reference.add_rms_norm`."""
add_rms_norm_fp8 = register("add_rms_norm_fp8", reference.add_rms_norm_fp8, _add_fp8_cuda, _add_fp8_fake)
"""See :func:`b200_kernels.ops.rms_norm.reference.add_rms_norm_fp8`."""
