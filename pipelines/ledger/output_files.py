"""Writes a medium's subtitle files so that no correction by hand is ever lost.

Beside the claim of a name stand digests of what was last written under it. A file whose bytes have none of them
was changed by somebody else: before it gives way to a new text it is kept beside it, as ``film.fr.srt.edited``
(then ``.edited2``, ...). An edit of the very text that is about to be written is left as it is. A kill at any point
leaves either the old file or the new one, and both are known as ours: the digests are noted before the files.

It does not know what is in a file, nor when one has to be written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from pipelines.archive.storage import Store
from pipelines.ledger.output_names import OutputNames

EDITED = ".edited"
Digests = tuple[str, ...]


@dataclass(frozen=True)
class Written:
    """How many files were written, and a sentence for each edited file that was kept aside."""

    count: int = 0
    kept_edits: tuple[str, ...] = ()

    def __add__(self, other: Written) -> Written:
        return Written(self.count + other.count, self.kept_edits + other.kept_edits)


def digest(data: bytes) -> str:
    """What is noted of a file's bytes: 16 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()[:16]


def write_files(
    store: Store, names: OutputNames, stem: str, formats: Sequence[str], render: Callable[[str], bytes]
) -> Written:
    """Write ``{stem}.{format}``; ``stem`` is held already, ``render`` gives the bytes of a format.

    Files that other runs wrote under the name, in formats that are not asked for, and that are still there are
    written too: all of them show the same text.

    Raises:
        StoreError: if a file cannot be written.
    """
    known = names.written(stem)
    others = [fmt for fmt in known if fmt not in formats and store.exists(f"{stem}.{fmt}")]
    changes: dict[str, bytes] = {}
    noted, final = dict(known), dict(known)
    sentences: list[str] = []
    for fmt in (*formats, *others):
        path, data = f"{stem}.{fmt}", render(fmt)
        new, before, there = digest(data), known.get(fmt, ()), _read(store, path)
        if there != data and not _edit_of(new, before, there):
            changes[path] = data
            if there is not None and digest(there) not in before:
                sentences.append(_keep_aside(store, path, there))
        elif there != data:
            continue
        # Both are ours until the new one is there; an edit, once it is kept, is not ours for good.
        old = (digest(there),) if there is not None and there != data else ()
        noted[fmt] = (*old, new)
        final[fmt] = (*(d for d in old if d in before), new)
    if noted != known:
        names.note_written(stem, noted)
    for path, data in changes.items():
        store.write_bytes(path, data)
    if final != noted:
        names.note_written(stem, final)
    return Written(len(changes), tuple(sentences))


def _edit_of(new: str, before: Digests, there: bytes | None) -> bool:
    """Whether a file is somebody's correction of the text that we would write: we have nothing to add to it."""
    return there is not None and before[-1:] == (new,) and digest(there) not in before


def _read(store: Store, path: str) -> bytes | None:
    try:
        return store.read_bytes(path)
    except FileNotFoundError:
        return None


def _keep_aside(store: Store, path: str, data: bytes) -> str:
    for number in count(1):
        kept = f"{path}{EDITED}{number if number > 1 else ''}"
        # One with the same bytes is what a kill left behind at this very place.
        if store.create(kept, data) or _read(store, kept) == data:
            break
    return f"{store.url_of(path)} was changed by hand and is written anew: the edited file is kept as {kept}"
