"""Looking at text the same way everywhere: what is visible of it, its words, its letters, case by language.

It knows nothing about quality or subtitles.
"""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache

_TAG = re.compile(r"</?(?:i|b|u|s|c|v|font|ruby|rt|lang)(?:[ .][^<>]*)?>|\{\\[^{}]*\}", re.IGNORECASE)
_ENTITY = {"&nbsp;": "\u00a0", "&amp;": "&", "&lt;": "<", "&gt;": ">", "&lrm;": "", "&rlm;": ""}
_MARKUP = re.compile("[<&{]")
_ROUNDS = 8
_ENTITIES = re.compile("|".join(_ENTITY))
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_DENSE_SCRIPT = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]")
DENSE_SCRIPT_LETTERS = 2
"""How many letters an ideograph, a kana or a hangul syllable stands for when letters are counted."""

_TURKIC = frozenset({"tr", "az"})
_TURKIC_CAPITALS = str.maketrans({"İ": "i", "I": "ı"})


@lru_cache(maxsize=64)
def plain(text: str) -> str:
    """The text as a viewer sees it: NFC, no subtitle tags, entities resolved. Twice is the same as once."""
    for _ in range(_ROUNDS):  # what is left when a tag is gone may form another
        before = text
        text = _ENTITIES.sub(lambda match: _ENTITY[match[0]], _TAG.sub("", text))
        if text == before:
            break
    else:
        text = _MARKUP.sub("", text)  # nobody writes that deep: made to take quadratic time
    return unicodedata.normalize("NFC", text)


def as_text(value: object) -> str:
    """The value if it is a text; nothing for None; else how it is written."""
    return value if isinstance(value, str) else "" if value is None else str(value)


def as_seconds(value: object) -> float:
    """The value as a number; NaN for what is none (a truth value is none either) or is too large to be one."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def fold(text: str, language: str | None = None) -> str:
    """Lower case by the rules of ``language``: Turkish İ becomes i and I becomes ı, which ``str.lower``
    gets wrong.
    """
    text = unicodedata.normalize("NFC", text)
    if language in _TURKIC:
        text = text.translate(_TURKIC_CAPITALS)
    return text.lower().replace("\u2019", "'")


@lru_cache(maxsize=64)
def words(text: str, language: str | None = None) -> tuple[str, ...]:
    """Folded words; an apostrophe inside a word stays (``ankara'ya``, ``l'eau``)."""
    return tuple(match[0] for match in _WORD.finditer(fold(plain(text), language)))


@lru_cache(maxsize=64)
def letters(text: str) -> int:
    """Letters and digits, where a character of a dense script (Chinese, Japanese, Korean) counts as two."""
    text = plain(text)
    count = sum(character.isalnum() for character in text)
    return count + (DENSE_SCRIPT_LETTERS - 1) * len(_DENSE_SCRIPT.findall(text))
