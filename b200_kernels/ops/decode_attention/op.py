"""``b200::decode_attention`` and ``b200::attention_to``: C or plain torch on a CPU, split-KV Triton on a GPU."""

from __future__ import annotations

import torch

from b200_kernels.ops.decode_attention import native, reference
from b200_kernels.ops.registration import register


def _cpu(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    pages_of: torch.Tensor,
    lengths: torch.Tensor,
    key_scale: torch.Tensor | None = None,
    value_scale: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    if native.serves(query, keys):
        return native.decode_attention(query, keys, values, pages_of, lengths)
    return reference.decode_attention(query, keys, values, pages_of, lengths, key_scale, value_scale)


def _cuda(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    pages_of: torch.Tensor,
    lengths: torch.Tensor,
    key_scale: torch.Tensor | None = None,
    value_scale: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    from b200_kernels.ops.decode_attention.triton_kernel import launch

    return launch(query, keys, values, pages_of, lengths, key_scale, value_scale)


def _fake(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    pages_of: torch.Tensor,
    lengths: torch.Tensor,
    key_scale: torch.Tensor | None = None,
    value_scale: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    wide = torch.promote_types(query.dtype, torch.float32)
    return torch.empty_like(query), query.new_empty(query.shape[0], query.shape[1], dtype=wide)


def _to_cpu(
    query: torch.Tensor,
    keys: torch.Tensor,
    pages_of: torch.Tensor,
    logsumexp: torch.Tensor,
    heads: torch.Tensor,
    first: torch.Tensor,
    count: int,
    key_scale: torch.Tensor | None = None,
) -> torch.Tensor:
    if native.serves(query, keys):
        return native.attention_to(query, keys, pages_of, logsumexp, heads, first, count)
    return reference.attention_to(query, keys, pages_of, logsumexp, heads, first, count, key_scale)


def _to_cuda(
    query: torch.Tensor,
    keys: torch.Tensor,
    pages_of: torch.Tensor,
    logsumexp: torch.Tensor,
    heads: torch.Tensor,
    first: torch.Tensor,
    count: int,
    key_scale: torch.Tensor | None = None,
) -> torch.Tensor:
    from b200_kernels.ops.decode_attention.triton_kernel import launch_attention_to

    return launch_attention_to(query, keys, pages_of, logsumexp, heads, first, count, key_scale)


def _to_fake(
    query: torch.Tensor,
    keys: torch.Tensor,
    pages_of: torch.Tensor,
    logsumexp: torch.Tensor,
    heads: torch.Tensor,
    first: torch.Tensor,
    count: int,
    key_scale: torch.Tensor | None = None,
) -> torch.Tensor:
    return logsumexp.new_empty(query.shape[0], heads.shape[0], count)


decode_attention = register("decode_attention", _cpu, _cuda, _fake)
"""See :func:`b200_kernels.ops.decode_attention.reference.decode_attention`."""
attention_to = register("attention_to", _to_cpu, _to_cuda, _to_fake)
"""See :func:`b200_kernels.ops.decode_attention.reference.attention_to`."""
