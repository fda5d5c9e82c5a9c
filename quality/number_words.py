"""Number words of Turkish, French and English, as data. A stem may take the language's endings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class NumberWords:
    """What a language calls its numbers."""

    values: Mapping[str, int]
    vague: Mapping[str, int]
    """Words that also mean something else (French "neuf", "second"; Turkish "yüz", "altı") or that round."""
    months: Mapping[str, int]
    halves: frozenset[str]
    joiner: str = ""
    """What may stand inside a number ("vingt et un")."""
    ending: re.Pattern[str] = re.compile("")
    """What a value may end with: case endings, ordinals."""
    before_hour: re.Pattern[str] = re.compile(r"(?!)")
    after_hour: re.Pattern[str] = re.compile(r"(?!)")
    """What stands right before or after an hour of the clock."""
    counted: frozenset[str] = frozenset()
    """Stems of what is counted: a vague word before one of them is a number."""
    ways_to_say: tuple[tuple[re.Pattern[str], tuple[int, ...]], ...] = ()
    """Quantities that another language tells by other figures ("half an hour": 30 minutes)."""


SCALES = frozenset({100, 1000, 10**6, 10**9})
"""Words for these multiply what stands before them."""


def _numbered(names: str, numbers: Iterable[int]) -> dict[str, int]:
    return dict(zip(names.split(), numbers, strict=True))


def _set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


def _ways(table: Mapping[str, tuple[int, ...]]) -> tuple[tuple[re.Pattern[str], tuple[int, ...]], ...]:
    return tuple((re.compile(pattern), figures) for pattern, figures in table.items())


_TENS = range(10, 100, 10)

TURKISH = NumberWords(
    values=_numbered("bir iki üç dört beş altı yedi sekiz dokuz", range(1, 10))
    | _numbered("on yirmi otuz kırk elli altmış yetmiş seksen doksan", _TENS)
    | _numbered("yüz bin milyon milyar", (100, 1000, 10**6, 10**9))
    | {"dörd": 4},
    vague=_numbered("bir altı yedi on yüz bin ilk tek çift", (1, 6, 7, 10, 100, 1000, 1, 1, 2))
    | _numbered("yarım düzine sıfır öğlen öğle gece", (2, 12, 0, 12, 12, 0)),
    months=_numbered("ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık", range(1, 13)),
    halves=frozenset({"buçuk", "buçukta", "buçuğa", "buçuktan"}),
    before_hour=re.compile(r"saat(?:i|leri?)?|sabah|akşam(?:üstü)?|gece|öğle[n]?|sonra|ikindi|bugün|yarın"),
    after_hour=re.compile(r"buçukta|sularında|civarında"),
    counted=_set(
        "kişi lira avro euro dolar yıl sene ay hafta gün saat dakika saniye metre kilometre kilo gram litre derece "
        "yaş sayfa adam kadın çocuk öğrenci asker işçi ev oda bin milyon milyar"
    ),
    ways_to_say=_ways(
        {
            r"\byarım saat": (30,),
            r"\byarım kilo": (500,),
            r"\byarım litre": (50, 500),
            r"\byarım gün": (12,),
            r"\bbir buçuk saat": (90,),
            r"\bçeyrek": (15, 45, 4),
            r"\biki hafta": (14, 15),
            r"\bbir hafta": (7, 8),
            r"\baltı ay": (6,),
        }
    ),
    ending=re.compile(r"'?(?:[ıiuü]?nc[ıiuü])?(?:l[ae]r|l[ıiuü])?(?:[ysn]?[ıiuüae]|n?[dt][ae]n?|n?[ıiuü]n)?"),
)
FRENCH = NumberWords(
    values=_numbered(
        "deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize", range(2, 17)
    )
    | _numbered("un une vingt trente quarante cinquante soixante", (1, 1, 20, 30, 40, 50, 60))
    | _numbered("septante huitante octante nonante", (70, 80, 80, 90))
    | _numbered("cent mille million milliard", (100, 1000, 10**6, 10**9))
    | _numbered("un cinqu neuv quatr onz douz treiz quatorz quinz seiz trent", (1, 5, 9, 4, 11, 12, 13, 14, 15, 16, 30))
    | _numbered("quarant cinquant soixant mill", (40, 50, 60, 1000)),
    vague=_numbered("un une neuf neufs cent mille", (1, 1, 9, 9, 100, 1000))
    | _numbered("second seconde double couple paire", (2, 2, 2, 2, 2))
    | _numbered("premier première premiers premières demi demie moitié tiers quart", (1, 1, 1, 1, 2, 2, 2, 3, 4))
    | _numbered("dizaine douzaine quinzaine vingtaine trentaine cinquantaine", (10, 12, 15, 20, 30, 50))
    | _numbered("dizaines centaine centaines millier milliers zéro midi minuit", (10, 100, 100, 1000, 1000, 0, 12, 0)),
    months=_numbered(
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre", range(1, 13)
    ),
    halves=frozenset({"demi", "demie"}),
    joiner="et",
    after_hour=re.compile(r"h|heures?"),
    ways_to_say=_ways(
        {
            r"demi-heure": (30,),
            r"heure et demie": (90,),
            r"\bquart": (15, 45),
            r"demi-kilo|\bune livre de": (500,),
            r"\b(?:quinze|15) jours|quinzaine": (2, 14),
            r"\b(?:huit|8) jours": (1, 7),
        }
    ),
    ending=re.compile(r"s|ièmes?"),
)
ENGLISH = NumberWords(
    values=_numbered("one two three four five six seven eight nine ten eleven twelve", range(1, 13))
    | _numbered("thirteen fourteen fifteen sixteen seventeen eighteen nineteen", range(13, 20))
    | _numbered("twenty thirty forty fifty sixty seventy eighty ninety", range(20, 100, 10))
    | _numbered("hundred thousand million billion", (100, 1000, 10**6, 10**9))
    | _numbered("first second", (1, 2))
    | _numbered("third fif eigh nin twelf twentie thirtie fortie fiftie", (3, 5, 8, 9, 12, 20, 30, 40, 50)),
    vague=_numbered("one once first second seconds twice both pair couple double", (1, 1, 1, 2, 2, 2, 2, 2, 2, 2))
    | _numbered("half quarter dozen noon midnight zero third", (2, 4, 12, 12, 0, 0, 3)),
    months=_numbered(
        "january february march april may june july august september october november december", range(1, 13)
    ),
    halves=frozenset({"half"}),
    joiner="and",
    before_hour=re.compile(r"at"),
    after_hour=re.compile(r"o'clock|[ap]m"),
    ways_to_say=_ways(
        {r"half an hour": (30,), r"half a kilo": (500,), r"\bquarter": (15, 45), r"\bfortnight": (2, 14, 15)}
    ),
    ending=re.compile(r"s|th"),
)
LANGUAGES: Mapping[str, NumberWords] = {"tr": TURKISH, "fr": FRENCH, "en": ENGLISH}
