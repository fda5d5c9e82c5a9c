"""Text to sentences, and text to units that a line break may fall between. Knows languages, not times.

A unit is a word with the marks that must stay with it: "Bonjour !" is one unit, since French puts a space
before the mark.
"""

from __future__ import annotations

import re

_ABBREVIATIONS = {
    "fr": "M MM Mme Mmes Mlle Dr Pr Me St Ste av bd etc ex p env vol art tél no",
    "tr": "Dr Prof Doç Av Yrd Sn Bn Hz Alb Gen Org Cad Sok Mah Apt No vb vs örn bkz yy sf",
    "en": "Mr Mrs Ms Dr Prof St Jr Sr vs etc No Gen Col Capt Lt e.g i.e",
    "de": "Dr Prof Hr Fr St z.B d.h usw bzw Nr ca",
    "es": "Sr Sra Srta Dr Dra Ud Uds etc núm pág",
}
_TITLES = frozenset(word.lower() for table in _ABBREVIATIONS.values() for word in table.split())
_END = re.compile(
    r"(?<![.!?…؟।॥])(?P<mark>[.!?…؟।॥]+)(?P<close>[\"'”’)\]]*(?:\s?»)?)(?P<space>\s+)(?=\S)|(?P<wide>[。！？]+[」』”]?)(?=\S)"
)
_LOOK_BACK = 40
"""So many characters before a mark tell whether it ends a sentence; no abbreviation is longer."""
_LAST_WORD = re.compile(r"[\w.]+$")
_BREAKING_SPACE = re.compile(r"[^\S\u00a0\u202f\u2007]+")
_CLOSING = re.compile(r"[?!:;»%€…\u203d]+[.,]?")
_OPENING = re.compile(r"[«¿¡\-–—]+")


def split_sentences(text: str, language: str) -> list[str]:
    """The sentences of a text, in order and stripped; their words are the text's words.

    A full stop ends none after an abbreviation (M., Dr.), an initial (J. Dupont) or before a lower-case
    letter ("3. gün"); the same goes for any mark before a lower-case letter ("Quoi ? dit-il").
    """
    text = text.strip()
    sentences, start = [], 0
    for match in _END.finditer(text):
        before = text[max(start, match.start() - _LOOK_BACK) : match.start()]
        after = text[match.end() : match.end() + 4]
        if match.start() == start and match["wide"] is None:
            continue  # "... Bon." does not begin with a sentence
        if match["wide"] is None and not _ends_sentence(before, match["mark"], after):
            continue
        sentences.append(text[start : match.end()].strip())
        start = match.end()
    sentences.append(text[start:].strip())
    return [sentence for sentence in sentences if sentence]


def _ends_sentence(before: str, mark: str, after: str) -> bool:
    first = after.lstrip("\"'“‘«([ -–—¿¡")[:1]
    if first.islower():
        return False
    if mark != ".":
        return True
    last = _LAST_WORD.search(before)
    if last is None:
        return True
    word = last[0]
    initial = len(word) == 1 and word.isupper()
    # "3. Dünya" is an ordinal, "2019. Sonra" the end of a sentence
    ordinal = word.isdigit() and len(word) < 3
    return not (initial or ordinal or word.lower() in _TITLES)


def split_units(text: str, max_chars: int) -> list[str]:
    """What a line is made of: words, with French marks kept to their word; none is longer than
    ``max_chars``.

    A longer one is cut: at a space within it, after a hyphen or slash, else anywhere. The units' characters
    are the text's, but for white space.
    """
    units: list[list[str]] = []
    pending: list[str] = []
    for token in filter(None, _BREAKING_SPACE.split(text)):
        if not token.strip():
            continue
        if _OPENING.fullmatch(token):
            pending.append(token)
        elif units and not pending and _CLOSING.fullmatch(token):
            units[-1].append(token)
        else:
            units.append([*pending, token])
            pending = []
    if pending:
        units.append(pending)
    return [piece for unit in units for piece in _cut(" ".join(unit).strip(), max_chars)]


def _cut(unit: str, max_chars: int) -> list[str]:
    pieces = []
    while len(unit) > max_chars:
        head = unit[: max_chars + 1]
        spaces = [i for i in range(1, len(head)) if head[i].isspace()]
        hyphens = [i + 1 for i in range(len(head) - 1) if head[i] in "-/\u2010_"]
        at = spaces[-1] if spaces else hyphens[-1] if hyphens else max_chars
        pieces.append(unit[:at].strip())
        unit = unit[at:].strip()
    return [piece for piece in [*pieces, unit] if piece]
