"""What is tried again when the gate rejects a text, in which order, and which attempt ships in the end.

It knows judgements; it does not know what a text or a model is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from quality.gate import Judgement
from quality.settings import Quality

Step = Literal["strict", "cascade", "sample"]
"""``strict``: the stricter prompt; ``cascade``: translate the transcript instead; ``sample``: draw with
temperature.
"""

LADDERS: dict[Quality, tuple[Step, ...]] = {
    "low": (),
    "medium": ("strict",),
    "high": ("strict", "cascade"),
    "max": ("strict", "cascade", "sample", "sample"),
}


def ladder(quality: Quality) -> tuple[Step, ...]:
    """The retries that a rejected window gets, in order."""
    return LADDERS[quality]


def best(attempts: Sequence[Judgement]) -> int:
    """The position of the attempt to ship: an accepted one before a rejected, then the higher score, then
    the earlier.

    Raises:
        ValueError: there is none.
    """
    if not attempts:
        raise ValueError("there must be at least one attempt to choose from")
    return max(range(len(attempts)), key=lambda i: (attempts[i].accepted, attempts[i].score, -i))
