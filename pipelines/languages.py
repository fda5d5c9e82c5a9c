"""Languages as people write them, and the code that is kept: ISO 639-1, or 639-3 where there is none.

Knows names (English, native, and in any other language that CLDR covers) and codes. It does not know which
languages a checkpoint can hear or write.
"""

from __future__ import annotations

import difflib
import functools
import re
import string
import unicodedata

import langcodes
from langcodes.tag_parser import LanguageTagError
from language_data.names import code_to_names

_NO_LANGUAGE = {"und", "mul", "mis", "zxx"}
"""Codes that media tags use to say that no one language can be named."""
_ALIASES = {"nb": "no"}
"""Written Norwegian is asked for as Norwegian; prompts and models know it under that name."""


class UnknownLanguage(ValueError):
    """A language that no name or code stands for; the message suggests near matches."""


def language_code(text: str) -> str:
    """The code of a language given by name or code: ``"Türkçe"``, ``"TUR"``, ``"tr-TR"`` -> ``"tr"``.

    Regions and scripts are dropped (``fr-CA`` -> ``fr``); macro languages win (``cmn`` -> ``zh``).

    Raises:
        UnknownLanguage: if the text names no language, or names none in particular (``und``, ``mul``).
    """
    code = _from_tag(text.strip()) or _from_name(text)
    if code is None:
        raise UnknownLanguage(_complaint(text))
    return code


def english_name(code: str) -> str:
    """The English name of a language code: ``"fr"`` -> ``"French"``.

    Raises:
        UnknownLanguage: if no language has this code.
    """
    return langcodes.Language.get(language_code(code)).language_name("en")


def _from_tag(text: str) -> str | None:
    """The language of a code or tag. Two and three letters are always read as a code, never as a name."""
    if not re.fullmatch(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*", text):
        return None
    try:
        tag = langcodes.standardize_tag(text.replace("_", "-"), macro=True)
    except LanguageTagError:
        return None
    code = langcodes.Language.get(tag).language
    if code is None or code in _NO_LANGUAGE or not code_to_names(code):
        return None
    return _ALIASES.get(code, code)


def _from_name(text: str) -> str | None:
    name = _fold(text)
    known = _names().get(name)
    if known is not None:
        return known
    if not text.isprintable():  # langcodes' tables stumble over a NUL
        return None
    try:
        found = langcodes.find(text.strip()).language
    except LookupError:
        return None
    # langcodes takes any text that begins with a name ("English subtitles"): a typo must be asked about
    # instead.
    exact = found is not None and any(_fold(known) == name for known in code_to_names(found).values())
    return _from_tag(found) if found is not None and exact else None


def _fold(text: str) -> str:
    """A spelling without case and accents. Turkish dotted and dotless i become one letter, whatever their
    case.
    """
    plain = unicodedata.normalize("NFKD", text.strip()).replace("\u0131", "i").casefold()
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not _is_accent(c))
    return " ".join(plain.split())


def _is_accent(char: str) -> bool:
    """Only Latin, Greek and Cyrillic accents: in other scripts (Devanagari) combining signs are letters."""
    return "\u0300" <= char <= "\u036f"


@functools.cache
def _names() -> dict[str, str]:
    """Folded name -> code, for languages with a two-letter code; English and native names win over all
    others.
    """
    names: dict[str, str] = dict(_main_names())
    for code in _two_letter_codes():
        for name in code_to_names(code).values():
            names.setdefault(_fold(name), _ALIASES.get(code, code))
    return names


@functools.cache
def _main_names() -> dict[str, str]:
    """Folded English and native names -> code: what suggestions are made from."""
    names = {"mandarin": "zh"}
    for own in (False, True):
        for code in _two_letter_codes():
            name = code_to_names(code).get(code if own else "en")
            if name:
                names.setdefault(_fold(name), _ALIASES.get(code, code))
    return names


@functools.cache
def _two_letter_codes() -> tuple[str, ...]:
    pairs = (a + b for a in string.ascii_lowercase for b in string.ascii_lowercase)
    return tuple(code for code in pairs if code_to_names(code) and langcodes.standardize_tag(code) == code)


def _complaint(text: str) -> str:
    names, folded = _main_names(), _fold(text)
    near = [word for word in folded.split() if word in names]
    if len(folded) > 3:  # close to a short code is close to everything
        near += difflib.get_close_matches(folded, names, n=3, cutoff=0.7)
    near_codes = dict.fromkeys(names[name] for name in near)
    advice = "Give its name or its ISO 639 code, such as French or fr."
    if near_codes:
        advice = "Did you mean " + " or ".join(f"{english_name(c)} ({c})" for c in near_codes) + "?"
    return f"{text!r} is not a language that is known here. {advice}"
