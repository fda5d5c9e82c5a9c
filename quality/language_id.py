"""Which language a text is in, by py3langid, whose model lies inside its wheel: nothing is downloaded.

One short cue says little (numbers, names, "OK"): callers pool texts. Languages are ISO 639-1 codes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import copy
from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from quality.text import letters, plain

SURE_LETTERS = 60
"""From this many letters on the identifier's own probability stands; below, confidence shrinks with the
text.
"""
PART_LETTERS = 12
"""Letters that a text, or half of it, must have to be judged between two languages alone."""
POOLED_LETTERS = 20
"""Letters that a part of a text must have to be judged among many languages: on 1,027 French texts of the bench's
calibration half no part of this size was taken for another language at 0.6, and of English, German or Spanish halves
nine in ten were."""
NO_LANGUAGE = "zxx"
"""What the identifier calls text in no language."""
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")
_SAMPLE = 2000
"""Characters that are looked at: more do not change the answer."""


@lru_cache(maxsize=1)
def known_languages() -> frozenset[str]:
    """The codes that the identifier can tell apart."""
    return frozenset(_identifier(frozenset()).labels)


@lru_cache(maxsize=64)
def _identifier(candidates: frozenset[str]) -> LanguageIdentifier:
    if not candidates:
        return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier = copy(_identifier(frozenset()))  # the model is large and slow to load: all share it
    identifier.set_languages(sorted(candidates))
    return identifier


def probabilities(text: str, candidates: Sequence[str] | None = None) -> dict[str, float]:
    """Probability of each candidate that is known (all known ones by default); empty if none is or without
    letters.
    """
    chosen = frozenset(candidates or ()) & known_languages()
    sample = plain(text)[:_SAMPLE]
    if letters(sample) == 0 or (candidates is not None and not chosen):
        return {}
    return {code: float(score) for code, score in _identifier(chosen).rank(sample)}


def identify(texts: Sequence[str], candidates: Sequence[str] | None = None) -> tuple[str, float]:
    """The language that the texts, pooled, are in, and how sure that is, 0 to 1.

    ``("und", 0.0)`` where there is nothing to go by: no letters, or no candidate that the identifier knows.
    """
    pooled = " ".join(text.strip() for text in texts if text.strip())
    ranked = probabilities(pooled, candidates)
    code = max(ranked, key=lambda candidate: ranked[candidate], default=NO_LANGUAGE)
    if code == NO_LANGUAGE:
        return "und", 0.0
    return code, ranked[code] * min(1.0, letters(pooled) / SURE_LETTERS)


def foreign_part(text: str, language: str, other: str) -> float:
    """The highest probability that either half of the words is in ``other`` rather than ``language``; of a text whose
    halves are too short to judge, that all of it is.

    0.0 where none of them has :data:`PART_LETTERS` letters, or a language is not known.
    """
    said = plain(text)[:_SAMPLE].split()
    halves = (" ".join(said[: len(said) // 2]), " ".join(said[len(said) // 2 :]))
    usable = [half for half in halves if letters(half) >= PART_LETTERS]
    if len(usable) < len(halves) and letters(text) >= PART_LETTERS:
        usable.append(text)
    if not {language, other} <= known_languages() or language == other:
        return 0.0
    return max((probabilities(half, (language, other)).get(other, 0.0) for half in usable), default=0.0)


def stray_part(text: str, expected: Sequence[str], others: Sequence[str]) -> float:
    """The highest probability that a part of the text (half of the words, sentences in a row with at least
    :data:`POOLED_LETTERS` letters) is in one of ``others`` and none of ``expected``; 0.0 where no part is large enough.
    """
    if not set(expected) <= known_languages():
        return 0.0
    found = (probabilities(part, (*expected, *others)) for part in _parts(plain(text)[:_SAMPLE]))
    return max((p for ranked in found for code, p in ranked.items() if code not in expected), default=0.0)


def _parts(text: str) -> Iterator[str]:
    said = text.split()
    halves = [" ".join(said[: len(said) // 2]), " ".join(said[len(said) // 2 :])]
    pooled: list[str] = [""]
    for sentence in _SENTENCE_END.split(text):
        pooled[-1] = f"{pooled[-1]} {sentence}"
        if letters(pooled[-1]) >= POOLED_LETTERS:
            pooled.append("")
    yield from (part for part in dict.fromkeys([*halves, *pooled]) if letters(part) >= POOLED_LETTERS)
