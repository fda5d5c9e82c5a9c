"""Turkish cultural markers, and French words that carry the same function: what coverage is measured with.

Sources: research, section 3.1. The French column is editorial and wants a native reader. Coverage says
whether the function of a marker survived, nothing more; leaving one out may be right too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from quality.text import fold, plain

TURKISH_TO_FRENCH: Mapping[str, tuple[str, ...]] = {
    "bey": ("monsieur", "m.", "bey"),
    "hanım": ("madame", "mme", "mademoiselle", "hanım"),
    "beyefendi": ("monsieur",),
    "hanımefendi": ("madame", "mademoiselle"),
    "efendim": ("monsieur", "madame", "pardon", "comment", "allô", "oui"),
    "hocam": ("professeur", "maître", "docteur", "monsieur", "madame", "hocam"),
    "sayın": ("monsieur", "madame", "cher", "chère", "m.", "mme"),
    "abi": ("frère", "frangin", "mec", "grand", "vieux", "abi"),
    "ağabey": ("frère", "frangin", "grand", "vieux", "abi"),
    "abla": ("sœur", "grande", "abla"),
    "amca": ("oncle", "tonton", "monsieur"),
    "dayı": ("oncle", "tonton", "monsieur"),
    "teyze": ("tante", "tata", "madame"),
    "halam": ("tante", "tata", "madame"),
    "yenge": ("belle-sœur", "tante", "madame"),
    "kardeşim": ("frère", "ami", "vieux", "sœur"),
    "canım": ("chéri", "chérie", "cœur", "cher", "chère"),
    "inşallah": ("dieu", "espér", "inch'allah", "inchallah"),
    "maşallah": ("bravo", "dieu", "machallah", "mashallah", "quel", "quelle"),
    "allah razı olsun": ("merci", "dieu"),
    "allah rahmet eylesin": ("paix à son âme", "dieu", "condoléances"),
    "başınız sağ olsun": ("condoléances",),
    "başın sağ olsun": ("condoléances",),
    "estağfurullah": ("prie", "rien"),
    "kolay gelsin": ("bon courage", "courage"),
    "geçmiş olsun": ("rétablissement", "peur que de mal", "remet"),
    "eline sağlık": ("délicieux", "merci", "bravo"),
    "ellerine sağlık": ("délicieux", "merci", "bravo"),
    "ellerinize sağlık": ("délicieux", "merci", "bravo"),
    "afiyet olsun": ("bon appétit",),
    "hoş geldin": ("bienvenue",),
    "hoş bulduk": ("merci",),
    "güle güle": ("au revoir", "à bientôt", "adieu"),
    "hayırlı olsun": ("félicitations", "bonne chance", "bonheur"),
    "gözün aydın": ("félicitations",),
    "canın sağ olsun": ("rien", "t'en fais pas", "grave"),
}

_SUFFIX = "(?:'?[a-zçğıöşüâîû]{0,8})?"
_EXACT = frozenset({"bey", "hanım", "abi", "abla", "amca", "dayı", "yenge", "teyze"})
"""Short words that begin many others (Hanımeli, tabii): they take no suffix without an apostrophe."""
_AFTER_NAME = frozenset({"bey", "hanım"})


def turkish_markers_in(text: str, markers: Sequence[str]) -> list[str]:
    """The markers that stand in the text with any suffix ("hocamın", "Ali Bey'e"), each once, in the given
    order.

    Bey and Hanım count after a name only; a marker inside a longer one ("efendim" in "beyefendim") does
    not.
    """
    visible = plain(text).replace("’", "'")
    return [marker for marker in markers if marker.strip() and _turkish_pattern(marker).search(_cased(marker, visible))]


def _cased(marker: str, visible: str) -> str:
    return visible if fold(marker, "tr") in _AFTER_NAME else fold(visible, "tr")


def _turkish_pattern(marker: str) -> re.Pattern[str]:
    folded = fold(marker, "tr")
    if folded in _AFTER_NAME:
        return re.compile(rf"[A-ZÇĞİÖŞÜ]\w+ {re.escape(folded.capitalize())}\b")
    if folded in _EXACT:
        return re.compile(rf"(?<![\w'])(?:{re.escape(folded)})(?:'\w+)?(?![\w'])")
    return re.compile(rf"(?<![\w'])(?:{re.escape(folded)}){_SUFFIX}(?![\w'])")


def holds_any(text: str, renderings: Sequence[str], language: str = "fr") -> bool:
    """Whether one of the renderings begins a word of the text, in the case rules of ``language``."""
    visible = fold(plain(text), language)
    return any(
        re.search(rf"(?<!\w){re.escape(fold(rendering, language))}", visible)
        for rendering in renderings
        if rendering.strip()
    )
