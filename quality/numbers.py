"""The numbers that a text tells, in figures and in words (Turkish, French, English), and which of them changed.

A mention may be read in several ways ("25 600" is one number or two), so it carries all its readings. What may be
no number at all (French "neuf" is nine or new) only vouches for the other side and demands nothing itself. Grouping
and decimal marks are ignored: 1.5, 1,5 and "bir buçuk" are all "15". It does not know what is counted: "5 elma" and
"5 poires" agree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from quality.number_words import LANGUAGES, SCALES, NumberWords
from quality.text import fold, plain

_FIGURES = re.compile(
    r"(?P<figures>\d{1,3}(?:[ \u00a0\u202f.,'’]\d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,:/-]\d+)*)"
    r"(?=(?:[ \u00a0\u202f](?P<unit>[^\W\d_]{3,9}))?)"
)
_CLOCK = re.compile(r"\d ?h\b|\bheures?\b|\bsaat|\bo'clock\b|\b[ap]\.?m\b|\d:\d\d", re.IGNORECASE)
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s'-]")
"""A word, or a mark, which ends a number; a hyphen does not ("vingt-deux")."""
LONGEST_WORD = 20
_LONGEST = 10_000
"""Characters that are looked at; a window of speech has far fewer."""


@dataclass(frozen=True)
class Mention:
    """A number as a text has it: its readings, each the figures of which it consists, without leading zeros."""

    readings: tuple[tuple[str, ...], ...]
    sure: bool = True
    """Whether it can be nothing but a number."""
    in_figures: bool = False


@dataclass(frozen=True)
class NumberCheck:
    """What does not agree between a source and its translation."""

    lost: tuple[str, ...] = ()
    """Sure numbers of the source that the target lacks."""
    invented: tuple[str, ...] = ()
    """Sure numbers of the target that the source lacks."""
    wanted: int = 0
    """How many numbers the source surely tells."""
    changed: bool = False
    """Whether one number stands where another should, or a figure that nothing in the source accounts for."""


def mentions(text: str, language: str | None) -> list[Mention]:
    """The numbers of a text; those in words only where ``language`` is Turkish, French or English."""
    visible = plain(text)[:_LONGEST]
    known = LANGUAGES.get(language or "")
    if known is None:
        return [_in_figures(match["figures"]) for match in _FIGURES.finditer(visible)]
    found = [_in_figures(match["figures"], _scale(match["unit"], known)) for match in _FIGURES.finditer(visible)]
    return found + list(_in_words(_TOKEN.findall(fold(visible, language)), known))


def check_numbers(source: str, target: str, *, source_lang: str | None, target_lang: str | None) -> NumberCheck:
    """Which sure numbers of one side have no counterpart on the other.

    Hours may be told by either clock: "öğleden sonra saat üçte" agrees with "à 15 h".
    """
    told, got = mentions(source, source_lang), mentions(target, target_lang)
    if not told and not got:
        return NumberCheck()
    clock = bool(_CLOCK.search(plain(source)[:_LONGEST]) or _CLOCK.search(plain(target)[:_LONGEST]))
    lost, invented = list(_unmet(told, got, clock)), list(_unmet(got, told, clock))
    # words of a language that nobody reads here may account for a figure
    figures = source_lang in LANGUAGES and any(mention.in_figures for mention in invented)
    return NumberCheck(
        lost=tuple(" ".join(mention.readings[0]) for mention in lost),
        invented=tuple(" ".join(mention.readings[0]) for mention in invented),
        wanted=sum(mention.sure for mention in told),
        changed=bool(lost and invented) or figures or _one_for_another(told, got, clock),
    )


def _one_for_another(told: Sequence[Mention], got: Sequence[Mention], clock: bool) -> bool:
    """Whether a figure stands once too often and another once too seldom ("1'den 9'a": "de 1 à 1")."""
    own, other = (Counter(part for m in side if m.in_figures for part in m.readings[-1]) for side in (told, got))
    more, fewer = other - own, own - other
    in_words = {part for m in told if m.sure and not m.in_figures for reading in m.readings for part in reading}
    return not clock and bool(fewer) and any(part not in in_words for part in more)


def _unmet(told: Sequence[Mention], got: Sequence[Mention], clock: bool) -> Iterator[Mention]:
    pool = {figure for mention in got for reading in mention.readings for figure in reading}
    if clock:
        hours = [int(figure) for figure in pool if len(figure) <= 2 and int(figure) <= 24]
        pool |= {str(hour + 12) for hour in hours if hour <= 12} | {str(hour - 12) for hour in hours if hour >= 12}
    for mention in told:
        if mention.sure and not any(set(reading) <= pool for reading in mention.readings):
            yield mention


def _in_figures(figures: str, scale: int = 1) -> Mention:
    """Read as one number and as several: dates, times, ranges, two numbers side by side, "2,5 million"."""
    parts = tuple(_canonical(part) for part in re.split(r"\D", figures) if part)
    if re.search("[:/-]", figures):
        return Mention((parts,), in_figures=True)
    readings = [(_canonical(re.sub(r"\D", "", figures)),), parts]
    if scale > 1 and len(parts) <= 2 and len(figures) <= LONGEST_WORD:
        readings.insert(0, (str(round(float(".".join(parts)) * scale)),))
    return Mention(tuple(dict.fromkeys(readings)), in_figures=True)


def _scale(unit: str | None, known: NumberWords) -> int:
    value = _value(unit.lower(), known) if unit else None
    return value if value in SCALES else 1


def _canonical(digits: str) -> str:
    return digits.lstrip("0") or "0"


def _in_words(tokens: Sequence[str], known: NumberWords) -> Iterator[Mention]:
    """Runs of number words that make one number: "bin dokuz yüz doksan yedi"."""
    run: list[str] = []
    if not tokens:
        return
    for token, following in zip(tokens, (*tokens[1:], ""), strict=True):
        if token in known.months:
            yield Mention(((str(known.months[token]),),), sure=False)
        joined = run and token == known.joiner and _value(following, known) is not None
        if joined:
            continue
        if run and not _continues(run, token, known):
            yield _told(run, token, known)
            run = []
        if _value(token, known) is not None:
            run = [*run, token]
        elif token in known.vague:
            yield Mention(((str(known.vague[token]),),), sure=False)
    if run:
        yield _told(run, "", known)


def _continues(run: Sequence[str], token: str, known: NumberWords) -> bool:
    """Whether the word belongs to the number: it multiplies, or is smaller than the round one before it."""
    value, last = _value(token, known), _value(run[-1], known)
    if value is None or last is None or (run[-1] not in known.values and run[-1].rstrip("s") not in known.values):
        return False  # an ending closes a number
    return value in SCALES or (last % 10 == 0 and value < last) or (last, value) == (4, 20)


def _told(run: Sequence[str], following: str, known: NumberWords) -> Mention:
    total = current = 0
    for token in run:
        value = _value(token, known) or 0
        if value == 100:
            current = max(1, current) * value
        elif value == 20 and current % 100 == 4:
            current += 76  # quatre-vingts
        elif value in SCALES:
            total, current = total + max(1, current) * value, 0
        else:
            current += value
    figure = str(total + current)
    if following in known.halves:
        return Mention(((figure + "5",), (figure, "30"), (figure,)))
    alone = len(run) == 1 and (
        _stem(run[0], known) in known.vague or total > 0
    )  # "2 milyon": the figure is what counts
    return Mention(((figure,),), sure=not alone)


def _value(token: str, known: NumberWords) -> int | None:
    stem = _stem(token, known)
    return None if stem is None else known.values[stem]


@lru_cache(maxsize=4096)
def _stem(token: str, known: NumberWords) -> str | None:
    """The number word that the token is or bends."""
    if token in known.values or not 1 < len(token) <= LONGEST_WORD:
        return token if token in known.values else None
    cuts = (cut for cut in range(len(token) - 1, 1, -1) if token[:cut] in known.values)
    return next((token[:cut] for cut in cuts if known.ending.fullmatch(token[cut:])), None)


def numbers_kept(source: str, target: str, *, source_lang: str | None = "tr", target_lang: str | None = "fr") -> float:
    """Share of the source's sure numbers that the target tells too; 1.0 where there are none."""
    check = check_numbers(source, target, source_lang=source_lang, target_lang=target_lang)
    return 1.0 - len(check.lost) / check.wanted if check.wanted else 1.0
