"""What a cue shows, made harmless: text that no format takes for a mark of its own. It knows no whole file."""

from __future__ import annotations

import re
import unicodedata

from pipelines.records import Cue

_LINE_BREAKS = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
_TIMESTAMP = re.compile(r"(\d)(?=:\d{1,2}:\d|:\d{2}[.,]\d)")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_BRACES = str.maketrans("{}", "()")
_NO_CHARACTERS = "\ufffe\uffff"
"""XML has no way to write these."""
_WORD_JOINER = "\u2060"
"""Has no width and no glyph; keeps a spoken ``00:00:01,000`` from being read as a time of the file."""


def shown_lines(cue: Cue) -> list[str]:
    """What is shown, without blank lines and control characters; the second language beneath the first."""
    pieces = [piece for line in (*cue.lines, *cue.beneath) for piece in _LINE_BREAKS.split(line)]
    visible = ("".join(c for c in p if _has_a_sign(c)).strip() for p in pieces)
    return [line for line in visible if line]


def _has_a_sign(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs") and character not in _NO_CHARACTERS


def neutral(line: str) -> str:
    """Text that no reader takes for a time of the file, nor pysubs2 for one of its ``\\`` codes."""
    return _TIMESTAMP.sub(rf"\1{_WORD_JOINER}", line.replace("\\", "\u29f5"))


def without_braces(line: str) -> str:
    """For SubStation Alpha, where braces hold codes and cannot be escaped."""
    return neutral(line).translate(_BRACES)


def plain_marks(line: str) -> str:
    """For SRT, which has tags but no way to escape them: signs that look alike stand for those that begin
    one.
    """
    return _TAG.sub("\u2039", without_braces(line.replace("-->", "\u2192")))


def escaped(line: str) -> str:
    """For WebVTT."""
    return neutral(line).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
