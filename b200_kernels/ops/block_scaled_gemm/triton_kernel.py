"""Block-scaled products in Triton, two kernels: the chip's own instructions (sm_100 on), and dequantised to bf16.

Both formats are exact in bf16: E4M3 times a power of two, and E2M1 (2 bits) times E4M3 (4 bits). The dequantising
kernel takes the two halves of an NVFP4 byte in two products, so that nothing has to be put in order. Triton 3.6
crashes on NVFP4 for sm_90, which is why that chip never sees the first kernel.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from b200_kernels.ops.block_scaled_gemm.reference import MX_BLOCK, NV_BLOCK

TILE_M, TILE_N, DEPTH = 128, 128, 128
_NATIVE_SINCE = (10, 0)


@triton.jit
def native_kernel(
    a_ptr: tl.tensor,
    a_scales_ptr: tl.tensor,
    b_ptr: tl.tensor,
    b_scales_ptr: tl.tensor,
    out_ptr: tl.tensor,
    whole_ptr: tl.tensor,
    m: tl.tensor,
    n: tl.tensor,
    depth: tl.tensor,
    FP4: tl.constexpr,
    TILE_M: tl.constexpr,
    TILE_N: tl.constexpr,
    DEPTH: tl.constexpr,
) -> None:
    packing: tl.constexpr = 2 if FP4 else 1
    block: tl.constexpr = 16 if FP4 else 32
    kind: tl.constexpr = "e2m1" if FP4 else "e4m3"
    row = tl.program_id(0).to(tl.int64) * TILE_M + tl.arange(0, TILE_M)
    column = tl.program_id(1).to(tl.int64) * TILE_N + tl.arange(0, TILE_N)
    k, s = tl.arange(0, DEPTH // packing), tl.arange(0, DEPTH // block)
    acc = tl.zeros((TILE_M, TILE_N), tl.float32)
    for first in range(0, depth, DEPTH):
        here, scale = first // packing + k, first // block + s
        k_in, s_in = here < depth // packing, scale < depth // block
        a_in, b_in = (row < m)[:, None], (column < n)[:, None]
        a = tl.load(a_ptr + row[:, None] * (depth // packing) + here[None, :], mask=a_in & k_in[None, :], other=0.0)
        b = tl.load(b_ptr + column[:, None] * (depth // packing) + here[None, :], mask=b_in & k_in[None, :], other=0.0)
        a_s = tl.load(
            a_scales_ptr + row[:, None] * (depth // block) + scale[None, :], mask=a_in & s_in[None, :], other=0.0
        )
        b_s = tl.load(
            b_scales_ptr + column[:, None] * (depth // block) + scale[None, :], mask=b_in & s_in[None, :], other=0.0
        )
        acc = tl.dot_scaled(a, a_s, kind, tl.trans(b), b_s, kind, acc)
    if FP4:
        acc *= tl.load(whole_ptr)
    at = out_ptr + row[:, None] * n + column[None, :]
    tl.store(at, acc, mask=(row < m)[:, None] & (column < n)[None, :])


@triton.jit
def _e2m1(code: tl.tensor) -> tl.tensor:
    size = (code & 7).to(tl.float32)
    value = tl.where(size < 4, size * 0.5, tl.where(size < 6, size - 2.0, size * 2.0 - 8.0))
    return tl.where((code & 8) != 0, -value, value)


@triton.jit
def _e8m0(scale: tl.tensor) -> tl.tensor:
    return tl.exp2(scale.to(tl.float32) - 127.0)


@triton.jit
def dequantise_kernel(
    a_ptr: tl.tensor,
    a_scales_ptr: tl.tensor,
    b_ptr: tl.tensor,
    b_scales_ptr: tl.tensor,
    out_ptr: tl.tensor,
    whole_ptr: tl.tensor,
    m: tl.tensor,
    n: tl.tensor,
    depth: tl.tensor,
    FP4: tl.constexpr,
    WIDE: tl.constexpr,
    TILE_M: tl.constexpr,
    TILE_N: tl.constexpr,
    DEPTH: tl.constexpr,
) -> None:
    packing: tl.constexpr = 2 if FP4 else 1
    bytes_a_block: tl.constexpr = 8 if FP4 else 32
    row = tl.program_id(0).to(tl.int64) * TILE_M + tl.arange(0, TILE_M)
    column = tl.program_id(1).to(tl.int64) * TILE_N + tl.arange(0, TILE_N)
    k = tl.arange(0, DEPTH)
    acc = tl.zeros((TILE_M, TILE_N), tl.float32)
    width = depth // packing
    for first in range(0, width, DEPTH):
        here = first + k
        block = here // bytes_a_block
        a_in = (row < m)[:, None] & (here < width)[None, :]
        b_in = (column < n)[None, :] & (here < width)[:, None]
        a = tl.load(a_ptr + row[:, None] * width + here[None, :], mask=a_in, other=0.0)
        b = tl.load(b_ptr + column[None, :] * width + here[:, None], mask=b_in, other=0.0)
        a_s = tl.load(a_scales_ptr + row[:, None] * (width // bytes_a_block) + block[None, :], mask=a_in, other=0.0)
        b_s = tl.load(b_scales_ptr + column[None, :] * (width // bytes_a_block) + block[:, None], mask=b_in, other=0.0)
        if FP4:
            a_s, b_s = a_s.to(tl.float32), b_s.to(tl.float32)
            acc = tl.dot((_e2m1(a) * a_s).to(WIDE), (_e2m1(b) * b_s).to(WIDE), acc)
            acc = tl.dot((_e2m1(a >> 4) * a_s).to(WIDE), (_e2m1(b >> 4) * b_s).to(WIDE), acc)
        else:
            acc = tl.dot((a.to(tl.float32) * _e8m0(a_s)).to(WIDE), (b.to(tl.float32) * _e8m0(b_s)).to(WIDE), acc)
    if FP4:
        acc *= tl.load(whole_ptr)
    at = out_ptr + row[:, None] * n + column[None, :]
    tl.store(at, acc, mask=(row < m)[:, None] & (column < n)[None, :])


def launch_mxfp8(a: torch.Tensor, a_scales: torch.Tensor, b: torch.Tensor, b_scales: torch.Tensor) -> torch.Tensor:
    """See :func:`b200_kernels.ops.block_scaled_gemm.reference.mxfp8_gemm`."""
    return _run(a, a_scales, b, b_scales, None, a.shape[1])


def launch_nvfp4(
    a: torch.Tensor,
    a_scales: torch.Tensor,
    a_whole: torch.Tensor,
    b: torch.Tensor,
    b_scales: torch.Tensor,
    b_whole: torch.Tensor,
) -> torch.Tensor:
    """See :func:`b200_kernels.ops.block_scaled_gemm.reference.nvfp4_gemm`."""
    return _run(a, a_scales, b, b_scales, a_whole * b_whole, 2 * a.shape[1])


def _run(
    a: torch.Tensor,
    a_scales: torch.Tensor,
    b: torch.Tensor,
    b_scales: torch.Tensor,
    whole: torch.Tensor | None,
    depth: int,
) -> torch.Tensor:
    fp4 = whole is not None
    block = NV_BLOCK if fp4 else MX_BLOCK
    if depth % block:
        raise ValueError(f"the depth {depth} is no multiple of {block}")
    out = torch.empty(len(a), len(b), device=a.device)
    if torch.cuda.get_device_capability(a.device) >= _NATIVE_SINCE:
        native_kernel[(triton.cdiv(len(a), TILE_M), triton.cdiv(len(b), TILE_N))](
            *(a, a_scales, b, b_scales, out, a if whole is None else whole, len(a), len(b), depth),
            FP4=fp4,
            TILE_M=TILE_M,
            TILE_N=TILE_N,
            DEPTH=DEPTH,
            num_warps=4,
        )
    else:
        run_dequantised(a, a_scales, b, b_scales, whole, depth, out)
    return out


def run_dequantised(
    a: torch.Tensor,
    a_scales: torch.Tensor,
    b: torch.Tensor,
    b_scales: torch.Tensor,
    whole: torch.Tensor | None,
    depth: int,
    out: torch.Tensor,
    interpreted: bool = False,
) -> None:
    """The dequantising kernel, to ``out`` (m, n) float32. The interpreter falsifies bf16: it multiplies float32."""
    tile, deep = (64, 32) if whole is not None else (128, 64)
    dequantise_kernel[(triton.cdiv(len(a), tile), triton.cdiv(len(b), tile))](
        *(a, a_scales, b, b_scales, out, a if whole is None else whole, len(a), len(b), depth),
        FP4=whole is not None,
        WIDE=tl.float32 if interpreted else tl.bfloat16,
        TILE_M=tile,
        TILE_N=tile,
        DEPTH=deep,
        num_warps=8,
    )
