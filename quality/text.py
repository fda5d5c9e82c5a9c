"""Looking at text the same way everywhere: what is visible of it, its words, its letters, case by language.

It knows nothing about quality or subtitles.
"""

from __future__ import annotations

import re
import unicodedata

_TAG = re.compile(r"</?(?:i|b|u|s|c|v|font|ruby|rt|lang)(?:[ .][^<>]*)?>|\{\\[^{}]*\}", re.IGNORECASE)
_ENTITY = {"&nbsp;": "\u00a0", "&amp;": "&", "&lt;": "<", "&gt;": ">", "&lrm;": "", "&rlm;": ""}
_ENTITIES = re.compile("|".join(_ENTITY))
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_DENSE_SCRIPT = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]")
DENSE_SCRIPT_LETTERS = 2
"""How many letters an ideograph, a kana or a hangul syllable stands for when letters are counted."""

_TURKIC = frozenset({"tr", "az"})
_TURKIC_CAPITALS = str.maketrans({"İ": "i", "I": "ı"})


def plain(text: str) -> str:
    """The text as a viewer sees it: NFC, no subtitle tags, entities resolved. Twice is the same as once."""
    before = None
    while before != text:  # what is left when a tag is gone may form another; each round shortens the text
        before = text
        text = _ENTITIES.sub(lambda match: _ENTITY[match[0]], _TAG.sub("", text))
    return unicodedata.normalize("NFC", text)


def fold(text: str, language: str | None = None) -> str:
    """Lower case by the rules of ``language``: Turkish İ becomes i and I becomes ı, which ``str.lower``
    gets wrong.
    """
    text = unicodedata.normalize("NFC", text)
    if language in _TURKIC:
        text = text.translate(_TURKIC_CAPITALS)
    return text.lower().replace("\u2019", "'")


def words(text: str, language: str | None = None) -> list[str]:
    """Folded words; an apostrophe inside a word stays (``ankara'ya``, ``l'eau``)."""
    return [match[0] for match in _WORD.finditer(fold(plain(text), language))]


def letters(text: str) -> int:
    """Letters and digits, where a character of a dense script (Chinese, Japanese, Korean) counts as two."""
    text = plain(text)
    count = sum(character.isalnum() for character in text)
    return count + (DENSE_SCRIPT_LETTERS - 1) * len(_DENSE_SCRIPT.findall(text))
