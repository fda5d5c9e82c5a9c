"""``b200::swiglu`` and ``b200::swiglu_fp8``: on a CPU plain torch, on a GPU the Triton kernel."""

from __future__ import annotations

import torch

from b200_kernels.ops.fp8 import E4M3
from b200_kernels.ops.registration import register
from b200_kernels.ops.swiglu import reference


def _cuda(gate_up: torch.Tensor) -> torch.Tensor:
    from b200_kernels.ops.swiglu.triton_kernel import launch

    return launch(gate_up)


def _fake(gate_up: torch.Tensor) -> torch.Tensor:
    return gate_up.new_empty(gate_up.shape[0], gate_up.shape[1] // 2)


def _fp8_cuda(gate_up: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    from b200_kernels.ops.swiglu.triton_kernel import launch_fp8

    return launch_fp8(gate_up)


def _fp8_fake(gate_up: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    rows, width = gate_up.shape[0], gate_up.shape[1] // 2
    return gate_up.new_empty(rows, width, dtype=E4M3), gate_up.new_empty(rows, 1, dtype=torch.float32)


swiglu = register("swiglu", reference.swiglu, _cuda, _fake)
"""See :func:`b200_kernels.ops.swiglu.reference.swiglu`."""
swiglu_fp8 = register("swiglu_fp8", reference.swiglu_fp8, _fp8_cuda, _fp8_fake)
"""See :func:`b200_kernels.ops.swiglu.reference.swiglu_fp8`."""
