"""The head with the greedy choice in Triton: every program goes through a stretch of the vocabulary and keeps, a
row, the largest logit, its token and the sum of exponentials; a second kernel joins the stretches.

The weights are the tensor core's 128-row side: few rows of states would otherwise compile to slow instructions.
Larger logits win only if strictly larger, and stretches are joined in order, so ties go to the lowest token.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

TOKENS, DEPTH = 128, 64
_MOST_ROWS = 32
"""With 64 rows the kernel spills on a B200."""
_PROGRAMS = 256
"""About as many as run at once on an H200 or B200."""


@triton.jit
def head_kernel(
    hidden_ptr: tl.tensor,
    weight_ptr: tl.tensor,
    banned_ptr: tl.tensor,
    best_ptr: tl.tensor,
    token_ptr: tl.tensor,
    total_ptr: tl.tensor,
    rows: tl.tensor,
    vocabulary: tl.tensor,
    width: tl.tensor,
    tokens_a_split: tl.tensor,
    BANNED: tl.constexpr,
    UPCAST: tl.constexpr,
    TOKENS: tl.constexpr,
    ROWS: tl.constexpr,
    DEPTH: tl.constexpr,
) -> None:
    split = tl.program_id(1)
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    depth = tl.arange(0, DEPTH)
    best = tl.full((ROWS,), float("-inf"), tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    token = tl.zeros((ROWS,), tl.int32)
    begin = split * tokens_a_split
    for first in range(begin, tl.minimum(begin + tokens_a_split, vocabulary), TOKENS):
        here = first + tl.arange(0, TOKENS)
        logits = tl.zeros((TOKENS, ROWS), tl.float32)
        for k in range(0, width, DEPTH):
            inside = k + depth < width
            w = tl.load(
                weight_ptr + here.to(tl.int64)[:, None] * width + k + depth[None, :],
                mask=(here < vocabulary)[:, None] & inside[None, :],
                other=0.0,
            )
            h = tl.load(
                hidden_ptr + row.to(tl.int64)[None, :] * width + k + depth[:, None],
                mask=(row < rows)[None, :] & inside[:, None],
                other=0.0,
            )
            if UPCAST:  # the interpreter falsifies bf16 arithmetic
                w, h = w.to(tl.float32), h.to(tl.float32)
            logits = tl.dot(w, h, logits, input_precision="ieee")
        there = here < vocabulary
        if BANNED:
            there = there & (tl.load(banned_ptr + here, mask=there, other=1) == 0)
        logits = tl.where(there[:, None], logits, float("-inf"))
        top = tl.max(logits, axis=0)
        token_here = tl.min(tl.where(logits == top[None, :], here[:, None], vocabulary), axis=0)
        larger = tl.maximum(best, top)
        base = tl.where(larger == float("-inf"), 0.0, larger)  # a stretch may be banned as a whole
        total = total * tl.exp(best - base) + tl.sum(tl.exp(logits - base[None, :]), axis=0)
        token = tl.where(top > best, token_here, token)
        best = larger
    at = row * tl.num_programs(1) + split
    tl.store(best_ptr + at, best, mask=row < rows)
    tl.store(token_ptr + at, token, mask=row < rows)
    tl.store(total_ptr + at, total, mask=row < rows)


@triton.jit
def join_kernel(
    best_ptr: tl.tensor,
    token_ptr: tl.tensor,
    total_ptr: tl.tensor,
    out_ptr: tl.tensor,
    logprob_ptr: tl.tensor,
    splits: tl.tensor,
    SPLITS: tl.constexpr,
) -> None:
    row = tl.program_id(0)
    split = tl.arange(0, SPLITS)
    best = tl.load(best_ptr + row * splits + split, mask=split < splits, other=float("-inf"))
    total = tl.load(total_ptr + row * splits + split, mask=split < splits, other=0.0)
    top, index = tl.max(best, axis=0, return_indices=True, return_indices_tie_break_left=True)
    tl.store(out_ptr + row, tl.load(token_ptr + row * splits + index).to(tl.int64))
    tl.store(logprob_ptr + row, -tl.log(tl.sum(total * tl.exp(best - top), axis=0)))


def launch(
    hidden: torch.Tensor, weight: torch.Tensor, banned: torch.Tensor | None, upcast: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """See :func:`b200_kernels.ops.greedy_head.reference.greedy_head`; ``upcast`` is for the interpreter."""
    rows, width = hidden.shape
    most = _MOST_ROWS if hidden.dtype.itemsize < 4 else 16  # with 32 rows of float32 it spills there too
    rows_a_tile = min(most, max(16, triton.next_power_of_2(rows)))
    tiles = triton.cdiv(len(weight), TOKENS)
    tiles_a_split = triton.cdiv(tiles, _PROGRAMS)
    splits = triton.cdiv(tiles, tiles_a_split)
    best = torch.empty(rows, splits, device=hidden.device)
    total, token = torch.empty_like(best), torch.empty_like(best, dtype=torch.int32)
    # Tiles of rows that share a stretch of the head run beside each other, and find it in the cache.
    head_kernel[(triton.cdiv(rows, rows_a_tile), splits)](
        hidden.contiguous(),
        weight,
        weight if banned is None else banned.view(torch.int8),
        best,
        token,
        total,
        rows,
        len(weight),
        width,
        tiles_a_split * TOKENS,
        BANNED=banned is not None,
        UPCAST=upcast,
        TOKENS=TOKENS,
        ROWS=rows_a_tile,
        DEPTH=DEPTH,
        num_warps=8,
        num_stages=4,
    )
    out = torch.empty(rows, dtype=torch.int64, device=hidden.device)
    logprob = torch.empty(rows, device=hidden.device)
    join_kernel[(rows,)](best, token, total, out, logprob, splits, SPLITS=triton.next_power_of_2(splits))
    return out, logprob
