"""Attention of one new token a request over a paged cache, by way of gathered keys and a softmax.

The cache of a layer is two tensors (pages, page, kv heads, head width), in the type of the queries or in E4M3;
``pages_of`` (requests, most pages) int32 says where a request's keys lie, ``lengths`` (requests,) int32 how many
there are. E4M3 keys and values are multiplied by a float32 scale a kv head, ``key_scale`` and ``value_scale``.
Query head h reads kv head ``h // (heads // kv heads)``.
"""

from __future__ import annotations

import torch


def gather(cache: torch.Tensor, pages_of: torch.Tensor, scale: torch.Tensor | None, wide: torch.dtype) -> torch.Tensor:
    """A request's keys or values one after another: (requests, most keys, kv heads, head width)."""
    found = cache.view(torch.uint8)[pages_of.long()].view(cache.dtype) if cache.dtype.itemsize == 1 else None
    rows = (cache[pages_of.long()] if found is None else found).flatten(1, 2).to(wide)
    return rows if scale is None else rows * scale.to(wide)[:, None]


def decode_attention(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    pages_of: torch.Tensor,
    lengths: torch.Tensor,
    key_scale: torch.Tensor | None = None,
    value_scale: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Queries (requests, heads, head width) to the attended values of that shape, and the logarithm of each
    head's sum of exponentials (requests, heads), with which :func:`attention_to` finds probabilities later.
    """
    wide = torch.promote_types(query.dtype, torch.float32)
    k, v = gather(keys, pages_of, key_scale, wide), gather(values, pages_of, value_scale, wide)
    requests, heads, width = query.shape
    grouped = query.to(wide).view(requests, k.shape[2], -1, width)
    scores = torch.einsum("rgqd,rngd->rgqn", grouped, k) * width**-0.5
    there = torch.arange(k.shape[1], device=query.device) < lengths[:, None]
    scores = scores.masked_fill(~there[:, None, None], -torch.inf)
    v = v.masked_fill(~there[:, :, None, None], 0.0)
    out = torch.einsum("rgqn,rngd->rgqd", scores.softmax(dim=-1), v)
    return out.reshape(requests, heads, width).to(query.dtype), scores.logsumexp(dim=-1).view(requests, heads)


def attention_to(
    query: torch.Tensor,
    keys: torch.Tensor,
    pages_of: torch.Tensor,
    logsumexp: torch.Tensor,
    heads: torch.Tensor,
    first: torch.Tensor,
    count: int,
    key_scale: torch.Tensor | None = None,
) -> torch.Tensor:
    """How much of the attention of chosen ``heads`` (chosen,) int32 went to the ``count`` keys from ``first``
    (requests,) int32 on: probabilities (requests, chosen, count), of all keys, in float32 or wider.

    The keys must be among those that ``logsumexp`` was summed over.
    """
    wide = torch.promote_types(query.dtype, torch.float32)
    k = gather(keys, pages_of, key_scale, wide)
    group = query.shape[1] // k.shape[2]
    wanted = first.long()[:, None] + torch.arange(count, device=query.device)
    rows = torch.arange(len(query), device=query.device)[:, None]
    chosen = k[rows, wanted][:, :, heads.long() // group]
    scores = torch.einsum("rhd,rnhd->rhn", query[:, heads.long()].to(wide), chosen) * query.shape[2] ** -0.5
    return (scores - logsumexp[:, heads.long(), None]).exp()
