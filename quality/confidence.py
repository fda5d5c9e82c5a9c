"""What the model itself says about its answer: how sure it was, and why it stopped."""

from __future__ import annotations

import math
from collections.abc import Iterator


def signs_of_the_model(logprob: float, finish_reason: str, min_logprob: float) -> Iterator[str]:
    """``truncated`` at the token limit, ``loop`` where the engine saw one, ``unsure`` below ``min_logprob`` (mean
    log-probability of a token; NaN is no confidence either).
    """
    if finish_reason == "length":
        yield "truncated"
    if finish_reason == "loop":
        yield "loop"
    if not logprob >= min_logprob:
        yield "unsure"


def confidence(logprob: float) -> float:
    """The mean probability of a token, 0 to 1; 0.0 where it is not known."""
    return math.exp(min(0.0, logprob)) if math.isfinite(logprob) else 0.0
