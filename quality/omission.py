"""Was something left out: the odds of it, from the length and from what a cut leaves behind.

No single sign proves it: translators condense, merge sentences and move commas. So the signs are weighed together by
a logistic model. Its constants were fitted on the calibration half of the bench (`python -m quality.bench --fit`):
clean pairs against halves and thirds dropped. What is left out as a whole, in good French and of usual length, it
cannot see.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

from quality.broken_ends import broken_places
from quality.density import length_z
from quality.formulas import told_shortly
from quality.punctuation import ends_open, lost_clause_marks, lost_sentence_ends, starts_open
from quality.text import letters, words


@dataclass(frozen=True)
class Weights:
    """Of the signs, in log odds."""

    bias: float = 0.90
    length_z: float = -1.36
    log_letters: float = -0.84
    ends_open: float = 2.03
    starts_open: float = 2.03
    sentence_ends: float = 1.03
    clause_marks: float = 0.51
    broken: float = 2.10


WEIGHTS = Weights()
SHORT, MILDNESS = 32, 1.0
"""Below so many letters up to so many log odds are forgiven: speech is idiomatic where it is short, and the bench,
which the weights were fitted on, has menu entries there. Chosen by hand.
"""
_LIMIT = 12.0
"""Beyond this many log odds it makes no difference; keeps the answer finite."""


def signs(source: str, target: str, source_lang: str | None, target_lang: str | None) -> tuple[float, ...]:
    """What is weighed, in the order of :class:`Weights`; set phrases and numbers count as if told the short way."""
    source, target = told_shortly(source, source_lang), told_shortly(target, target_lang)
    z = length_z(source, target, source_lang, target_lang)
    return (
        1.0,
        max(-_LIMIT, min(_LIMIT, z)),
        math.log(max(1, letters(source))),
        float(ends_open(source, target)),
        float(starts_open(source, target)),
        float(min(2, lost_sentence_ends(source, target))),
        float(min(3, lost_clause_marks(source, target))),
        float(min(2, broken_places(target, target_lang))),
    )


def omission(source: str, target: str, *, source_lang: str | None, target_lang: str | None) -> float:
    """Log odds that something of the source is missing, -12 to 12; -12 where it has one word or none, which is there or
    is not.
    """
    if letters(target) > 0 and len(words(source, source_lang)) < 2:
        return -_LIMIT
    found = signs(source, target, source_lang, target_lang)
    total = sum(weight * sign for weight, sign in zip(astuple(WEIGHTS), found, strict=True))
    total -= MILDNESS * max(0.0, 1 - letters(source) / SHORT)
    return max(-_LIMIT, min(_LIMIT, total))
