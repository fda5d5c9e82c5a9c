"""Named things that should stand on both sides: people, places, makes.

A name is a capitalised word inside a sentence; Turkish endings behind an apostrophe are cut off ("Ankara'dan").
Names of countries and languages are translated by CLDR, a few cities by a table. It cannot tell a name at the
beginning of a sentence, and knows no grammar: absence is evidence, never proof.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from langcodes import Language

from quality.text import fold, plain

_INSIDE = re.compile(r"(?<=[\w,;:'’»)-] )(?:[«“\"(] ?)?([^\W\d_][\w-]*)")
_STEM = 4
"""Letters that must agree: languages bend the ends of names ("Roma", "Rome")."""
_MAX = 200
_TITLES = """
Bey Hanım Efendi Beyefendi Hanımefendi Sayın Hoca Hocam Abi Abla Ağabey Amca Teyze Dayı Usta Paşa Monsieur Madame
Mademoiselle Mme Mlle Mrs Miss Sir Mister
"""
"""Forms of address: they are translated, and :mod:`quality.markers` looks after them."""
_PLACES = """
Londra Londres London, Atina Athènes Athens, Kahire Caire Cairo, Şam Damas Damascus, Bağdat Bagdad Baghdad,
Moskova Moscou Moscow, Viyana Vienne Vienna, Cenevre Genève Geneva, Brüksel Bruxelles Brussels, Varşova Varsovie Warsaw,
Kudüs Jérusalem Jerusalem, Halep Alep Aleppo, Lizbon Lisbonne Lisbon, Selanik Thessalonique Thessaloniki,
Napoli Naples Naples, Venedik Venise Venice, Floransa Florence Florence, Cezayir Alger Algiers, Tahran Téhéran Tehran,
Barselona Barcelone Barcelona, Münih Munich Munich, Pekin Pékin Beijing, Avrupa Europe Europe, Asya Asie Asia,
Afrika Afrique Africa, Akdeniz Méditerranée Mediterranean, Boğaz Bosphore Bosphorus, Karadeniz Noire Black,
Noel Noël Christmas, Ramazan Ramadan Ramadan
"""
_LANGUAGES_OF_PLACES = ("tr", "fr", "en")


def names_in(text: str) -> list[str]:
    """Capitalised words inside sentences, without titles and without what follows an apostrophe, each once."""
    found = (match[1] for match in _INSIDE.finditer(plain(text)))
    names = (word for word in found if word[0].isupper() and len(word) > 2 and word not in _TITLES.split())
    return list(dict.fromkeys(names))[:_MAX]


def names_lost(source: str, target: str, *, source_lang: str | None, target_lang: str | None) -> tuple[str, ...]:
    """Names of the source of which nothing similar stands in the target."""
    wanted = names_in(source)
    if not wanted:
        return ()
    heard = {_bare(word) for word in re.findall(r"\w+", plain(target))}
    stems = {word[:_STEM] for word in heard}
    exonyms = _exonyms(source_lang or "", target_lang or "")

    def stands(name: str) -> bool:
        options = (_bare(name), *exonyms.get(_bare(name), ()))
        return any(option in heard or (len(option) >= _STEM and option[:_STEM] in stems) for option in options)

    return tuple(name for name in wanted if not stands(name))


def names_kept(source: str, target: str, *, source_lang: str | None, target_lang: str | None) -> float:
    """Share of the source's names that the target has; 1.0 where there are none."""
    wanted = names_in(source)
    lost = names_lost(source, target, source_lang=source_lang, target_lang=target_lang)
    return 1.0 - len(lost) / len(wanted) if wanted else 1.0


def _bare(word: str) -> str:
    """Lower case without accents, dotless i as i: names are written either way."""
    plainer = unicodedata.normalize("NFD", fold(word, "tr").replace("ı", "i"))
    return "".join(character for character in plainer if not unicodedata.combining(character))


@lru_cache(maxsize=16)
def _exonyms(source_lang: str, target_lang: str) -> dict[str, tuple[str, ...]]:
    """Words of the target's names for countries, languages and some cities, by the source's name."""
    found: dict[str, set[str]] = {}
    for own, other in _named_twice(source_lang, target_lang):
        if " " not in own:
            found.setdefault(_bare(own), set()).update(_bare(word) for word in re.findall(r"\w+", other))
    return {name: tuple(sorted(others)) for name, others in found.items()}


def _named_twice(source_lang: str, target_lang: str) -> Iterator[tuple[str, str]]:
    if {source_lang, target_lang} <= set(_LANGUAGES_OF_PLACES):
        own, other = _LANGUAGES_OF_PLACES.index(source_lang), _LANGUAGES_OF_PLACES.index(target_lang)
        for place in _PLACES.split(","):
            yield place.split()[own], place.split()[other]
    try:
        for code in _TERRITORIES.split():
            territory = Language.make(territory=code)
            yield territory.territory_name(source_lang), territory.territory_name(target_lang)
        for code in _LANGUAGES.split():
            yield Language.get(code).display_name(source_lang), Language.get(code).display_name(target_lang)
    except ValueError:  # a code that is no language names nothing
        return


_TERRITORIES = (
    "AF AL AM AR AT AU AZ BA BE BG BR BY CA CH CL CN CO CU CY CZ DE DK DZ EE EG ES ET FI FR GB GE GR HR HU ID IE IL IN "
    "IQ IR IS IT JO JP KE KP KR KW KZ LB LT LU LV LY MA MD ME MK MX MY NG NL NO NZ PE PH PK PL PS PT QA RO RS RU SA SE "
    "SI SK SN SO SY TH TN TR UA US UZ VE VN YE ZA"
)
_LANGUAGES = "ar de el en es fa fr he hi hu it ja ko ku nl pl pt ro ru sv tr zh"
