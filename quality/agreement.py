"""Do two texts of the same speech say the same: the overlap of their character n-grams.

Two listenings err apart: where nobody said anything that the model knows, each invents something else. It does not
know which of the two is right.
"""

from __future__ import annotations

from collections import Counter

from quality.text import fold, plain

LONGEST_NGRAM = 6


def agreement(one: str, other: str, language: str | None = None) -> float:
    """Mean F1 over n-grams of 1 to 6 characters, blanks left out, 0 (nothing shared) to 1 (the same letters).

    chrF (Popović 2015) with beta 1, because neither text is the reference. Two empty texts agree.
    """
    a, b = ("".join(fold(plain(text), language).split()) for text in (one, other))
    if a == b:
        return 1.0
    sizes = range(1, min(LONGEST_NGRAM, max(len(a), len(b))) + 1)
    return sum(_f1(_ngrams(a, size), _ngrams(b, size)) for size in sizes) / len(sizes)


def _ngrams(text: str, size: int) -> Counter[str]:
    return Counter(text[i : i + size] for i in range(len(text) - size + 1))


def _f1(one: Counter[str], other: Counter[str]) -> float:
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0
