"""The ledger: what the model gave for each shard, kept in the output folder under the run's fingerprint.

A shard whose part exists is done; nothing else says so. When a medium is finished its parts are put together
in one ledger entry, so that a resumed run lists media, not shards. What a crash, a full disk or a person did
to a file shows when the file is read: a damaged part or entry counts as absent, and its shards are done
again.

    _voxtral/parts/<fingerprint>/<medium>/<index>.json      one shard, of a medium that is under way
    _voxtral/ledger/<fingerprint>/<medium>.json.gz          all shards of a finished medium
    _voxtral/attempts/<fingerprint>/<medium>/<index>.<n>.<run>     an empty file for a try whose process died
    _voxtral/attempts/<fingerprint>/<medium>/<index>.<n>.failed    one for every run that gave up on the shard

It does not know what a part is good for, nor how many shards a medium has.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from pipelines.archive.storage import Store
from pipelines.records import Part, Record

ROOT = "_voxtral"
_SHARD_NAME = re.compile(r"[A-Za-z0-9_-]+/[0-9]{5,}")
_TRIED = re.compile(r"(?P<shard>[A-Za-z0-9_-]+/[0-9]{5,})\.[0-9]+\.(?P<word>\w+)")
_FAILED = "failed"
_READERS = 16
"""Files read at the same time where many are; a bucket answers each in tens of milliseconds."""

_T = TypeVar("_T")
_R = TypeVar("_R")


class LedgerEntry(Record):
    """All parts of a finished medium, in the order of their shards, from 0 without a gap."""

    medium_id: str
    fingerprint: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Collected:
    """What the ledger has of one medium.

    ``finished`` is True if ``parts`` come from a sound ledger entry. ``damaged`` are the paths of files that
    could not be used; their shards count as not done.
    """

    parts: tuple[Part, ...]
    finished: bool
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True)
class ShardAttempt:
    """A try that has begun; ``died`` is how many before it took their process with them."""

    path: str
    died: int


class DamagedFile(Exception):
    """A part or ledger entry is not what was written. The message says what to do."""


@dataclass(frozen=True)
class PartStore:
    """The parts of one fingerprint in one output folder. Picklable; keeps nothing in memory."""

    store: Store
    fingerprint: str

    def write(self, part: Part) -> None:
        """Write a part whole, or replace it; a part with texts ends the count of its shard's attempts.

        Raises:
            ValueError: if the part belongs to another fingerprint, or would not read back (a score that is
            NaN).
        """
        self._write(part)
        if part.failure is None:
            self._clear_attempts(part.medium_id, {part.index})

    def _write(self, part: Part) -> None:
        if part.fingerprint != self.fingerprint:
            raise ValueError(f"part {part.shard} is of {part.fingerprint}, not of {self.fingerprint}")
        data = part.model_dump_json().encode()
        try:
            Part.model_validate_json(data)
        except ValidationError as error:
            raise ValueError(f"part {part.shard} cannot be stored: {error}") from error
        self.store.write_bytes(self._part_path(part.medium_id, part.index), data)

    def read(self, medium_id: str, index: int) -> Part | None:
        """One shard's part, also of a finished medium; None if there is none or it is damaged."""
        return next((p for p in self.collect(medium_id).parts if p.index == index), None)

    def read_medium(self, medium_id: str) -> list[Part]:
        """The sound parts of a medium by index; :meth:`collect` tells the damaged ones too."""
        return list(self.collect(medium_id).parts)

    def collect(self, medium_id: str) -> Collected:
        """The sound parts of a medium, from its ledger entry, else from its part files; changes nothing."""
        damaged: list[str] = []
        entry = self._sound(self._entry, medium_id, self._entry_path(medium_id), damaged)
        if entry is not None:
            return Collected(entry.parts, finished=True)
        folder = self._folder("parts", medium_id)
        listed = {index: p for p in self.store.list(folder) if (index := _index(p)) is not None}
        found = [self._sound(self._part, (medium_id, index), path, damaged) for index, path in listed.items()]
        parts = [part for part in found if part is not None]
        # Another process may have compacted since the entry was read: its parts go from the first one on.
        gone = 0 not in listed or len(parts) + len(damaged) < len(listed)
        if gone and self._entry_path(medium_id) not in damaged:
            entry = self._sound(self._entry, medium_id, self._entry_path(medium_id), damaged)
            if entry is not None:
                return Collected(entry.parts, finished=True)
        return Collected(tuple(sorted(parts, key=lambda p: p.index)), finished=False, damaged=tuple(damaged))

    def done(self) -> dict[str, set[int]]:
        """Shards that have a part file, by medium: one listing. Finished media are in :meth:`finished`
        instead.
        """
        found: dict[str, set[int]] = defaultdict(set)
        for path in self.store.list(self._folder("parts")):
            if (index := _index(path)) is not None:
                found[path.split("/")[-2]].add(index)
        return dict(found)

    def finished(self) -> set[str]:
        """Ids of media that have a ledger entry: one listing."""
        paths = self.store.list(self._folder("ledger"))
        return {p.rpartition("/")[2].removesuffix(".json.gz") for p in paths if p.endswith(".json.gz")}

    def begun(self) -> set[str]:
        """Ids of media that have a part or an entry."""
        # Parts first: a medium that is compacted in between is in both listings, and else would be in none.
        parts = self.done().keys()
        return self.finished() | parts

    def compact(self, medium_id: str, parts: Sequence[Part], shards: int | None = None) -> None:
        """Put a finished medium's parts in one ledger entry, then remove them; ``shards`` is how many it has.

        A crash in between leaves part files that the entry holds too: they are not read any more, and the
        next call, or :meth:`repair`, removes them. The same parts give the same bytes.

        Raises:
            ValueError: if the parts are not this medium's shards 0, 1, 2, ... without a gap.
        """
        ordered = tuple(sorted(parts, key=lambda p: p.index))
        if [p.index for p in ordered] != list(range(len(ordered) if shards is None else shards)):
            raise ValueError(f"the parts of {medium_id} are not all there: {[p.index for p in ordered]}")
        if any((p.medium_id, p.fingerprint) != (medium_id, self.fingerprint) for p in ordered):
            raise ValueError(f"the parts of {medium_id} are not all its own")
        entry = LedgerEntry(medium_id=medium_id, fingerprint=self.fingerprint, parts=ordered)
        self.store.write_bytes(self._entry_path(medium_id), _compress(entry.model_dump_json().encode()))
        for path in self.store.list(self._folder("parts", medium_id)):
            self.store.delete(path)
        self._clear_attempts(medium_id, {p.index for p in ordered if p.failure is None})

    def forget(self, medium_id: str, *indices: int) -> None:
        """Make shards undone; the other shards of a finished medium become part files again."""
        self._unpack(medium_id, set(indices))

    def begin_attempt(self, shard_name: str, run: str) -> ShardAttempt:
        """Note, for good, that a shard is about to be tried by a run; call it before whatever may kill the process.

        ``run`` is a word of letters and digits that no other run has. What is noted goes with
        :meth:`end_attempt`, so that only a try whose process died stays.
        """
        died = _deaths(self.store.list(self._folder("attempts", _checked(shard_name).split("/")[0])), shard_name, run)
        return ShardAttempt(self._note(shard_name, run), died)

    def end_attempt(self, attempt: ShardAttempt) -> None:
        """Whoever tried is still there, whatever came of it."""
        self.store.delete(attempt.path)

    def record_failure(self, shard_name: str) -> int:
        """Note, for good, that a run gave up on a shard; returns how many runs have, this one included."""
        self._note(shard_name, _FAILED)
        names = self.store.list(self._folder("attempts", _checked(shard_name).split("/")[0]))
        return sum(found == (shard_name, _FAILED) for found in map(_tried, names))

    def _note(self, shard_name: str, word: str) -> str:
        number = self.attempts(shard_name) + 1
        while not self.store.create(path := f"{self._attempts_path(shard_name)}.{number}.{word}", b""):
            number += 1
        return path

    def attempts(self, shard_name: str) -> int:
        """How often a shard was tried in vain since it last had texts (0 for one that has), or its errors were
        reopened.
        """
        medium_id = _checked(shard_name).split("/")[0]
        return self._count(self.store.list(self._folder("attempts", medium_id))).get(shard_name, 0)

    def all_attempts(self) -> dict[str, int]:
        """:meth:`attempts` of every shard that has any, by shard name: one listing."""
        return self._count(self.store.list(self._folder("attempts")))

    def reopen_errors(self, media: Collection[str] | None = None) -> int:
        """Make every shard that ended in a failure undone, with no attempts counted; returns how many.

        ``media`` are the ids to look at; None means all of the fingerprint.
        """
        count = 0
        known = self.begun()
        for medium_id, found in read_ahead(self.collect, sorted(known if media is None else known.intersection(media))):
            failed = {p.index for p in found.parts if p.failure}
            if failed:
                self._clear_attempts(medium_id, failed)
                self._unpack(medium_id, failed)
                count += len(failed)
        return count

    def repair(self, *, entries: bool = True) -> tuple[str, ...]:
        """Make the listings tell the truth: damaged files go to ``_voxtral/damaged``, doubled parts go.

        Reads every part of the fingerprint, and every ledger entry unless ``entries`` is False. Returns one
        sentence for each damaged file, for the user.
        """
        media = self.done().keys() | (self.finished() if entries else set())
        sentences = []
        for medium_id, found in read_ahead(self.collect, sorted(media)):
            for path in found.damaged:
                sentences.append(self.set_aside(path))
            leftovers = self.store.list(self._folder("parts", medium_id)) if found.finished else []
            for path in leftovers:
                self.store.delete(path)
        return tuple(sentences)

    def set_aside(self, path: str) -> str:
        """Move a damaged file to ``_voxtral/damaged``, so that its shards are done again; returns a sentence.

        It is kept, because it may be sound to another version of this program.
        """
        kept = path.replace(ROOT, f"{ROOT}/damaged", 1)
        self.store.write_bytes(kept, self.store.read_bytes(path))
        self.store.delete(path)
        return f"{self.store.url_of(path)} is damaged: its shards are done again (kept in {kept})"

    def read_file(self, medium_id: str, index: int) -> Part | None:
        """A shard's part file, whatever the ledger entry says; None if there is none or it is damaged."""
        return self._sound(self._part, (medium_id, index), "", [])

    def _unpack(self, medium_id: str, without: set[int]) -> None:
        """A ledger entry back to part files, without some; a crash in between leaves the entry as it was."""
        found = self.collect(medium_id)
        for part in found.parts if found.finished else ():
            if part.index not in without:
                self._write(part)
        for index in without:
            self.store.delete(self._part_path(medium_id, index))
        self.store.delete(self._entry_path(medium_id))

    def _part(self, key: tuple[str, int]) -> Part | None:
        path = self._part_path(*key)
        try:
            part = Part.model_validate_json(self.store.read_bytes(path))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise _damaged(self.store, path, error) from error
        if (part.medium_id, part.index, part.fingerprint) != (*key, self.fingerprint):
            raise _damaged(self.store, path, f"it is part {part.shard} of {part.fingerprint}")
        return part

    def _entry(self, medium_id: str) -> LedgerEntry | None:
        path = self._entry_path(medium_id)
        try:
            entry = LedgerEntry.model_validate_json(gzip.decompress(self.store.read_bytes(path)))
        except FileNotFoundError:
            return None
        except (EOFError, OSError, zlib.error, ValidationError) as error:
            if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
                raise  # the store is away: that says nothing of the file
            raise _damaged(self.store, path, error) from error
        owners = {(p.medium_id, p.fingerprint) for p in entry.parts} | {(entry.medium_id, entry.fingerprint)}
        if owners != {(medium_id, self.fingerprint)}:
            raise _damaged(self.store, path, "it is of another medium or fingerprint")
        if [p.index for p in entry.parts] != list(range(len(entry.parts))):
            raise _damaged(self.store, path, "shards are missing from it")
        return entry

    @staticmethod
    def _sound(read: Callable[[_T], _R | None], key: _T, path: str, damaged: list[str]) -> _R | None:
        try:
            return read(key)
        except DamagedFile:
            damaged.append(path)
            return None

    def _clear_attempts(self, medium_id: str, indices: set[int]) -> None:
        for path in self.store.list(self._folder("attempts", medium_id)):
            if path.rpartition("/")[2].partition(".")[0] in {f"{i:05d}" for i in indices}:
                self.store.delete(path)

    def _count(self, paths: Iterable[str]) -> dict[str, int]:
        return dict(Counter(found[0] for found in map(_tried, paths) if found))

    def _folder(self, kind: str, medium_id: str = "") -> str:
        return f"{ROOT}/{kind}/{self.fingerprint}" + (f"/{medium_id}" if medium_id else "")

    def _part_path(self, medium_id: str, index: int) -> str:
        return f"{self._folder('parts', medium_id)}/{index:05d}.json"

    def _entry_path(self, medium_id: str) -> str:
        return f"{self._folder('ledger')}/{medium_id}.json.gz"

    def _attempts_path(self, shard_name: str) -> str:
        return f"{self._folder('attempts')}/{_checked(shard_name)}"


def read_ahead(read: Callable[[_T], _R], keys: Sequence[_T], at_once: int = 64) -> Iterator[tuple[_T, _R]]:
    """Keys with what is read for them, in order: many at a time, never more than ``at_once`` in memory."""
    with ThreadPoolExecutor(_READERS) as pool:
        for begin in range(0, len(keys), at_once):
            batch = list(keys[begin : begin + at_once])
            yield from zip(batch, pool.map(read, batch), strict=True)


def _index(path: str) -> int | None:
    name = path.rpartition("/")[2]
    stem = name.removesuffix(".json")
    return int(stem) if stem != name and len(stem) >= 5 and stem.isdecimal() else None


def _tried(path: str) -> tuple[str, str] | None:
    """The shard and word of a noted attempt."""
    found = _TRIED.fullmatch("/".join(path.split("/")[-2:]))
    return (found["shard"], found["word"]) if found else None


def _deaths(paths: Iterable[str], shard_name: str, run: str) -> int:
    """Tries that killed their process. The last one of another run may have ended because that run was killed."""
    words = Counter(found[1] for found in map(_tried, paths) if found and found[0] == shard_name)
    return sum(count if word == run else count - 1 for word, count in words.items() if word != _FAILED)


def _checked(shard_name: str) -> str:
    if not _SHARD_NAME.fullmatch(shard_name):
        raise ValueError(f"{shard_name!r} is not a shard's name: medium id, slash, five digits")
    return shard_name


def _compress(data: bytes) -> bytes:
    """gzip without name and time, so that equal content gives equal bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as file:
        file.write(data)
    return buffer.getvalue()


def _damaged(store: Store, path: str, reason: object) -> DamagedFile:
    first_line = str(reason).partition("\n")[0]
    return DamagedFile(f"{store.url_of(path)} is damaged ({first_line}): run the same command again, it is redone")
