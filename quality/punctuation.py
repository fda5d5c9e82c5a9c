"""Marks that a translation keeps: the final mark, questions, brackets and quotes, the pieces of a list.

Translators move commas freely and merge sentences, so one missing mark proves nothing; it is evidence beside others.
"""

from __future__ import annotations

import re

from quality.text import plain

_FINAL = re.compile(r"([.!?…。！？؟:])[\s\"'»”’)\]]*$")
_OPENING, _CLOSING = "([{«“", ")]}»”"
_SENTENCE_END = re.compile(r"[.!?…。！？؟]+(?=[\s\"'»”’)\]]|$)")
_FIRST_LETTER = re.compile(r"[^\W\d_]")
_HEAD = 200
_CLAUSE = re.compile(r"[,;:–—]|(?<=\s)-(?=\s)")


def lost_sentence_ends(source: str, target: str) -> int:
    """How many sentence-final marks fewer the target has than the source, never below 0."""
    ends = len(_SENTENCE_END.findall(plain(source))) - len(_SENTENCE_END.findall(plain(target)))
    return max(0, ends)


def ends_open(source: str, target: str) -> bool:
    """Whether the source ends with a final mark and the target in the middle of something."""
    return bool(_FINAL.search(plain(source).rstrip())) and not _FINAL.search(plain(target).rstrip())


def starts_open(source: str, target: str) -> bool:
    """Whether the source begins with a capital and the target with a small letter: its head may be gone."""
    first, other = (_FIRST_LETTER.search(plain(text)[:_HEAD]) for text in (source, target))
    return first is not None and other is not None and first[0].isupper() and other[0].islower()


def lost_clause_marks(source: str, target: str) -> int:
    """How many commas, colons, semicolons and dashes fewer the target has, never below 0."""
    return max(0, len(_CLAUSE.findall(plain(source))) - len(_CLAUSE.findall(plain(target))))


def lost_question(source: str, target: str) -> bool:
    """Whether the source asks something and the target nothing."""
    return any(mark in source for mark in "?؟？") and not any(mark in target for mark in "?؟？")


def unbalanced_brackets(text: str) -> int:
    """How many brackets and quotes that open or close have no partner."""
    visible = plain(text)
    return sum(abs(visible.count(a) - visible.count(b)) for a, b in zip(_OPENING, _CLOSING, strict=True))
