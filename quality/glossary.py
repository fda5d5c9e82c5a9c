"""Terms that a translation must render in one way: which of them a text holds, and which its translation misses.

A term stands in a text in any of its forms: Turkish words with their suffixes (``köprü`` in ``köprüsünden``,
``kitap`` in ``kitabı``), words of other languages with up to three more letters and their last one changed
(``cheval`` in ``chevaux``), whatever the case. That is generous where a form cannot be told from another word, so a
term that is there is rarely called missing. It does not know how a term got into the list.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from quality.text import fold, plain

_WORDS = re.compile(r"\w+(?:'\w+)*")
_SOFTENED = {"p": "b", "ç": "c", "t": "d", "k": "ğ"}
"""Turkish: what a word's last letter becomes before a vowel (``kitap``, ``kitabı``; ``renk``, ``rengi`` has its g)."""
_HARMONY = "[ıiuü]"
_PLURAL = "(?:l[ae]r)?"
_CASE = f"(?:[yn]?{_HARMONY}|[yn]?[ae]|n?[dt][ae]n?|n?{_HARMONY}n|y?l[ae]|n?c[ae])?"
_TURKISH_ENDINGS = (
    f"'?(?:l{_HARMONY}k?|s{_HARMONY}z|[cç]{_HARMONY})?{_PLURAL}"
    f"(?:{_HARMONY}?m(?:{_HARMONY}z)?|{_HARMONY}?n(?:{_HARMONY}z)?|s?{_HARMONY})?{_CASE}(?:ki{_PLURAL}n?{_CASE})?"
    f"(?:[dt]{_HARMONY}r|y?m{_HARMONY}ş|y?[dt]{_HARMONY}|y?{_HARMONY}m|s{_HARMONY}n|y?ken|y?s[ae])?"
)
"""Each kind of ending at most once, in the order in which Turkish has them: with, plural, whose, case, is."""
_MOST_MORE = 3
"""Letters that a form may have beyond its word, in languages that we know no endings of."""


class Term(BaseModel):
    """A word or phrase of the source, and how the target language ``language`` (ISO 639-1) calls it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(min_length=1)
    target: str = Field(min_length=1)
    language: str


def terms_in(text: str, terms: Iterable[Term], *, source_lang: str | None, target_lang: str) -> list[Term]:
    """The terms for this target language that the text holds, in the list's order."""
    visible = _visible(text, source_lang)
    return [t for t in terms if t.language == target_lang and _pattern(t.source, source_lang).search(visible)]


def missed_terms(
    source_text: str, text: str, terms: Iterable[Term], *, source_lang: str | None, target_lang: str
) -> list[Term]:
    """The terms that the source text holds and its translation lacks; of several renderings of one term, one is
    enough.
    """
    there = terms_in(source_text, terms, source_lang=source_lang, target_lang=target_lang)
    visible = _visible(text, target_lang)
    kept = {t.source for t in there if _pattern(t.target, target_lang).search(visible)}
    return [t for t in there if t.source not in kept]


def _visible(text: str, language: str | None) -> str:
    return fold(plain(text), language).replace("œ", "oe").replace("æ", "ae")


_LOSE_A_VOWEL = (
    *("ağız", "akıl", "alın", "beyin", "boyun", "burun", "cisim", "emir", "fikir", "göğüs", "isim", "karın", "keyif"),
    *("metin", "nehir", "oğul", "omuz", "ömür", "resim", "sabır", "şehir", "şekil", "vakit", "zihin", "zulüm"),
)
"""Before an ending that begins with a vowel: burun, burnu."""
_DOUBLE = frozenset(["af", "had", "hak", "hat", "his", "red", "sır", "tıp", "zam", "zan"])
"""Likewise: hak, hakkı."""


@functools.cache
def _pattern(term: str, language: str | None) -> re.Pattern[str]:
    """Finds the term's words one after another, each in any of its forms. Case is folded already."""
    found = _WORDS.findall(_visible(term, language))
    form = _turkish_form if language == "tr" else _form
    joined = r"[\s\-'’]+".join(map(form, found)) if found else re.escape(_visible(term, language))
    return re.compile(rf"(?<!\w)(?:{joined})(?!\w)")


def _turkish_form(word: str) -> str:
    if word in _LOSE_A_VOWEL:
        return f"(?:{word}|{word[:-2]}{word[-1]}){_TURKISH_ENDINGS}"
    if word in _DOUBLE:
        return f"{word}{word[-1]}?{_TURKISH_ENDINGS}"
    last = word[-1]
    soft = _SOFTENED.get(last, "") if len(word) > 2 else ""
    if last == "k" and word[-2:-1] == "n":
        soft = "g"
    stem = f"{re.escape(word[:-1])}[{last}{soft}]" if soft else re.escape(word)
    return f"{stem}{_TURKISH_ENDINGS}"


def _form(word: str) -> str:
    if len(word) <= 3:
        return re.escape(word)
    return rf"{re.escape(word[:-1])}\w{{0,{_MOST_MORE + 1}}}"
