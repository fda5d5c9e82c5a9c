"""The numbers that a text tells, in figures and in words (Turkish, French, English), and which of them changed.

A mention may be read in several ways ("25 600" is one number or two), so it carries all its readings. What may be
no number at all (French "neuf" is nine or new) only vouches for the other side and demands nothing itself. Grouping
and decimal marks are ignored: 1.5, 1,5 and "bir buçuk" are all "15". It does not know what is counted: "5 elma" and
"5 poires" agree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from quality.number_words import LANGUAGES, SCALES, NumberWords
from quality.text import fold, plain

_FIGURES = re.compile(
    r"(?P<figures>\d{1,3}(?:[ \u00a0\u202f.,'’]\d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,:/-]\d+)*)"
    r"(?=(?:[ \u00a0\u202f](?P<unit>[^\W\d_]{3,9}))?)"
)
_HOUR_BEFORE = re.compile(r"(?:\bsaat(?:i|leri?)?|\bsabah|\bakşam(?:üstü)?|\bgece|\böğlen?|\bsonra)\s*$", re.IGNORECASE)
_HOUR_AFTER = re.compile(r"\s?(?:h\b|heures?\b|o'clock|[ap]\.?m\b)", re.IGNORECASE)
_LATE = re.compile(
    r"après-midi|\bsoir|\bnuit|\bp\.?m\b|afternoon|evening|\bnight|öğleden sonra|akşam|\bgece", re.IGNORECASE
)
"""Words that make a small hour one of the afternoon."""
_DECADE_BEFORE = re.compile(r"(?:années|the)\s$", re.IGNORECASE)
_DECADE_AFTER = re.compile(r"['’]?(?:l[ıiuü]\b|l[ae]r|s\b)")
_PHONE = re.compile(r"(?<![\w.,])(?:\+\d{1,3}|\(?0)[\d \u00a0\u202f().-]{7,22}\d(?!\w)")
_PHONE_DIGITS = range(9, 15)
_AROUND = 14
"""Characters before and after figures in which a mark of the clock is looked for."""
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s'-]")
"""A word, or a mark, which ends a number; a hyphen does not ("vingt-deux")."""
_TO_THE_HOUR = re.compile(
    r"([\w']{1,12}) (çeyrek|\w{1,8}) (?:var|kala)\b|([\w']{1,12}) ?h(?:eures?)? moins (?:le |un )?(\w{1,8})"
)
_WORD = re.compile(r"[^\W\d_]+")
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
    hour: bool = False
    """Whether it stands next to a mark of the clock."""
    scaled: bool = False
    """Whether the first reading is multiplied by the word that follows ("5 million")."""
    way: bool = False
    """Whether it is no number that stands there, but another way to tell what does ("yarım saat": 30)."""
    cardinal: bool = True
    """Whether, when it is not sure, it still is a number's own word ("cent"), not one such as "premier"."""


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
    dialled = [match for match in _PHONE.finditer(visible) if len(re.sub(r"\D", "", match[0])) in _PHONE_DIGITS]
    for match in dialled:
        visible = visible[: match.start()] + " " * len(match[0]) + visible[match.end() :]
    phones = [Mention(((_dialled(match[0]),),), in_figures=True) for match in dialled]
    known = LANGUAGES.get(language or "")
    found = phones + [_figures(match, visible, known) for match in _FIGURES.finditer(visible)]
    if known is None:
        return found
    folded = fold(visible, language)
    ways = [
        Mention(((str(figure),),), sure=False, cardinal=False, way=True)
        for pattern, figures in known.ways_to_say
        if pattern.search(folded)
        for figure in figures
    ]
    return found + list(_in_words(_TOKEN.findall(folded), known)) + ways + list(_to_the_hour(folded, known))


def check_numbers(source: str, target: str, *, source_lang: str | None, target_lang: str | None) -> NumberCheck:
    """Which sure numbers of one side have no counterpart on the other.

    Hours may be told by either clock: "öğleden sonra saat üçte" agrees with "à 15 h".
    """
    told, got = mentions(source, source_lang), mentions(target, target_lang)
    if not told and not got:
        return NumberCheck()
    late = bool(_LATE.search(plain(target)[:_LONGEST]))
    clock = _hours(told, got, late)
    all_lost, all_invented = list(_unmet(told, got, clock)), list(_unmet(got, told, {b: a for a, b in clock.items()}))
    lost, invented = [m for m in all_lost if m.sure], [m for m in all_invented if m.sure]
    # words of a language that nobody reads here may account for a figure
    figures = source_lang in LANGUAGES and any(mention.in_figures for mention in invented)
    return NumberCheck(
        lost=tuple(" ".join(mention.readings[0]) for mention in lost),
        invented=tuple(" ".join(mention.readings[0]) for mention in invented),
        wanted=sum(mention.sure for mention in told),
        changed=bool((lost and all_invented) or (all_lost and invented))
        or figures
        or _one_for_another(told, got, bool(clock)),
    )


def _one_for_another(told: Sequence[Mention], got: Sequence[Mention], clock: bool) -> bool:
    """Whether a figure stands once too often and another once too seldom ("1'den 9'a": "de 1 à 1")."""
    own, other = (Counter(part for m in side if m.in_figures for part in m.readings[-1]) for side in (told, got))
    more, fewer = other - own, own - other
    accounted = {
        part
        for m in told
        for reading in (m.readings[:-1] if m.in_figures else m.readings)
        if m.sure or m.way
        for part in reading
    }
    return not clock and bool(fewer) and any(part not in accounted for part in more)


def _hours(told: Sequence[Mention], got: Sequence[Mention], late: bool) -> dict[str, str]:
    """Hours of the source by the other clock's hour that the target may tell them by; a smaller one only where it
    speaks of the afternoon (``late``).
    """
    marked = [m for m in told if m.hour] or told
    hours, others = (
        {r[0] for m in side for r in m.readings if len(r[0]) <= 2} for side in (marked, [m for m in got if m.hour])
    )
    later = {hour: str(int(hour) + 12) for hour in hours if int(hour) <= 12}
    earlier = {hour: str(int(hour) - 12) for hour in hours if 12 <= int(hour) <= 24} if late else {}
    return {hour: other for hour, other in (later | earlier).items() if other in others}


def _unmet(told: Sequence[Mention], got: Sequence[Mention], clock: Mapping[str, str]) -> Iterator[Mention]:
    """Mentions, sure ones and cardinals, of which no reading stands on the other side."""
    pool = {figure for mention in got for reading in mention.readings for figure in reading}
    scales = {mention.readings[-1] for mention in got if mention.scaled}
    for mention in told:
        if not mention.sure and not mention.cardinal:
            continue
        readings = mention.readings
        if mention.scaled and readings[-1] in scales:
            readings = readings[:1]  # both sides name the scale, so the bare figure proves nothing
        if not any(all(f in pool or clock.get(f) in pool for f in reading) for reading in readings):
            yield mention


def _figures(match: re.Match[str], text: str, known: NumberWords | None) -> Mention:
    found = _in_figures(match["figures"], _scale(match["unit"], known) if known else 1)
    end = match.start() + len(match["figures"])
    before, after = text[max(0, match.start() - _AROUND) : match.start()], text[end : end + _AROUND]
    hour = bool(
        _HOUR_BEFORE.search(before) or _HOUR_AFTER.match(after) or re.fullmatch(r"\d\d?:\d\d", match["figures"])
    )
    decade = len(match["figures"]) == 4 and match["figures"].endswith("0")
    if decade and (_DECADE_BEFORE.search(before) or _DECADE_AFTER.match(after)):
        return Mention(((_canonical(match["figures"][2:]),), *found.readings), in_figures=True)
    return replace(found, hour=hour)


def _dialled(figures: str) -> str:
    """A telephone number without the country's code and the zeros before it."""
    return _canonical(re.sub(r"\D", "", re.sub(r"^\+(?:90|33|1|4[149])", "", figures)))


def _to_the_hour(folded: str, known: NumberWords) -> Iterator[Mention]:
    """ "yediye çeyrek var", "sept heures moins dix": the hour before, and the minutes that it has."""
    for match in _TO_THE_HOUR.finditer(folded):
        hour, minutes = (_number(word, known) for word in match.groups() if word is not None)
        for figure in (hour - 1, hour + 11, 60 - minutes) if hour and 0 < minutes < 60 else ():
            yield Mention(((str(figure),),), sure=False, cardinal=False, way=True)


def _number(word: str, known: NumberWords) -> int:
    bare = word.partition("'")[0]
    if bare.isascii() and bare.isdigit() and len(bare) <= 2:
        return int(bare)
    return 15 if bare in {"çeyrek", "quart"} else _value(bare, known) or 0


def _in_figures(figures: str, scale: int = 1) -> Mention:
    """Read as one number and as several: dates, times, ranges, two numbers side by side, "2,5 million"."""
    parts = tuple(_canonical(part) for part in re.split(r"\D", figures) if part)
    if re.search("[:/-]", figures):
        return Mention((parts,), in_figures=True)
    readings = [(_canonical(re.sub(r"\D", "", figures)),), parts]
    scaled = scale > 1 and len(parts) <= 2 and len(figures) <= LONGEST_WORD
    if scaled:
        readings.insert(0, (str(round(float(".".join(parts)) * scale)),))
    return Mention(tuple(dict.fromkeys(readings)), in_figures=True, scaled=scaled)


def _scale(unit: str | None, known: NumberWords) -> int:
    value = _value(unit.lower(), known) if unit else None
    return value if value in SCALES else 1


def _canonical(digits: str) -> str:
    return digits.lstrip("0") or "0"


def _in_words(tokens: Sequence[str], known: NumberWords) -> Iterator[Mention]:
    """Runs of number words that make one number: "bin dokuz yüz doksan yedi"."""
    run: list[str] = []
    before = last = ""
    if not tokens:
        return
    for token, following in zip(tokens, (*tokens[1:], ""), strict=True):
        if token in known.months:
            yield Mention(((str(known.months[token]),),), sure=False, cardinal=False)
        joined = run and token == known.joiner and _value(following, known) is not None
        if joined:
            continue
        if run and not _continues(run, token, known):
            yield _told(run, before, token, known)
            run = []
        if _value(token, known) is not None:
            before = before if run else last
            run = [*run, token]
        elif token in known.vague:
            yield Mention(((str(known.vague[token]),),), sure=False, cardinal=False)
        last = token
    if run:
        yield _told(run, before, "", known)


def _continues(run: Sequence[str], token: str, known: NumberWords) -> bool:
    """Whether the word belongs to the number: it multiplies, or is smaller than the round one before it."""
    value, last = _value(token, known), _value(run[-1], known)
    if value is None or last is None or (run[-1] not in known.values and run[-1].rstrip("s") not in known.values):
        return False  # an ending closes a number
    return value in SCALES or (last % 10 == 0 and value < last) or (last, value) == (4, 20)


def _told(run: Sequence[str], before: str, following: str, known: NumberWords) -> Mention:
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
    value = total + current
    figure = str(value)
    hour = value <= 24 and bool(known.before_hour.fullmatch(before) or known.after_hour.fullmatch(following))
    if following in known.halves:
        return Mention(((figure + "5",), (figure, "30"), (figure,)), hour=hour)
    alone = len(run) == 1 and (
        _stem(run[0], known) in known.vague or total > 0
    )  # "2 milyon": the figure is what counts
    multiplies = len(run) == 1 and total > 0 and before[:1].isdigit()
    counts = alone and run[0] in known.vague and value > 1 and not multiplies
    sure = not alone or (counts and any(following.startswith(stem) for stem in known.counted))
    return Mention(((figure,),), sure=sure, hour=hour, cardinal=counts and value > 2)


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


def numbers_as_figures(text: str, language: str | None) -> str:
    """The text with numbers of several words ("yetmiş bir") written in figures; single words stay ("bir", "neuf")."""
    known = LANGUAGES.get(language or "")
    if known is None:
        return text
    pieces: list[str] = []
    run: list[re.Match[str]] = []
    done = 0
    for match in (*_WORD.finditer(text), None):
        word = "" if match is None else fold(match[0], language)
        gap = "" if match is None or not run else text[run[-1].end() : match.start()]
        said = [part for one in run if (part := fold(one[0], language)) != known.joiner]
        if (
            run
            and match is not None
            and not gap.strip(" -")
            and (word == known.joiner or _continues(said, word, known))
        ):
            run.append(match)
            continue
        if len(said) > 1:
            last = run[-1] if fold(run[-1][0], language) != known.joiner else run[-2]
            figure = _told(said, "", "", known).readings[0][0]
            pieces += [text[done : run[0].start()], figure]
            done = last.end()
        run = [match] if match is not None and _value(word, known) is not None else []
    return "".join((*pieces, text[done:]))


def numbers_kept(source: str, target: str, *, source_lang: str | None = "tr", target_lang: str | None = "fr") -> float:
    """Share of the source's sure numbers that the target tells too; 1.0 where there are none."""
    check = check_numbers(source, target, source_lang=source_lang, target_lang=target_lang)
    return 1.0 - len(check.lost) / check.wanted if check.wanted else 1.0
