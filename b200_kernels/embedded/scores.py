"""How close texts come to what should have been written: chrF and word error rate over windows.

Needs sacrebleu and jiwer (the ``dev`` extra). It knows texts only.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import jiwer
import sacrebleu


def chrf(texts: Sequence[str], references: Sequence[str]) -> float:
    """sacrebleu's corpus chrF (chrF2, case and punctuation count), 0 to 100."""
    return float(sacrebleu.corpus_chrf(list(texts), [list(references)]).score)


def wer(texts: Sequence[str], references: Sequence[str]) -> float:
    """Word error rate in per cent over the whole set, as written: case and punctuation count."""
    return 100.0 * float(jiwer.wer(list(references), list(texts)))


def spoken_words(text: str) -> str:
    """What is heard of a Turkish text: lower-case by Turkish rules (I to ı, İ to i), without punctuation."""
    lowered = text.replace("İ", "i").replace("I", "ı").lower()
    kept = "".join(c for c in lowered if not unicodedata.category(c).startswith("P"))
    return " ".join(kept.split())


def spoken_wer(texts: Sequence[str], references: Sequence[str]) -> float:
    """Word error rate in per cent over :func:`spoken_words`."""
    return wer([spoken_words(t) for t in texts], [spoken_words(r) for r in references])
