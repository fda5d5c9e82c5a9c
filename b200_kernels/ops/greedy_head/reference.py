"""The head with the greedy choice, by way of the logits."""

from __future__ import annotations

import torch


def greedy_head(
    hidden: torch.Tensor, weight: torch.Tensor, banned: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """(rows, width) states and (vocabulary, width) weights to int64 tokens and log-probabilities, each (rows,).

    The token is the lowest of those with the largest logit; its log-probability is the largest logit less the
    logarithm of the sum of all exponentials. Logits are sums in float32 or wider. ``banned`` (vocabulary,), bool,
    names tokens that are not there at all.
    """
    wide = torch.promote_types(hidden.dtype, torch.float32)
    logits = hidden.to(wide) @ weight.to(wide).T
    if banned is not None:
        logits = logits.masked_fill(banned, -torch.inf)
    best = logits.max(dim=-1)
    return best.indices, best.values - logits.logsumexp(dim=-1)
