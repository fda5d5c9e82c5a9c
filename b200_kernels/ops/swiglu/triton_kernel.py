"""SwiGLU in Triton: one program a row, so that the quantisation finds the row's maximum without another pass."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from b200_kernels.ops.fp8 import E4M3


@triton.jit
def swiglu_kernel(
    gate_up_ptr: tl.tensor,
    out_ptr: tl.tensor,
    scale_ptr: tl.tensor,
    width: tl.tensor,
    FP8: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    inside = columns < width
    at = gate_up_ptr + row * 2 * width + columns
    gate = tl.load(at, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(at + width, mask=inside, other=0.0).to(tl.float32)
    y = gate * tl.sigmoid(gate) * up
    if FP8:
        scale = tl.maximum(tl.max(tl.abs(y), axis=0) / 448.0, 1e-12)
        tl.store(scale_ptr + row, scale)
        y = tl.minimum(tl.maximum(y / scale, -448.0), 448.0)
    tl.store(out_ptr + row * width + columns, y.to(out_ptr.dtype.element_ty), mask=inside)


def launch(gate_up: torch.Tensor) -> torch.Tensor:
    """(rows, 2 * width) to (rows, width)."""
    out = gate_up.new_empty(gate_up.shape[0], gate_up.shape[1] // 2)
    _run(gate_up, out, None)
    return out


def launch_fp8(gate_up: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(quantised, scale)."""
    rows, width = gate_up.shape[0], gate_up.shape[1] // 2
    out = gate_up.new_empty(rows, width, dtype=E4M3)
    scale = gate_up.new_empty(rows, 1, dtype=torch.float32)
    _run(gate_up, out, scale)
    return out, scale


def _run(gate_up: torch.Tensor, out: torch.Tensor, scale: torch.Tensor | None) -> None:
    rows, width = out.shape
    swiglu_kernel[(rows,)](
        gate_up.contiguous(),
        out,
        gate_up if scale is None else scale,
        width,
        FP8=scale is not None,
        BLOCK=triton.next_power_of_2(width),
        num_warps=8,
    )
