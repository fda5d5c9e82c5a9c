"""RMSNorm in Triton: one program a row, the residual's addition and the quantisation without another pass."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from b200_kernels.ops.fp8 import E4M3


@triton.jit
def rms_norm_kernel(
    x_ptr: tl.tensor,
    residual_ptr: tl.tensor,
    weight_ptr: tl.tensor,
    out_ptr: tl.tensor,
    scale_ptr: tl.tensor,
    total_ptr: tl.tensor,
    width: tl.tensor,
    eps: tl.tensor,
    ADD: tl.constexpr,
    FP8: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    inside = columns < width
    x = tl.load(x_ptr + row * width + columns, mask=inside, other=0.0).to(tl.float32)
    narrow: tl.constexpr = x_ptr.dtype.element_ty
    if ADD:
        x += tl.load(residual_ptr + row * width + columns, mask=inside, other=0.0).to(tl.float32)
        x = x.to(narrow).to(tl.float32)  # the sum that the next layer gets is the one that is normalised
        tl.store(total_ptr + row * width + columns, x.to(narrow), mask=inside)
    normed = x * tl.rsqrt(tl.sum(x * x, axis=0) / width + eps)
    weight = tl.load(weight_ptr + columns, mask=inside, other=0.0).to(tl.float32)
    y = (normed.to(narrow).to(tl.float32) * weight).to(narrow)
    if FP8:
        wide = y.to(tl.float32)
        scale = tl.maximum(tl.max(tl.abs(wide), axis=0) / 448.0, 1e-12)
        tl.store(scale_ptr + row, scale)
        y = tl.minimum(tl.maximum(wide / scale, -448.0), 448.0).to(tl.float8e4nv)
    tl.store(out_ptr + row * width + columns, y, mask=inside)


def launch(
    x: torch.Tensor, residual: torch.Tensor | None, weight: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """(normed, sum); the sum is x itself where there is no residual."""
    out = torch.empty_like(x)
    total = x if residual is None else torch.empty_like(x)
    _run(x, residual, weight, out, None, total, eps)
    return out, total


def launch_fp8(
    x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(quantised, scale, sum)."""
    out, total = torch.empty_like(x, dtype=E4M3), torch.empty_like(x)
    scale = x.new_empty(x.shape[0], 1, dtype=torch.float32)
    _run(x, residual, weight, out, scale, total, eps)
    return out, scale, total


def _run(
    x: torch.Tensor,
    residual: torch.Tensor | None,
    weight: torch.Tensor,
    out: torch.Tensor,
    scale: torch.Tensor | None,
    total: torch.Tensor,
    eps: float,
) -> None:
    rows, width = x.shape
    rms_norm_kernel[(rows,)](
        x.contiguous(),
        x if residual is None else residual.contiguous(),
        weight,
        out,
        x if scale is None else scale,
        total,
        width,
        eps,
        ADD=residual is not None,
        FP8=scale is not None,
        BLOCK=triton.next_power_of_2(width),
        num_warps=8 if width >= 2048 else 4,
    )
