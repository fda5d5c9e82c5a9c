"""Text as a typesetter of its language would set it: French spaces and quotation marks, dashes, the ellipsis.

It never changes, adds or drops a word. A space that is set here never breaks a line. It knows marks, not lines.

Sources. French spaces: Lexique des règles typographiques en usage à l'Imprimerie nationale, by way of the guide of
mozfr: a non-breaking space before ``! ? ; :`` and within ``« »``; narrow (U+202F) before the marks, as typeset French
has it, and a whole one (U+00A0) within the quotation marks, before signs and units, after titles; narrow again
between groups of digits. One ellipsis (U+2026) for three dots: Netflix's Turkish
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
_FRENCH_MARK = re.compile(r"(?<=[^\s!?;:«“(\[])[^\S\n]*([!?;:]+)(?=$|[\s«“»”\"')\]….,])")
_UNSPACED_OPENING = re.compile(r"(?<=[:;,!?…])(?=[«“])")
_GROUPED = re.compile(r"(?<![\w.,])\d{1,3}(?:[^\S\n]\d{3})+(?!\w)")
_BEFORE_SIGN = re.compile(r"(?:(?<=\d)[^\S\n]*|(?<=\w)[^\S\n]+)(?=(?:[%‰€$£]|°[CF])(?!\w))")
_UNITS = "km/h|k?m[²³]?|[cdm]m[²³]?|[km]?g|[cdm]?[lL]|ha|h|min|m?s|[kM]?W|[kMG]?Hz|[kKMGT]o|dB|°"
_BEFORE_UNIT = re.compile(rf"(?<=\d)[^\S\n]+(?=(?:{_UNITS})(?![\w'’/]))")
_MINUTES = re.compile(r"(?<=\d[^\S\n]h)[^\S\n]+(?=\d\d(?!\w))")
_TITLE = re.compile(r"(?<!\w)(MM?\.|Mmes?|Mlles?|Mgr|[DP]rs?\.?|[nN][°º])[^\S\n]+(?=(\w))")
_OPENS = re.compile(r"(?<![^\s(\[«“'’\"])\"(?=[^\s\"]|\"\S)")
_CLOSES = re.compile(r"(?<=\S)\"(?!\w)")
_OPENING, _CLOSING = re.compile(r"[«“]\s*"), re.compile(r"(?<!\s)\s*[»”]")
_ROUNDS = 4
_STYLES = {"guillemets": (f"«{WHOLE}", f"{WHOLE}»"), "curly": ("“", "”"), "straight": ('"', '"')}


def typeset(text: str, language: str, quotes: Quotes = "guillemets") -> str:
    """``text`` in the typography of ``language`` (ISO 639-1); ``quotes`` says which quotation marks French has.

    Twice is the same as once: what is set may tell what a mark beside it is, so it is done until nothing changes.
    """
    for _ in range(_ROUNDS):
        before, text = text, _typeset(text, language, quotes)
        if text == before:
            break
    return text


def _typeset(text: str, language: str, quotes: Quotes) -> str:
    text = _THREE_DOTS.sub("…", text)
    if language == "fr":
        text = _kept_together(_FRENCH_MARK.sub(rf"{NARROW}\1", _requoted(text, quotes)))
    dash = _dash(language)
    return _TURN.sub(lambda match: f"{' ' if match.start() else ''}{dash}", text)


def _kept_together(text: str) -> str:
    """Numbers with what they count, titles with names: ``10 000``, ``50 %``, ``5 km``, ``8 h 30``, ``M. X``."""
    text = _GROUPED.sub(lambda match: NARROW.join(match[0].split()), text)
    for space in (_BEFORE_SIGN, _BEFORE_UNIT, _MINUTES):
        text = space.sub(WHOLE, text)
    return _TITLE.sub(lambda match: match[1] + WHOLE if _may_follow(match[1], match[2]) else match[0], text)


def _may_follow(title: str, letter: str) -> bool:
    return letter.isdigit() if title[-1] in "°º" else letter.isupper()


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
    text = _UNSPACED_OPENING.sub(" ", text)
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
