"""Loops: text that says the same again and again, as speech models do when they lose the thread.

Speech repeats itself too ("hayır, hayır!"), so where there is a source its repetition is what is allowed.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence

from quality.text import plain, words

WINDOW_WORDS = 100
"""Unique n-grams are counted in windows of this many words: every long text repeats itself."""
MIN_NGRAMS = 8
"""Of fewer, some may well be said twice ("non, non, non, non")."""
ZLIB_MIN_BYTES = 120
"""Shorter texts do not compress enough to tell."""
_CLAUSE_END = re.compile(r"[.:;!?…]|\s[-–—]\s")
_LONGEST = 10_000
_CHARACTER_LOOP = re.compile(r"([^\W\d_]{1,4}?)\1{7,}|([^\w\s])\2{11,}")
_SPACED_LETTERS = re.compile(r"\b(\w)(?:[\s,.\-]+\1\b){7,}")


def ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """How often each run of ``n`` tokens occurs."""
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def top_ngram_excess(source: str, target: str, *, source_lang: str | None, target_lang: str | None) -> int:
    """TNG: how much more often the commonest 4-gram of the target occurs than that of the source (never
    below 0).
    """
    own = max(ngrams(words(target, target_lang), 4).values(), default=0)
    allowed = max(ngrams(words(source, source_lang), 4).values(), default=0)
    return max(0, own - max(1, allowed))


def longest_run(text: str, language: str | None = None) -> tuple[int, int]:
    """The worst phrase that is repeated on the spot: (times it is said, words in it); (1, 0) if none is.

    The worst is the one that covers the most words.
    """
    tokens = words(text, language)[: 10 * WINDOW_WORDS]
    worst = (1, 0)
    for size in range(1, min(12, len(tokens) // 2) + 1):
        same = 0
        for i in range(size, len(tokens)):
            same = same + 1 if tokens[i] == tokens[i - size] else 0
            times = same // size + 1
            if times > 1 and times * size > worst[0] * worst[1]:
                worst = (times, size)
    return worst


def unique_ratio(text: str, language: str | None = None, n: int = 3) -> float:
    """Share of distinct n-grams, in the worst window of 100 words; 1.0 for a text of few."""
    tokens = words(text, language)
    worst = 1.0
    for start in range(0, max(1, len(tokens)), WINDOW_WORDS // 2):
        counted = ngrams(tokens[start : start + WINDOW_WORDS], n)
        if counted.total() >= MIN_NGRAMS:
            worst = min(worst, len(counted) / counted.total())
    return worst


def compression_ratio(text: str) -> float:
    """Bytes over compressed bytes; 1.0 for text too short to tell."""
    data = plain(text).encode("utf-8", "replace")
    return len(data) / len(zlib.compress(data)) if len(data) >= ZLIB_MIN_BYTES else 1.0


def has_character_loop(text: str) -> bool:
    """Whether a few letters or one mark are repeated on the spot ("hahahahahahahaha"); runs of digits are
    numbers.
    """
    visible = plain(text)
    return bool(_CHARACTER_LOOP.search(visible) or _SPACED_LETTERS.search(visible))


def repeated_phrase(source: str, target: str, *, source_lang: str | None, target_lang: str | None) -> bool:
    """Whether the target says three words or more twice on the spot, and the source nothing twice.

    Not across a sentence's end or a colon: "Le nom. Le nom est…" is how people write.
    """
    runs = (longest_run(clause, target_lang) for clause in _CLAUSE_END.split(plain(target)[:_LONGEST]))
    twice = any(times >= 2 and size >= 3 for times, size in runs)
    return twice and longest_run(source, source_lang)[0] < 2
