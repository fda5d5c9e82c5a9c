"""Block-scaled numbers in plain torch, and their products by way of wide ones.

- **MXFP8** (OCP Microscaling 1.0): 32 E4M3 values share an E8M0 scale, a byte e that means 2^(e - 127).
- **NVFP4** (NVIDIA): 16 E2M1 values, two a byte with the first in the low half, share an E4M3 scale; one float32
  scale serves the whole tensor.

A matrix is stored along its inner dimension: (rows, depth) with scales (rows, depth / block).
"""

from __future__ import annotations

from itertools import pairwise

import torch

from b200_kernels.ops.fp8 import E4M3, E4M3_MAX

MX_BLOCK, NV_BLOCK = 32, 16
E2M1_VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""What the codes 0 to 7 mean; bit 3 is the sign."""
_MIDDLES = tuple((below + above) / 2 for below, above in pairwise(E2M1_VALUES))
E2M1_MAX = 6.0
NV_LARGEST = E2M1_MAX * E4M3_MAX
"""The largest number that NVFP4 holds where the tensor's scale is 1."""
_E8M0_BIAS = 127
_E4M3_EXPONENT = 8
"""The exponent of the largest E4M3 value, 448 = 1.75 * 2^8."""


def quantise_mxfp8(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(rows, depth), depth a multiple of 32, to E4M3 of that shape and E8M0 scales as bytes (rows, depth / 32)."""
    blocks = x.to(torch.float32).unflatten(-1, (-1, MX_BLOCK))
    largest = blocks.abs().amax(dim=-1)
    exponent = torch.floor(torch.log2(largest.clamp(min=2.0**-126))) - _E4M3_EXPONENT
    exponent = exponent.clamp(1 - _E8M0_BIAS, _E8M0_BIAS)  # 2^-127 is no normal float32: some devices flush it
    values = (blocks / torch.exp2(exponent)[..., None]).clamp(-E4M3_MAX, E4M3_MAX)
    return values.flatten(-2).to(E4M3), (exponent + _E8M0_BIAS).to(torch.uint8)


def dequantise_mxfp8(values: torch.Tensor, scales: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The matrix that :func:`quantise_mxfp8` stored, (rows, depth)."""
    factors = torch.exp2(scales.to(dtype) - _E8M0_BIAS)
    return values.to(dtype) * factors.repeat_interleave(MX_BLOCK, dim=-1)


def quantise_nvfp4(
    x: torch.Tensor, whole: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(rows, depth), depth a multiple of 16, to packed E2M1 bytes (rows, depth / 2), E4M3 scales
    (rows, depth / 16) and the tensor's float32 scale, of shape (): ``whole``, or what its largest number asks for.
    """
    wide = x.to(torch.float32)
    if whole is None:
        whole = (wide.abs().amax() / NV_LARGEST).clamp(min=torch.finfo(torch.float32).tiny)
    blocks = wide.unflatten(-1, (-1, NV_BLOCK))
    scales = (blocks.abs().amax(dim=-1) / E2M1_MAX / whole).clamp(max=E4M3_MAX).to(E4M3)
    factors = scales.to(torch.float32) * whole
    steps = torch.where(factors[..., None] > 0, blocks / factors[..., None], 0.0)
    codes = _e2m1(steps).flatten(-2)
    return codes[..., ::2] | codes[..., 1::2] << 4, scales, whole


def _e2m1(x: torch.Tensor) -> torch.Tensor:
    """The nearest E2M1 codes as bytes, ties to the even one."""
    size = x.abs()
    # A tie goes up where the code above is the even one. No table: it would have to be sent to a GPU each time.
    code = (x < 0).to(torch.uint8) * 8
    for at, middle in enumerate(_MIDDLES):
        code += (size >= middle) if at % 2 else (size > middle)
    return code


def dequantise_nvfp4(
    packed: torch.Tensor, scales: torch.Tensor, whole: torch.Tensor, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """The matrix that :func:`quantise_nvfp4` stored, (rows, depth)."""
    signed = torch.tensor([*E2M1_VALUES, *(-value for value in E2M1_VALUES)], dtype=dtype, device=packed.device)
    codes = torch.stack((packed & 15, packed >> 4), dim=-1).flatten(-2)
    factors = scales.to(torch.float32).to(dtype).repeat_interleave(NV_BLOCK, dim=-1)
    return signed[codes.long()] * factors * whole.to(dtype)


def mxfp8_gemm(a: torch.Tensor, a_scales: torch.Tensor, b: torch.Tensor, b_scales: torch.Tensor) -> torch.Tensor:
    """``A @ B.T`` of (m, depth) and (n, depth), in float32, shape (m, n)."""
    return dequantise_mxfp8(a, a_scales) @ dequantise_mxfp8(b, b_scales).T


def nvfp4_gemm(
    a: torch.Tensor,
    a_scales: torch.Tensor,
    a_whole: torch.Tensor,
    b: torch.Tensor,
    b_scales: torch.Tensor,
    b_whole: torch.Tensor,
) -> torch.Tensor:
    """``A @ B.T`` of (m, depth) and (n, depth), in float32, shape (m, n)."""
    return dequantise_nvfp4(a, a_scales, a_whole) @ dequantise_nvfp4(b, b_scales, b_whole).T
