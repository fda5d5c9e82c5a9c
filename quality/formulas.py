"""How long a text is once its set phrases and its numbers are told the short way, for measuring what is missing.

"Estağfurullah, ne demek, rica ederim efendim." is "Je vous en prie." to a good translator, and "bin dokuz yüz seksen
altı" may be "1986". The Turkish phrases stand for their usual French rendering; the table is editorial and short, and
an idiom that it lacks may still be taken for a cut.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache, partial

from quality.numbers import numbers_as_figures
from quality.text import plain

_COURTESY = r"(?:estağfurullah|ne demek|rica ederim|bir şey değil|lafı (?:bile )?olmaz|ne zahmeti)"
_MOURNING = (
    r"(?:allah rahmet eylesin|başın(?:ız)? sağ ?olsun|mek[aâ]nı cennet olsun|nur içinde yatsın|allah sabır versin)"
)
_TURKISH: Mapping[str, str] = {
    rf"{_COURTESY}(?:,? (?:{_COURTESY}|efendim|canım))*": "je vous en prie",
    rf"{_MOURNING}(?:,? {_MOURNING})*": "condoléances",
    r"elleri?n(?:iz)?e sağlık(?:, çok (?:güzel|lezzetli|nefis) olmuş)?": "c'est délicieux",
    r"geçmiş olsun(?:, (?:umarım|inşallah)(?: \w+){0,2} (?:iyileş|toparla|düzel)\w+)?": "bon rétablissement",
    r"kolay gelsin": "bon courage",
    r"hayırlı (?:uğurlu )?olsun": "félicitations",
    r"hoş geldin(?:iz)?,? sefa(?:lar)? getirdin(?:iz)?": "bienvenue",
    r"allah (?:senden|sizden)? ?razı olsun": "merci",
    r"(?:çok )?teşekkür eder(?:im|iz)": "merci",
    r"(?:çok )?özür dilerim|kusura bakma(?:yın)?(?: lütfen)?": "pardon",
    r"(?:sizi|seni) tanıdığıma (?:çok )?memnun oldum|tanıştığım(?:ız)?a (?:çok )?memnun oldum": "enchanté",
    r"peki ya sen\?(?: sen)?": "et toi",
    r"peki ya siz\?(?: siz)?": "et vous",
    r"bu konuda": "en",
    r"allah'?a ?ısmarladık|allahaısmarladık|hoşça kal(?:ın)?": "au revoir",
}
_PHRASES = [(re.compile(rf"(?<!\w)(?:{p})(?!\w)", re.IGNORECASE), rendering) for p, rendering in _TURKISH.items()]
_LONGEST = 10_000


@lru_cache(maxsize=64)
def told_shortly(text: str, language: str | None) -> str:
    """The text with numbers in figures and, if it is Turkish, set phrases as short as French has them."""
    visible = numbers_as_figures(plain(text)[:_LONGEST], language)
    for pattern, rendering in _PHRASES if language == "tr" else ():
        visible = pattern.sub(partial(_cased, rendering), visible)
    return visible


def _cased(short: str, original: re.Match[str]) -> str:
    return short.capitalize() if original[0][0].isupper() else short
