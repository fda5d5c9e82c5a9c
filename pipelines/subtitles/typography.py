"""Text as a typesetter of its language would set it: French spaces and quotation marks, dashes, the ellipsis.

It never changes, adds or drops a word. A space that is set here never breaks a line. It knows marks, not lines.

Sources. French spaces: Lexique des règles typographiques en usage à l'Imprimerie nationale, by way of the guide of
mozfr: a non-breaking space before ``! ? ; :`` and within ``« »``; narrow (U+202F) before the marks, as typeset French
has it, and a whole one (U+00A0) within the quotation marks. One ellipsis (U+2026) for three dots: Netflix's Turkish
guide, Subtitle Edit's ``EllipsesNotThreeDots``. Dialogue dashes: Subtitle Edit's NetflixQualityController.cs (French
with a space, Turkish without).
"""

from __future__ import annotations

import re

from pipelines.settings import Quotes

NARROW, WHOLE = "\u202f", "\u00a0"

_DASH_WITH_SPACE = frozenset(
    ["ar", "pt", "cs", "fr", "hu", "id", "it", "ko", "ms", "pl", "ro", "ru", "sk", "es", "th", "vi", "bg"]
)

_THREE_DOTS = re.compile(r"(?<!\.)\.{3}(?!\.)")
_TURN = re.compile(r"(?:^\s*|(?<=[.!?…»”\"])\s+)[-–—]\s*(?=[^\W\d]|[«“\"¿¡…])")
"""Where one who speaks begins: a dash before a word, at the beginning or after a sentence; "-5" is a number."""
_FRENCH_MARK = re.compile(r"(?<=[^\s!?;:«“(\[])[^\S\n]*([!?;:]+)(?=$|[\s»”\"')\]….,])")
_OPENS = re.compile(r"(?<![^\s(\[«“'’\"])\"(?=[^\s\"]|\"\S)")
_CLOSES = re.compile(r"(?<=\S)\"(?!\w)")
_OPENING, _CLOSING = re.compile(r"[«“]\s*"), re.compile(r"(?<!\s)\s*[»”]")
_STYLES = {"guillemets": (f"«{WHOLE}", f"{WHOLE}»"), "curly": ("“", "”"), "straight": ('"', '"')}


def typeset(text: str, language: str, quotes: Quotes = "guillemets") -> str:
    """``text`` in the typography of ``language`` (ISO 639-1); ``quotes`` says which quotation marks French has.

    Twice is the same as once.
    """
    text = _THREE_DOTS.sub("…", text)
    if language == "fr":
        text = _FRENCH_MARK.sub(rf"{NARROW}\1", _requoted(text, quotes))
    dash = _dash(language)
    return _TURN.sub(lambda match: f"{' ' if match.start() else ''}{dash}", text)


def without_dash(text: str, language: str) -> str:
    """Typeset text of a single speaker: without the dash that begins a turn."""
    dash = _dash(language)
    return text[len(dash) :] if _TURN.match(text) and text.startswith(dash) else text


def _dash(language: str) -> str:
    return f"-{WHOLE}" if language in _DASH_WITH_SPACE else "-"


def _requoted(text: str, quotes: Quotes) -> str:
    if quotes == "keep":
        return text
    opening, closing = _STYLES[quotes]
    text = _paired(text) if quotes != "straight" else text
    return _CLOSING.sub(closing, _OPENING.sub(opening, text))


def _paired(text: str) -> str:
    """Straight quotation marks as curly ones, if the neighbours of each tell what it is, and all pair."""
    opens = {match.start() for match in _OPENS.finditer(text)}
    closes = {match.start() for match in _CLOSES.finditer(text)} - opens
    depth = 0
    for at, letter in enumerate(text):
        if letter == '"':
            depth += (at in opens) - (at in closes)
            if depth < 0 or (at not in opens and at not in closes):
                return text
    if depth:
        return text
    return "".join("“" if at in opens else "”" if at in closes else letter for at, letter in enumerate(text))
