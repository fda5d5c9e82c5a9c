"""``b200::encoder_attention``: on a CPU the compiled kernel, elsewhere torch's own (FlashAttention on a GPU).

It takes queries, keys and values as one product leaves them, so that nothing is moved before or after.
"""

from __future__ import annotations

import ctypes
import math
from pathlib import Path

import torch
from torch.nn import functional as F

from b200_kernels.ops.native import address, library
from b200_kernels.ops.registration import register
from b200_kernels.ops.split_linear.op import available

_SOURCE = Path(__file__).with_name("encoder_attention.c")
_SPLIT = Path(__file__).with_name("split_attention.c")
_WIDTH = 64


def plain(qkv: torch.Tensor) -> torch.Tensor:
    """By torch's attention."""
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).contiguous()


def serves(qkv: torch.Tensor) -> bool:
    """Whether the compiled kernel can do it here: fp32, heads of 64, AVX-512, a compiler."""
    return _fits(qkv) and torch.cpu._is_avx512_supported() and library(_SOURCE) is not None


def native(qkv: torch.Tensor) -> torch.Tensor:
    """By ``encoder_attention.c``, on the calling thread alone."""
    return _called(_SOURCE, qkv)


def split_attention(qkv: torch.Tensor) -> torch.Tensor:
    """The same with every number as the sum of two bf16 (:mod:`b200_kernels.ops.split_linear`)."""
    return _called(_SPLIT, qkv) if _fits(qkv) and available() else encoder_attention(qkv)


def _fits(qkv: torch.Tensor) -> bool:
    return qkv.dtype == torch.float32 and qkv.shape[4] == _WIDTH


def _called(source: Path, qkv: torch.Tensor) -> torch.Tensor:
    qkv = qkv.contiguous()
    n, frames, _, heads, width = qkv.shape
    out = qkv.new_empty(n, frames, heads, width)
    found = library(source)
    assert found is not None
    sizes = map(ctypes.c_long, (n, frames, heads))
    scale = ctypes.c_float(width**-0.5 * math.log2(math.e))
    if found.encoder_attention(address(qkv), address(out), *sizes, scale):
        raise MemoryError("out of memory: no room for a head's scores")
    return out


def _cpu(qkv: torch.Tensor) -> torch.Tensor:
    # The kernel has one thread: where a caller gives torch several, torch's own is the faster one.
    return native(qkv) if torch.get_num_threads() == 1 and serves(qkv) else plain(qkv)


def _fake(qkv: torch.Tensor) -> torch.Tensor:
    n, frames, _, heads, width = qkv.shape
    return qkv.new_empty(n, frames, heads, width)


encoder_attention = register("encoder_attention", _cpu, plain, _fake)
"""(n, frames, 3, heads, width) queries, keys and values to (n, frames, heads, width)."""
