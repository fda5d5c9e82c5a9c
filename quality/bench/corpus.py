"""Pairs of Turkish and French that people wrote, told apart by the file that they come from.

LibreOffice's help is paired by path and element id, Firefox and Django by file and key. What is not Turkish on the
Turkish side (help that was left in English) is left out. All of it is about software: no dialogue.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from quality.bench.packages import unpacked

FOREIGN = ("en-US", "de", "es")
MIN_CHARS, MAX_CHARS = 15, 400
_BLOCK = re.compile(r'<(p|h[1-6]) id="([^"]+)"[^>]*>(.*?)</\1>', re.DOTALL)
_OTHER_SYSTEM = re.compile(r'<span hidden="true"[^>]*class="MAC"[^>]*>.*?</span>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_FLUENT = re.compile(r"^(-?[A-Za-z][\w-]*|\s+\.[\w-]+) *= *(\S.*)$")
_PO = re.compile(
    r'^(?:msgctxt (?P<context>(?:".*"\s*)+))?msgid (?P<id>(?:".*"\s*)+)msgstr (?P<text>(?:".*"\s*)+)$', re.MULTILINE
)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_TURKISH = re.compile("[ğışĞİŞ]|[çöüÇÖÜ].*[çöüıÇÖÜ]")
_ENGLISH = re.compile(r"\b(?:the|of|and|is|are|with|this|that|you|from|when|which|can|be|for)\b", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"[{}<>=_]|%[\w(]|\\|&[\w#]|\w\(|\(\)|\w\.\w+\.\w|://")


@dataclass(frozen=True)
class Pair:
    """One text in both languages, and the file that both were in."""

    source: str
    target: str
    file: str
    foreign: str = ""
    """The same in English, German or Spanish, where there is such a text."""

    @property
    def held_out(self) -> bool:
        """Whether its file belongs to the half that figures are reported on; the other is for fitting."""
        return _digest(self.file)[0] % 2 == 1


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def load(cache: Path) -> list[Pair]:
    """Every usable pair, in a fixed order; read from ``cache`` when it has been made before."""
    path = cache / "pairs.jsonl"
    if not path.exists():
        root = unpacked(cache)
        pairs = list(_distinct([*_libreoffice(root), *_firefox(root), *_django(root)]))
        lines = (json.dumps(asdict(pair), ensure_ascii=False) for pair in pairs)
        path.write_text("\n".join(lines), encoding="utf-8")
    return read_pairs(path)


def read_pairs(path: Path) -> list[Pair]:
    """Pairs of a JSON Lines file with ``source``, ``target`` and ``file``."""
    return [Pair(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def is_usable(source: str, target: str) -> bool:
    """Whether it is a text of some length in Turkish on one side and something else, not English, on the other."""
    fits = all(MIN_CHARS <= len(text) <= MAX_CHARS for text in (source, target))
    wordy = all(sum(c.isalpha() for c in text) >= 0.6 * len(text) for text in (source, target))
    english = any(_ENGLISH.search(text) or _PLACEHOLDER.search(text) for text in (source, target))
    return fits and wordy and not english and source != target and _TURKISH.search(source) is not None


def _distinct(pairs: list[Pair]) -> Iterator[Pair]:
    seen: set[str] = set()
    for pair in pairs:
        if pair.source not in seen and pair.target not in seen and is_usable(pair.source, pair.target):
            seen |= {pair.source, pair.target}
            yield pair


def _paired(
    turkish: Mapping[str, str], french: Mapping[str, str], file: str, foreign: Mapping[str, str] | None = None
) -> Iterator[Pair]:
    for key, source in turkish.items():
        if key in french:
            other = _tidy((foreign or {}).get(key, ""))
            yield Pair(_tidy(source), _tidy(french[key]), file, "" if _PLACEHOLDER.search(other) else other)


def _tidy(text: str) -> str:
    return " ".join(text.split())


def _libreoffice(root: Path) -> Iterator[Pair]:
    help_root = root / "usr/share/libreoffice/help"
    for path in sorted((help_root / "tr").rglob("*.html")):
        name = str(path.relative_to(help_root / "tr"))
        language = FOREIGN[_digest(name)[1] % len(FOREIGN)]
        french, foreign = (_html_blocks(help_root / other / name) for other in ("fr", language))
        yield from _paired(_html_blocks(path), french, name, foreign)


def _html_blocks(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8", errors="replace")
    return {match[2]: html.unescape(_TAG.sub("", _OTHER_SYSTEM.sub("", match[3]))) for match in _BLOCK.finditer(text)}


def _firefox(root: Path) -> Iterator[Pair]:
    packs = root / "usr/lib/firefox-esr/browser/extensions"
    with (
        zipfile.ZipFile(packs / "langpack-tr@firefox-esr.mozilla.org.xpi") as turkish,
        zipfile.ZipFile(packs / "langpack-fr@firefox-esr.mozilla.org.xpi") as french,
    ):
        others = {re.sub(r"\bfr\b", "tr", name): name for name in french.namelist()}
        for name in sorted(turkish.namelist()):
            if name.endswith(".ftl") and name in others:
                yield from _paired(_fluent(turkish.read(name)), _fluent(french.read(others[name])), name)


def _fluent(data: bytes) -> dict[str, str]:
    """The messages and attributes that stand on one line."""
    found: dict[str, str] = {}
    message = ""
    for line in data.decode("utf-8").splitlines():
        match = _FLUENT.match(line)
        if match:
            key = match[1].strip()
            message = message if key.startswith(".") else key
            found[message + key if key.startswith(".") else key] = match[2]
    return found


def _django(root: Path) -> Iterator[Pair]:
    base = root / "django"
    for path in sorted(base.rglob("locale/tr/LC_MESSAGES/*.po")):
        other = Path(str(path).replace("/locale/tr/", "/locale/fr/"))
        if other.exists():
            yield from _paired(_catalogue(path), _catalogue(other), str(path.relative_to(base)))


def _catalogue(path: Path) -> dict[str, str]:
    found = _PO.finditer(path.read_text(encoding="utf-8"))
    return {f"{_joined(m['context'] or '')}|{_joined(m['id'])}": _joined(m["text"]) for m in found}


def _joined(quoted: str) -> str:
    return "".join(_QUOTED.findall(quoted)).replace("\\n", " ").replace('\\"', '"')
