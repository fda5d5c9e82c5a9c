"""How much text there is, against the time in which it was spoken and against the source text.

Measured (research, section 2.4): real speech carries at least 4.9 letters a second of speech, text that a model
invents over long windows at most 0.53. French over Turkish, log of the ratio of letters, on the calibration half of
the bench: median 0.11; its spread (median deviation, scaled) is 0.24 around 22 letters, 0.20 around 43, 0.17 around
85 and 0.13 around 170, which the model below follows. Its tails are heavier than a normal law's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from quality.text import letters


@dataclass(frozen=True)
class LengthModel:
    """Log of target letters over source letters: its mean, its spread for long texts, and how it widens for
    short ones.
    """

    mean: float
    sd: float
    short_sd: float
    """Added as ``short_sd / sqrt(letters)``: one word more or less matters in a short sentence."""


ANY_PAIR = LengthModel(mean=0.0, sd=0.30, short_sd=1.1)
PAIRS = {("tr", "fr"): LengthModel(0.11, 0.10, 1.1), ("fr", "tr"): LengthModel(-0.11, 0.10, 1.1)}


def letters_per_second(text: str, speech_s: float) -> float:
    """Letters and digits a second of speech; infinite for text without speech, 0.0 for neither."""
    count = letters(text)
    if count == 0:
        return 0.0
    return count / speech_s if math.isfinite(speech_s) and speech_s > 0 else math.inf


def length_z(source: str, target: str, source_lang: str | None, target_lang: str | None) -> float:
    """How far the target's length is from what the source lets expect, in standard deviations; negative is
    short.

    0.0 where the source has nothing to compare with, -inf for an empty target of a source that has some.
    """
    source_letters, target_letters = letters(source), letters(target)
    if source_letters == 0:
        return 0.0
    if target_letters == 0:
        return -math.inf
    model = PAIRS.get((source_lang or "", target_lang or ""), ANY_PAIR)
    spread = math.hypot(model.sd, model.short_sd / math.sqrt(source_letters))
    return (math.log(target_letters / source_letters) - model.mean) / spread
