"""Decode attention on a CPU from ``decode_attention.c``: keys are read where they lie, and nothing is gathered."""

from __future__ import annotations

import ctypes
from pathlib import Path

import torch

from b200_kernels.ops.native import address, library

_SOURCE = Path(__file__).with_name("decode_attention.c")
_WIDTHS = (64, 128)
_QUERIES = (torch.float32, torch.bfloat16, torch.float16)
_LANES = 16


def serves(query: torch.Tensor, keys: torch.Tensor) -> bool:
    """Whether the compiled kernel can do it here: keys in fp32, a head width that it knows, AVX-512, a compiler."""
    fits = query.dtype in _QUERIES and keys.dtype == torch.float32 and query.shape[2] in _WIDTHS
    return fits and torch.cpu._is_avx512_supported() and library(_SOURCE) is not None


def decode_attention(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, pages_of: torch.Tensor, lengths: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """See :func:`b200_kernels.ops.decode_attention.reference.decode_attention`; on the calling thread alone."""
    rows, heads, width = query.shape
    _, page, kv_heads, _ = keys.shape
    dtype = query.dtype
    query, pages_of, lengths = query.float().contiguous(), pages_of.contiguous(), lengths.contiguous()
    room = -(-pages_of.shape[1] * page // _LANES) * _LANES
    scores = query.new_empty(heads // kv_heads * room)
    out, logsumexp = torch.empty_like(query), query.new_empty(rows, heads)
    found = library(_SOURCE)
    assert found is not None
    tensors = (query, keys, values, pages_of, lengths, scores, out, logsumexp)
    sizes = (rows, heads, kv_heads, width, page, pages_of.shape[1])
    found.decode_attention(*map(address, tensors), *map(ctypes.c_long, sizes))
    return out.to(dtype), logsumexp


def attention_to(
    query: torch.Tensor,
    keys: torch.Tensor,
    pages_of: torch.Tensor,
    logsumexp: torch.Tensor,
    heads: torch.Tensor,
    first: torch.Tensor,
    count: int,
) -> torch.Tensor:
    """See :func:`b200_kernels.ops.decode_attention.reference.attention_to`; on the calling thread alone."""
    rows, all_heads, width = query.shape
    _, page, kv_heads, _ = keys.shape
    query, pages_of, logsumexp = query.float().contiguous(), pages_of.contiguous(), logsumexp.contiguous()
    out = query.new_empty(rows, len(heads), count)
    found = library(_SOURCE)
    assert found is not None
    tensors = (query, keys, pages_of, logsumexp, heads.contiguous(), first.contiguous(), out)
    sizes = (rows, all_heads, kv_heads, width, page, pages_of.shape[1], len(heads), count)
    found.attention_to(*map(address, tensors), *map(ctypes.c_long, sizes))
    return out
