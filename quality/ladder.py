"""What is tried again when the gate rejects a text, in which order, and which attempt ships in the end.

It knows judgements; it does not know what a text or a model is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from quality.gate import Judgement
from quality.settings import Quality

Step = Literal["glossary", "strict", "pieces", "cascade", "sample"]
"""``glossary``: with the terms that were missed, which costs nothing without a glossary; ``strict``: the stricter
prompt; ``pieces``: the window in two, asked alone; ``cascade``: translate the transcript instead; ``sample``: several
draws with temperature, of which the best counts.
"""
FIRST = "first"
"""What the step of an attempt is called that was no retry."""

LADDERS: dict[Quality, tuple[Step, ...]] = {
    "low": ("glossary",),
    "medium": ("glossary", "strict"),
    "high": ("glossary", "strict", "pieces", "cascade"),
    "max": ("glossary", "strict", "pieces", "cascade", "sample"),
}
_OF_TRANSCRIPTS: dict[Quality, tuple[Step, ...]] = {
    "low": (),
    "medium": ("pieces",),
    "high": ("pieces",),
    "max": ("pieces", "sample"),
}
"""A transcription takes no instruction that could be stricter, and all translations are held against it."""
HEARD_TWICE: frozenset[Quality] = frozenset({"high", "max"})
"""Where an unsure transcript is compared with that of a second listening, which costs as much as the first."""
SAMPLE_TEMPERATURES = (0.2, 0.4, 0.6, 0.8)
"""Of the draws of one ``sample`` step; as Whisper's retries they rise."""
HARMLESS = 0.49
"""What is rejected for a reason that spoils no meaning scores above this, so that it ships before a text that is
wrong.
"""


def ladder(quality: Quality) -> tuple[Step, ...]:
    """The retries that a rejected window gets, in order."""
    return LADDERS[quality]


def transcript_ladder(quality: Quality) -> tuple[Step, ...]:
    """The same for its transcript."""
    return _OF_TRANSCRIPTS[quality]


def best(attempts: Sequence[Judgement]) -> int:
    """The position of the attempt to ship: an accepted one before a rejected, then the higher score, then
    the earlier.

    Raises:
        ValueError: there is none.
    """
    if not attempts:
        raise ValueError("there must be at least one attempt to choose from")
    return max(range(len(attempts)), key=lambda i: (attempts[i].accepted, attempts[i].score, -i))


def doubted(judgement: Judgement, reason: str, *, harmless: bool = False) -> Judgement:
    """The judgement with one more reason against the text, which rejects it.

    ``harmless``: the text says what was said, and is only not as it was asked for.
    """
    if judgement.no_speech or reason in judgement.reasons:
        return judgement
    if judgement.accepted:
        rest = judgement.score - 0.5
        score = HARMLESS + 0.018 * rest if harmless else 0.998 * rest
    else:
        count = len(judgement.reasons)
        score = judgement.score * count / (count + 1)
    return replace(judgement, accepted=False, score=score, reasons=(*judgement.reasons, reason))
