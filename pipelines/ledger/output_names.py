"""What a medium's output files are called: safe paths below the output folder, and who owns which.

Outputs mirror the archive's folders: ``talks/film.mp4`` gives ``talks/film.fr.srt``. Two things can go wrong:
a name that would leave the folder or that some file system refuses (:func:`safe_name`), and two claimants of
one name (:class:`OutputNames`). The rule for the second, in this order:

1. A medium keeps, for good, the name that it already has under this fingerprint.
2. Otherwise it takes the name without extension (``film``), unless several media of the run would
   (``film.mp4``, ``film.mkv``; upper and lower case count as equal): then all of them keep their extension
   (``film.mp4``, ``film.mkv``), and where that does not tell them apart either, all of them get the suffix of
   rule 3.
3. If the name already belongs to other settings or to an older version of the medium, or if a file that is
   not ours lies there, ``.`` and eight hexadecimal digits of a hash of medium and fingerprint are added.

A name is claimed a language at a time, by a file in ``_voxtral/names`` that only one claimant can create. The
file also keeps digests of what was written under the name; nothing here knows what that is.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.archive.media import Media
from pipelines.archive.storage import Store
from pipelines.records import Medium

NAMES = "_voxtral/names"
MAX_NAME_BYTES = 200
"""Longest name of a file or folder, in UTF-8: systems allow 255, and ``.<8 hex>.<lang>.json`` comes on top.
"""

_RESERVED = re.compile(r"con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|_voxtral", re.IGNORECASE)
_UNSAFE = re.compile('[<>:"|?*\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]')
"""What some system refuses, control characters, halves of surrogate pairs, separators of lines and paragraphs."""
_LIKE_OUTPUT = re.compile(r"\.(srt|vtt|json|ass|ssa|ttml|parquet)$", re.IGNORECASE)
MAX_PATH_BYTES = 700
"""Longest path below the output folder; a key of an S3 store may have 1,024 bytes, with the folder's own."""
_LANGUAGE = re.compile(r"[A-Za-z0-9-]+")


def safe_name(name: str) -> str:
    """``name`` as a relative path with forward slashes that every file system accepts; never empty.

    Empty, ``.`` and ``..`` components vanish, characters that some system refuses become ``_``, reserved
    names (``CON``, ``_voxtral``) get a ``_`` in front, and a component beyond 200 bytes is cut and ends in a
    hash. A folder that is called like an output file (``film.fr.srt/``, ``cues.parquet/``) gets a ``_``
    behind. The folders of a path beyond 700 bytes become one, named by a hash.
    """
    *above, last = [p for p in name.replace("\\", "/").split("/") if p.strip(" .")] or ["_"]
    folders, file = list(map(_safe_folder, above)), _safe_component(last)
    if len("/".join([*folders, file]).encode()) > MAX_PATH_BYTES:
        folders = [f"long-{hashlib.sha256('/'.join(folders).encode()).hexdigest()[:16]}"]
    return "/".join([*folders, file])


@functools.lru_cache(maxsize=10_000)
def _safe_folder(part: str) -> str:
    folder = _safe_component(part)
    return f"{folder}_" if _LIKE_OUTPUT.search(folder) else folder


def _safe_component(part: str) -> str:
    part = unicodedata.normalize("NFC", part)
    text = _UNSAFE.sub("_", part).strip(" ").rstrip(" .")
    if _RESERVED.fullmatch(text.split(".")[0].rstrip(" ")):
        text = f"_{text}"
    raw = text.encode()
    if len(raw) <= MAX_NAME_BYTES:
        return text
    return _shorten(text, hashlib.sha256(part.encode(errors="replace")).hexdigest()[:8])


def _shorten(text: str, digest: str) -> str:
    """Cut the middle away, so that an extension survives."""
    stem, dot, extension = text.rpartition(".")
    tail = f".{extension}" if dot and stem and len(extension.encode()) <= 16 else ""
    kept = text.encode()[: MAX_NAME_BYTES - len(tail.encode()) - 9].decode(errors="ignore").rstrip(" .")
    return f"{kept}~{digest}{tail}"


def _split(name: str) -> tuple[str, str]:
    """``(without extension, with extension)`` of a medium's name, both safe."""
    full = safe_name(name)
    folder, slash, file = full.rpartition("/")
    stem, dot, _ = file.rpartition(".")
    plain = stem.rstrip(" .") if dot else file
    # "con .mp4" and "_voxtral.mp4" lose the extension that protected them; ".mp4" has no name before it.
    return f"{folder}{slash}{_safe_component(plain) if plain else file}", full


def fold(stem: str) -> str:
    """What a file system without upper and lower case, or with another Unicode form, takes for the same."""
    if stem.isascii():
        return stem.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", stem).casefold())


def suffix_of(medium_id: str, fingerprint: str) -> str:
    """The eight hexadecimal digits that tell this medium under this fingerprint from every other."""
    return hashlib.sha256(f"{medium_id}\n{fingerprint}".encode()).hexdigest()[:8]


def preferred_stems(media: Iterable[Medium]) -> dict[str, tuple[str, bool]]:
    """For each medium id the stem that rule 2 gives and whether it needs the suffix nevertheless; media are left out
    that have their name without extension for themselves, as most do.

    Depends on the set of media only, not on their order. Media that failed before they had shards take part,
    so that a file's name does not hang on whether its neighbour could be read.
    """
    listed = Media.of(media)
    ids, names = listed.column("id"), listed.column("name")
    batches = (batch.column("name").to_pylist() for batch in listed.table.to_batches(10_000))
    plain = pa.chunked_array([pa.array(fold(_split(name)[0]) for name in batch) for batch in batches], pa.string())
    rivals = np.flatnonzero(_shared(plain))
    if not len(rivals):
        return {}
    fulls = [_split(names[int(row)].as_py())[1] for row in rivals]
    folded = np.full(len(listed), None, object)
    folded[rivals] = list(map(fold, fulls))
    chosen = pc.coalesce(pa.array(folded, pa.string()), plain)
    preferred = {ids[int(row)].as_py(): (full, False) for row, full in zip(rivals, fulls, strict=True)}
    return preferred | {
        ids[int(row)].as_py(): (_split(names[int(row)].as_py())[0], True) for row in np.flatnonzero(_shared(chosen))
    }


def _shared(stems: pa.ChunkedArray) -> np.ndarray:
    """Which of them are there more than once."""
    which = pc.dictionary_encode(stems.combine_chunks()).indices.to_numpy()
    return np.bincount(which, minlength=1)[which] > 1 if len(which) else np.zeros(0, bool)


class OutputNames:
    """The stems of one run's media in one output folder. Picklable; holds a stem for every medium with a rival."""

    def __init__(self, store: Store, media: Iterable[Medium], claimed: Set[str] | None = None) -> None:
        """``claimed`` is what :func:`claimed_paths` gave, for one who asks for many names while nobody else
        claims any: :meth:`find` then reads no claim that is not there.
        """
        self._store = store
        self._claimed = None if claimed is None else set(claimed)
        self._preferred = preferred_stems(media)

    def only(self, medium: Medium) -> OutputNames:
        """What :meth:`claim` must know for this medium, small enough to go with every task."""
        names = OutputNames(self._store, ())
        names._preferred = {i: self._preferred[i] for i in (medium.id,) if i in self._preferred}
        return names

    def claim(self, medium: Medium, fingerprint: str, language: str, formats: Sequence[str] = ()) -> str:
        """The path, without format, that this medium's files in ``language`` have: ``talks/film.fr``.

        The same medium and fingerprint always get the same one. ``formats`` are those about to be written: a
        file that is already there under a name nobody has claimed is somebody else's, and is stepped aside
        for.
        """
        # Never by the listing: a name that was claimed since would look like somebody else's files.
        path = self._find(medium, fingerprint, language, None) or self._new(medium, fingerprint, language, formats)
        if self._claimed is not None:
            self._claimed.add(fold(path))
        return path

    def _new(self, medium: Medium, fingerprint: str, language: str, formats: Sequence[str]) -> str:
        plain, suffixed = self._wanted(medium, fingerprint, language)
        owner = json.dumps({"medium": medium.id, "fingerprint": fingerprint}, sort_keys=True).encode()
        foreign = any(self._store.exists(f"{plain}.{f}") for f in formats)
        for path in [suffixed] if foreign else [plain, suffixed]:
            if self._store.create(_claim_path(path), owner) or self._is_owner(path, medium.id, fingerprint):
                return path
        raise FileExistsError(f"{suffixed} is claimed by another medium: delete {_claim_path(suffixed)}, and run again")

    def find(self, medium: Medium, fingerprint: str, language: str) -> str | None:
        """The path that :meth:`claim` gave before, or None."""
        return self._find(medium, fingerprint, language, self._claimed)

    def _find(self, medium: Medium, fingerprint: str, language: str, claimed: Set[str] | None) -> str | None:
        stem, full = _split(medium.name)
        suffix = suffix_of(medium.id, fingerprint)
        for candidate in dict.fromkeys([stem, full, f"{stem}.{suffix}", f"{full}.{suffix}"]):
            path = f"{candidate}.{_checked(language)}"
            there = claimed is None or fold(path) in claimed
            if there and self._is_owner(path, medium.id, fingerprint):
                return path
        return None

    def written(self, path: str) -> dict[str, tuple[str, ...]]:
        """Digests of what may lie under a claimed path by format, the last one written last; empty if none."""
        try:
            written = _read_claim(self._store, path).get("written", {})
            return {str(fmt): tuple(map(str, digests)) for fmt, digests in written.items()}
        except (FileNotFoundError, ValueError, AttributeError, TypeError):
            return {}

    def note_written(self, path: str, digests: Mapping[str, Sequence[str]]) -> None:
        """Keep what :meth:`written` gives, in the claim of a path that is held.

        Raises:
            FileNotFoundError: if nobody has claimed it.
        """
        claim = _read_claim(self._store, path) | {"written": {fmt: list(digests[fmt]) for fmt in digests}}
        self._store.write_bytes(_claim_path(path), json.dumps(claim, sort_keys=True).encode())

    def candidates(self, medium: Medium, fingerprint: str, language: str) -> set[str]:
        """Every path that :meth:`claim` could ever give this medium."""
        stem, full = _split(medium.name)
        suffix = suffix_of(medium.id, fingerprint)
        return {f"{s}.{language}" for s in (stem, full, f"{stem}.{suffix}", f"{full}.{suffix}")}

    def _wanted(self, medium: Medium, fingerprint: str, language: str) -> tuple[str, str]:
        stem, shared = self._preferred.get(medium.id) or (_split(medium.name)[0], False)
        suffixed = f"{stem}.{suffix_of(medium.id, fingerprint)}.{_checked(language)}"
        return (suffixed if shared else f"{stem}.{language}"), suffixed

    def _is_owner(self, path: str, medium_id: str, fingerprint: str) -> bool:
        return claimant(self._store, path) == (medium_id, fingerprint)


def claimant(store: Store, path: str) -> tuple[str, str] | None:
    """``(medium id, fingerprint)`` of who claimed ``path``; None if nobody did or the claim is damaged."""
    try:
        owner = _read_claim(store, path)
        return str(owner["medium"]), str(owner["fingerprint"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _read_claim(store: Store, path: str) -> dict[str, Any]:
    return dict(json.loads(store.read_bytes(_claim_path(path))))


def claimed_paths(store: Store) -> set[str]:
    """All paths, without format, that somebody has claimed: one listing."""
    start = len(NAMES) + 1
    return {unquote(p[start:].replace("/", "").removesuffix(".json")) for p in store.list(NAMES)}


def _claim_path(path: str) -> str:
    """Where the claim of ``path`` lies: folded, so that names which some systems confuse share a claim."""
    quoted = quote(fold(path), safe="")
    # A path can be longer than a name may be: it is cut into folders, and read back by joining them.
    pieces = [quoted[i : i + MAX_NAME_BYTES] for i in range(0, len(quoted), MAX_NAME_BYTES)]
    return f"{NAMES}/{'/'.join(pieces)}.json"


def _checked(language: str) -> str:
    if not _LANGUAGE.fullmatch(language):
        raise ValueError(f"{language!r} is no language code: use one such as fr")
    return language
