"""Where a line or a cue may end: what it costs to break between two units, and the best lines for a cue.

Rules: Netflix general requirements ("line treatment"): after punctuation, before conjunctions and
prepositions, never between an article or a clitic and what follows, nor between first and last name, title and
name, auxiliary and verb, adjective and noun; ESIST: the upper line shorter where there is a choice; one line for
each who speaks. Words are told by lists, for want of a grammar: of the adjectives those that French puts first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from pipelines.subtitles.sentences import split_units
from quality.text import fold

_NEVER_LAST = {
    "fr": (
        "le la les l' un une des du de d' à au aux en ce cet cette ces mon ton son ma ta sa mes tes "
        "ses notre votre leur nos vos leurs je j' tu il elle on nous vous ils elles ne n' me m' te "
        "t' se s' que qu' qui et ou mais donc car ni si très plus pour par sur dans avec sans chez "
        "m. mm. mme mmes mlle mlles me mgr dr pr st ste quel quelle quels quelles parce y"
    ),
    "en": (
        "a an the my your his her its our their this that these those i you he she it we they to of "
        "in on at for from with and or but not is are was were very mr. mrs. ms. dr."
    ),
    "tr": "bir bu şu o çok en ve ama ya her hiç daha pek dr. prof. doç. av. sn. sayın",
    "de": (
        "der die das den dem des ein eine einen einem einer mein dein sein ich du er sie es wir ihr "
        "zu von in an auf mit und oder aber nicht sehr"
    ),
    "es": "el la los las un una unos unas de del a al en con por para y o pero que mi tu su no muy",
    "it": "il lo la i gli le un una di del della a al alla in con per e o ma che mi ti si non",
    "pt": "o a os as um uma de do da em no na com por para e ou mas que meu minha não",
    "nl": "de het een mijn jouw zijn haar van in op aan met voor en of maar niet ik je hij ze we",
}
_BETTER_NOT_LAST = {
    "fr": (
        "ai as a avons avez ont avais avait avions aviez avaient aurai auras aura aurons aurez auront suis es est "
        "sommes êtes sont étais était étions étiez étaient serai seras sera serons serez seront va vais vas vont "
        "allons allez peux peut pouvons pouvez peuvent dois doit devons devez doivent veux veut voulons voulez "
        "veulent faut petit petite petits petites grand grande grands grandes bon bonne bons bonnes beau bel belle "
        "beaux belles jeune jeunes vieux vieil vieille nouveau nouvel nouvelle mauvais mauvaise gros grosse autre "
        "autres même mêmes deux trois quatre cinq six sept huit neuf dix cent mille chaque quelques plusieurs tout "
        "toute tous toutes comme entre vers après avant depuis pendant contre sous"
    ),
    "en": (
        "am be been being was were has have had will would can could shall should may might must do does did "
        "two three four five six seven eight nine ten some any every no by into about after before under over"
    ),
    "tr": "iki üç dört beş altı yedi sekiz dokuz on yüz bin bazı bütün tüm başka hangi kaç ne eğer",
}
"""Auxiliaries, adjectives that stand before their noun, numbers, longer prepositions."""
_NEVER_FIRST = {
    "tr": (
        "mi mı mu mü miyim mıyım muyum müyüm misin mısın musun müsün miyiz mıyız muyuz müyüz misiniz mısınız musunuz "
        "müsünüz miydi mıydı muydu müydü de da ki ile için gibi kadar göre değil bey hanım efendi abi abla amca teyze "
        "hoca hocam sonra önce beri dolayı rağmen olan olarak"
    ),
    "fr": "pas plus jamais rien point guère",
}
"""Turkish: question particles, clitics, postpositions and titles belong to the word before; French: the second
half of a negation.
"""
_GOOD_FIRST = {
    "fr": (
        "et ou mais donc car ni que qui quand comme parce si avec pour dans sur chez sans avant "
        "après depuis pendant à de en vers jusqu'à"
    ),
    "en": ("and or but so because that which who when if with for in on at to from by before after since"),
    "tr": "ve ama çünkü fakat veya ancak yoksa yani hem ya eğer",
    "de": "und oder aber weil dass wenn mit für in auf von nach vor seit",
    "es": "y o pero porque que cuando si con para en de por desde",
    "it": "e o ma perché che quando se con per in di da",
    "pt": "e ou mas porque que quando se com para em de por desde",
    "nl": "en of maar omdat dat als met voor in op van na",
}

_TITLES = frozenset(
    {"monsieur", "madame", "mademoiselle", "docteur", "professeur", "maître", "sayın", "señor", "señora"}
)

SENTENCE_END, CLAUSE_END, BEFORE_LINK, PLAIN, UNWISE, FORBIDDEN = 0.0, 0.15, 0.4, 0.7, 1.3, 4.0
"""Forbidden costs more than the worst of the others on the most uneven two lines."""
_OPENING = "«“‘\"'([-–—¿¡…"
_SENTENCE_MARKS = ".!?…。！？؟।"


@dataclass(frozen=True)
class _Words:
    never_last: frozenset[str]
    better_not_last: frozenset[str]
    never_first: frozenset[str]
    good_first: frozenset[str]


@lru_cache(maxsize=32)
def _words(language: str) -> _Words:
    tables = (_NEVER_LAST, _BETTER_NOT_LAST, _NEVER_FIRST, _GOOD_FIRST)
    return _Words(*(frozenset(table.get(language, "").split()) for table in tables))


def break_cost(before: str, after: str, language: str) -> float:
    """How bad a break between two units is, from 0 (after a sentence) to 4 (after an article)."""
    known = _words(language)
    last = _last_letter(before)
    word = fold(before.split()[-1].lstrip(_OPENING) if before.strip() else "", language)
    following = fold(after, language).rstrip(".,;:!?…\"'”’»)] \u00a0\u202f")
    if word in known.never_last:
        return FORBIDDEN
    if last and last in _SENTENCE_MARKS:
        return SENTENCE_END
    if last and last in ",;:，、،–—":
        return CLAUSE_END
    if following in known.never_first:
        return FORBIDDEN
    if after[:1].isupper() and language != "de" and (before[:1].isupper() or word in _TITLES):
        return FORBIDDEN  # first and last name, title and name; German writes all nouns so
    if word in known.better_not_last or word.isdigit():
        return UNWISE
    return BEFORE_LINK if following in known.good_first else PLAIN


def _last_letter(unit: str) -> str:
    return unit.rstrip("\"'”’»)] \u00a0\u202f")[-1:]


def turns(units: Sequence[str]) -> list[list[str]]:
    """The units parted before every dash that begins what another one says: each has lines of their own."""
    found: list[list[str]] = []
    for unit in units:
        if not found or begins_turn(found[-1][-1], unit):
            found.append([unit])
        else:
            found[-1].append(unit)
    return found


def begins_turn(before: str, unit: str) -> bool:
    """Whether another one speaks from ``unit`` on, which follows ``before``."""
    return unit.startswith("-") and len(unit) > 1 and _last_letter(before) in _SENTENCE_MARKS


class LineBreaks:
    """What it costs at least to break any run of the units into lines; each question is a few steps.

    ``costs`` has for each unit what a break before it costs, and 0 at both ends.
    """

    def __init__(self, units: Sequence[str], language: str, max_chars: int) -> None:
        count = len(units)
        begins = [i > 0 and begins_turn(units[i - 1], units[i]) for i in range(count)]
        self.costs = [0.0] * (count + 1)
        for i in range(1, count):
            self.costs[i] = SENTENCE_END if begins[i] else break_cost(units[i - 1], units[i], language)
        # the first unit of the longest line that ends before each place, and where the longest from each place ends
        self._first, self._end = [0] * (count + 1), [count] * (count + 1)
        first, width = 0, -1
        for end in range(1, count + 1):
            width += 1 + len(units[end - 1])
            while first < end - 1 and (width > max_chars or begins[end - 1]):
                width -= 1 + len(units[first])
                self._end[first] = end - 1
                first += 1
            self._first[end] = first

    def cheapest(self, begin: int, end: int, max_lines: int) -> float | None:
        """The least cost of the breaks in as few lines as units ``begin`` to ``end`` need; None if they need more than
        ``max_lines``.
        """
        lines, at = 1, end
        while self._first[at] > begin:
            lines, at = lines + 1, self._first[at]
            if lines > max_lines:
                return None
        return self._cost(begin, end, lines)

    def _cost(self, begin: int, end: int, lines: int) -> float:
        if lines == 1:
            return 0.0
        low = end
        for _ in range(lines - 1):
            low = self._first[low]
        upper = range(max(low, begin + 1), self._end[begin] + 1)
        if lines == 2:
            return min(self.costs[upper.start : upper.stop])
        return min(self.costs[at] + self._cost(at, end, lines - 1) for at in upper)


def parted(before: str, after: str, language: str, max_chars: int) -> bool:
    """Whether what must stay together stands in two lines, one after the other."""
    units, following = split_units(before, max_chars), split_units(after, max_chars)
    return bool(units and following) and break_cost(units[-1], following[0], language) >= FORBIDDEN


def lines_needed(units: Sequence[str], max_chars: int) -> int:
    """The fewest lines that hold the units, none of which is longer than a line."""
    return sum(_filled(turn, max_chars) for turn in turns(units))


def _filled(units: Sequence[str], max_chars: int) -> int:
    lines, used = 0, max_chars + 1
    for unit in units:
        if used + 1 + len(unit) > max_chars or lines == 0:
            lines, used = lines + 1, len(unit)
        else:
            used += 1 + len(unit)
    return lines


def best_lines(units: Sequence[str], language: str, max_chars: int) -> tuple[str, ...]:
    """The units in as few lines as they need, broken where it reads best, lines balanced, the upper one
    shorter; who speaks begins a line.
    """
    return tuple(line for turn in turns(units) for line in _lines_of_one(turn, language, max_chars))


def _lines_of_one(units: Sequence[str], language: str, max_chars: int) -> tuple[str, ...]:
    count = _filled(units, max_chars)
    if count <= 1:
        return (" ".join(units),)
    even = sum(map(len, units)) / count
    # best[k][i]: cheapest way to set the first i units in k lines, and where the last of them begins
    best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
    for line in range(1, count + 1):
        row: dict[int, tuple[float, int]] = {}
        for begin, (cost, _) in best[-1].items():
            width = -1
            for end in range(begin + 1, len(units) + 1):
                width += 1 + len(units[end - 1])
                if width > max_chars:
                    break
                own = cost + _line_cost(units, end, width, even, line == count, language)
                if end not in row or own < row[end][0]:
                    row[end] = (own, begin)
        best.append(row)
    cuts = [len(units)]
    for line in range(count, 0, -1):
        cuts.append(best[line][cuts[-1]][1])
    cuts.reverse()
    return tuple(" ".join(units[a:b]) for a, b in pairwise(cuts))


def _line_cost(units: Sequence[str], end: int, width: int, even: float, is_last: bool, language: str) -> float:
    uneven = (width - even) / max(1.0, even)
    cost = uneven * uneven
    if not is_last:
        cost += break_cost(units[end - 1], units[end], language) if end < len(units) else 0.0
        cost += max(0.0, uneven) * 0.3  # the pyramid stands on its broad side
    return cost
