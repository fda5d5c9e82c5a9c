"""Letters that a language does not write: a foreign word that stayed, or a text decoded with the wrong table.

Only what is beyond the alphabet counts: "ve" and "et" look alike here. Names keep their letters, so words with a
capital are left out, unless everything has them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from quality.text import fold, plain

LETTERS: Mapping[str, frozenset[str]] = {
    # CLDR main exemplar characters beyond a to z
    "tr": frozenset("çğıöşüâîû"),
    "fr": frozenset("àâæçéèêëîïôœùûüÿ"),
    "en": frozenset("éèêëïöñçàâôûœæ"),
    "de": frozenset("äöüßé"),
    "es": frozenset("áéíóúüñ"),
    "it": frozenset("àèéìîòóùç"),
    "pt": frozenset("áâãàçéêíóôõúü"),
    "nl": frozenset("áäéëíïóöúü"),
}
_BASIC = frozenset("abcdefghijklmnopqrstuvwxyz")
_WORD = re.compile(r"[^\W\d_]+")
_GARBLED = re.compile(r"[ÃÅÄ][\u0080-\u00bf\u0152-\u0178\u2018-\u2122]|â€|\ufffd")
_LONGEST = 10_000


def foreign_words(text: str, language: str | None) -> int:
    """Words, names aside, with a letter that ``language`` does not write; 0 for languages that are not listed."""
    alphabet = LETTERS.get(language or "")
    if alphabet is None:
        return 0
    shouted = text.isupper()
    found = (match[0] for match in _WORD.finditer(plain(text)[:_LONGEST]))
    return sum(not (set(fold(word)) <= alphabet | _BASIC) for word in found if shouted or not word[0].isupper())


def is_garbled(text: str) -> bool:
    """Whether it looks like UTF-8 read as something else ("Ã©"), or has characters that stand for lost ones."""
    return bool(_GARBLED.search(plain(text)[:_LONGEST]))
