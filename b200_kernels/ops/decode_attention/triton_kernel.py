"""Split-KV decode attention in Triton: the keys of a request are shared out among programs, so that few requests
fill a chip too; a second kernel joins what they found (Flash-Decoding). The query heads of one kv head go together
and read its keys once.

E4M3 keys are widened after they are loaded: the step is bound by the bytes of the cache, not by the products.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

KEYS = 64
_GROUP = 16
"""Rows of the smallest matrix instruction: query heads beyond a group's own are empty."""
_PROGRAMS = 528
"""Four for each of an H200's 132 processors."""
_USUAL_KEYS = 512
"""A window's audio with a prompt and an answer. Page tables are wider, for the few that are longer; what lies beyond a
request's own length costs a program that finds nothing.
"""


@triton.jit
def split_kernel(
    query_ptr: tl.tensor,
    keys_ptr: tl.tensor,
    values_ptr: tl.tensor,
    pages_ptr: tl.tensor,
    lengths_ptr: tl.tensor,
    key_scale_ptr: tl.tensor,
    value_scale_ptr: tl.tensor,
    part_ptr: tl.tensor,
    best_ptr: tl.tensor,
    total_ptr: tl.tensor,
    most_pages: tl.tensor,
    keys_a_split: tl.tensor,
    softmax_scale: tl.tensor,
    SCALED: tl.constexpr,
    UPCAST: tl.constexpr,
    HEADS: tl.constexpr,
    KV_HEADS: tl.constexpr,
    WIDTH: tl.constexpr,
    PAGE: tl.constexpr,
    GROUP: tl.constexpr,
    KEYS: tl.constexpr,
) -> None:
    request, kv_head, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    per_kv: tl.constexpr = HEADS // KV_HEADS
    member, column = tl.arange(0, GROUP), tl.arange(0, WIDTH)
    head = kv_head * per_kv + member
    mine = member < per_kv
    query = tl.load(
        query_ptr + (request * HEADS + head)[:, None] * WIDTH + column[None, :], mask=mine[:, None], other=0.0
    )
    if UPCAST:  # the interpreter falsifies bf16 arithmetic
        query = query.to(tl.float32)
    scale = softmax_scale
    if SCALED:
        scale *= tl.load(key_scale_ptr + kv_head)
    best = tl.full((GROUP,), float("-inf"), tl.float32)
    total = tl.zeros((GROUP,), tl.float32)
    part = tl.zeros((GROUP, WIDTH), tl.float32)
    begin = split * keys_a_split
    end = tl.minimum(begin + keys_a_split, tl.load(lengths_ptr + request))
    for first in range(begin, end, KEYS):
        key = first + tl.arange(0, KEYS)
        there = key < end
        page = tl.load(pages_ptr + request * most_pages + key // PAGE, mask=there, other=0).to(tl.int64)
        at = ((page * PAGE + key % PAGE) * KV_HEADS + kv_head)[:, None] * WIDTH + column[None, :]
        k = tl.load(keys_ptr + at, mask=there[:, None], other=0.0).to(query.dtype)
        scores = tl.dot(query, tl.trans(k), input_precision="ieee") * scale
        scores = tl.where(there[None, :], scores, float("-inf"))
        larger = tl.maximum(best, tl.max(scores, axis=1))
        weights = tl.exp(scores - larger[:, None])
        shrink = tl.exp(best - larger)
        v = tl.load(values_ptr + at, mask=there[:, None], other=0.0).to(query.dtype)
        part = tl.dot(weights.to(query.dtype), v, part * shrink[:, None], input_precision="ieee")
        total = total * shrink + tl.sum(weights, axis=1)
        best = larger
    if SCALED:
        part *= tl.load(value_scale_ptr + kv_head)
    row = (request * HEADS + head) * tl.num_programs(2) + split
    tl.store(part_ptr + row[:, None] * WIDTH + column[None, :], part, mask=mine[:, None])
    tl.store(best_ptr + row, best, mask=mine)
    tl.store(total_ptr + row, total, mask=mine)


@triton.jit
def join_kernel(
    part_ptr: tl.tensor,
    best_ptr: tl.tensor,
    total_ptr: tl.tensor,
    out_ptr: tl.tensor,
    logsumexp_ptr: tl.tensor,
    splits: tl.tensor,
    SPLITS: tl.constexpr,
    WIDTH: tl.constexpr,
) -> None:
    row = tl.program_id(0)
    split, column = tl.arange(0, SPLITS), tl.arange(0, WIDTH)
    there = split < splits
    best = tl.load(best_ptr + row * splits + split, mask=there, other=float("-inf"))
    total = tl.load(total_ptr + row * splits + split, mask=there, other=0.0)
    top = tl.max(best, axis=0)
    weight = tl.exp(best - top)
    whole = tl.sum(total * weight, axis=0)
    part = tl.load(part_ptr + (row * splits + split)[:, None] * WIDTH + column[None, :], mask=there[:, None], other=0.0)
    out = tl.sum(part * weight[:, None], axis=0) / whole
    tl.store(out_ptr + row * WIDTH + column, out.to(out_ptr.dtype.element_ty))
    tl.store(logsumexp_ptr + row, top + tl.log(whole))


@triton.jit
def attention_to_kernel(
    query_ptr: tl.tensor,
    keys_ptr: tl.tensor,
    pages_ptr: tl.tensor,
    logsumexp_ptr: tl.tensor,
    heads_ptr: tl.tensor,
    first_ptr: tl.tensor,
    key_scale_ptr: tl.tensor,
    out_ptr: tl.tensor,
    most_pages: tl.tensor,
    count: tl.tensor,
    softmax_scale: tl.tensor,
    SCALED: tl.constexpr,
    HEADS: tl.constexpr,
    KV_HEADS: tl.constexpr,
    WIDTH: tl.constexpr,
    PAGE: tl.constexpr,
    KEYS: tl.constexpr,
) -> None:
    request, chosen, block = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    head = tl.load(heads_ptr + chosen)
    kv_head = head // (HEADS // KV_HEADS)
    column = tl.arange(0, WIDTH)
    query = tl.load(query_ptr + (request * HEADS + head) * WIDTH + column).to(tl.float32)
    scale = softmax_scale
    if SCALED:
        scale *= tl.load(key_scale_ptr + kv_head)
    index = block * KEYS + tl.arange(0, KEYS)
    there = index < count
    key = tl.load(first_ptr + request) + index
    page = tl.load(pages_ptr + request * most_pages + key // PAGE, mask=there, other=0).to(tl.int64)
    at = ((page * PAGE + key % PAGE) * KV_HEADS + kv_head)[:, None] * WIDTH + column[None, :]
    k = tl.load(keys_ptr + at, mask=there[:, None], other=0.0).to(tl.float32)
    score = tl.sum(k * query[None, :], axis=1) * scale
    probability = tl.exp(score - tl.load(logsumexp_ptr + request * HEADS + head))
    tl.store(out_ptr + (request * tl.num_programs(1) + chosen) * count + index, probability, mask=there)


def launch(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    pages_of: torch.Tensor,
    lengths: torch.Tensor,
    key_scale: torch.Tensor | None,
    value_scale: torch.Tensor | None,
    upcast: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """See :func:`b200_kernels.ops.decode_attention.reference.decode_attention`; head widths are powers of two of
    at least 16, and ``upcast`` is for the interpreter.
    """
    requests, heads, width = query.shape
    page, kv_heads = keys.shape[1], keys.shape[2]
    most = pages_of.shape[1] * page
    usual = min(most, _USUAL_KEYS)
    splits = max(1, min(_PROGRAMS // (requests * kv_heads), triton.cdiv(usual, KEYS)))
    keys_a_split = triton.cdiv(triton.cdiv(usual, splits), KEYS) * KEYS
    splits = triton.cdiv(most, keys_a_split)
    part = torch.empty(requests, heads, splits, width, device=query.device)
    best = torch.empty(requests, heads, splits, device=query.device)
    total = torch.empty_like(best)
    split_kernel[(requests, kv_heads, splits)](
        query.contiguous(),
        keys,
        values,
        pages_of,
        lengths,
        query if key_scale is None else key_scale,
        query if value_scale is None else value_scale,
        part,
        best,
        total,
        pages_of.shape[1],
        keys_a_split,
        width**-0.5,
        SCALED=key_scale is not None,
        UPCAST=upcast,
        HEADS=heads,
        KV_HEADS=kv_heads,
        WIDTH=width,
        PAGE=page,
        GROUP=max(_GROUP, triton.next_power_of_2(heads // kv_heads)),
        KEYS=KEYS,
        num_warps=4,
        num_stages=3,
    )
    out, logsumexp = torch.empty_like(query), torch.empty(requests, heads, device=query.device)
    join_kernel[(requests * heads,)](
        part, best, total, out, logsumexp, splits, SPLITS=triton.next_power_of_2(splits), WIDTH=width
    )
    return out, logsumexp


def launch_attention_to(
    query: torch.Tensor,
    keys: torch.Tensor,
    pages_of: torch.Tensor,
    logsumexp: torch.Tensor,
    heads: torch.Tensor,
    first: torch.Tensor,
    count: int,
    key_scale: torch.Tensor | None,
) -> torch.Tensor:
    """See :func:`b200_kernels.ops.decode_attention.reference.attention_to`."""
    requests, _, width = query.shape
    out = torch.empty(requests, len(heads), count, device=query.device)
    attention_to_kernel[(requests, len(heads), triton.cdiv(count, KEYS))](
        query.contiguous(),
        keys,
        pages_of,
        logsumexp,
        heads,
        first,
        logsumexp if key_scale is None else key_scale,
        out,
        pages_of.shape[1],
        count,
        width**-0.5,
        SCALED=key_scale is not None,
        HEADS=query.shape[1],
        KV_HEADS=keys.shape[2],
        WIDTH=width,
        PAGE=keys.shape[1],
        KEYS=KEYS,
    )
    return out
