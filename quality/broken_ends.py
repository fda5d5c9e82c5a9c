"""Words that cannot stand where they stand: an article with nothing after it, as where a text was cut.

Closed classes of French and English words. It judges ends and seams alone; it is no grammar.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from quality.text import fold, plain

_TOKEN = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*['’]?|\d+|[.,;:!?…]")
_LONGEST = 10_000


@dataclass(frozen=True)
class ClosedClasses:
    """Words that need another one after them, and of which kind it cannot be."""

    determiners: frozenset[str]
    prepositions: frozenset[str]
    openers: frozenset[str]
    """Conjunctions and pronouns that need a clause after them."""
    not_after_determiner: frozenset[str]
    not_after_preposition: frozenset[str]
    not_last: frozenset[str]
    """Further words with which a text without a final mark does not end."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


CLASSES: Mapping[str, ClosedClasses] = {
    "fr": ClosedClasses(
        determiners=_set("le la les l' des cet cette ces mon ma mes ton ta tes sa ses notre nos votre vos du au aux"),
        prepositions=_set("de d' à en dans sur pour par avec sans sous chez vers entre"),
        openers=_set(
            "et ou mais que qu' qui dont si lorsque lorsqu' puisque car ni je j' tu il ils on ne n' se s' me m' te t'"
        ),
        not_after_determiner=_set(
            "le la les l' des ce cet cette ces mon ma mes ton ta tes sa ses notre nos votre vos du au aux de d' à dans "
            "sur par avec sans chez vers entre mais que qu' qui dont lorsque car il ils je j' tu est sont . , ; : ! ? …"
        ),
        not_after_preposition=_set("mais car est sont il ils je j' tu du aux . ; ! …"),
        not_last=_set(
            "un une ce leur leurs son est sont a ont été être était très comme afin peut peuvent doit doivent pouvez "
            "devez souhaitez voulez ainsi lors selon elle elles vous nous si aussi cela quel quelle quels quelles tout "
            "toute tous toutes chaque plusieurs quelques"
        ),
    ),
    "en": ClosedClasses(
        determiners=_set("the a an my your our their every"),
        prepositions=_set("of from with into at between"),
        openers=_set("and or but because if he she they we"),
        not_after_determiner=_set(
            "the a an my your our their of from with into at but because if is are he she they we . , ; : ! ? …"
        ),
        not_after_preposition=_set("of but is are he she they we"),
        not_last=_set("is are was were be been has have very as can must should will would if each every some several"),
    ),
}


def broken_places(text: str, language: str | None) -> int:
    """How many words lack what must follow them; 0 for languages that are not listed."""
    known = CLASSES.get(language or "")
    if known is None:
        return 0
    tokens = [fold(match[0], language) for match in _TOKEN.finditer(plain(text)[:_LONGEST])]
    count = 0
    for token, following in zip(tokens, [*tokens[1:], "."], strict=False):
        if token in known.determiners:
            count += following in known.not_after_determiner
        elif token in known.prepositions:
            count += following in known.not_after_preposition
        elif token in known.openers:
            count += following in ".;!…"
    return count + (bool(tokens) and tokens[-1] in known.not_last)
