"""``b200::greedy_head``: on a CPU in slices of the vocabulary that stay in a core's cache, on a GPU in Triton."""

from __future__ import annotations

import torch

from b200_kernels.ops.registration import register

_TOKENS_AT_ONCE = 8192


def _cpu(
    hidden: torch.Tensor, weight: torch.Tensor, banned: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    wide = torch.promote_types(hidden.dtype, torch.float32)
    states = hidden.to(wide)
    best = states.new_full((len(states),), -torch.inf)
    total = torch.full_like(best, -torch.inf)
    token = torch.zeros_like(best, dtype=torch.int64)
    for first in range(0, len(weight), _TOKENS_AT_ONCE):
        stop = first + _TOKENS_AT_ONCE
        logits = states @ weight[first:stop].to(wide).T
        if banned is not None:
            logits.masked_fill_(banned[first:stop], -torch.inf)
        here, index = logits.max(dim=-1)
        token = torch.where(here > best, index + first, token)
        best = torch.maximum(best, here)
        total = torch.logaddexp(total, logits.logsumexp(dim=-1))
    return token, best - total


def _cuda(
    hidden: torch.Tensor, weight: torch.Tensor, banned: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    from b200_kernels.ops.greedy_head.triton_kernel import launch

    return launch(hidden, weight, banned)


def _fake(
    hidden: torch.Tensor, weight: torch.Tensor, banned: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    rows = hidden.shape[0]
    wide = torch.promote_types(hidden.dtype, torch.float32)
    return hidden.new_empty(rows, dtype=torch.int64), hidden.new_empty(rows, dtype=wide)


greedy_head = register("greedy_head", _cpu, _cuda, _fake)
"""See :func:`b200_kernels.ops.greedy_head.reference.greedy_head`."""
