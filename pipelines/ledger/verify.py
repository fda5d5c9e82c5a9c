"""Compares what a run was to do with what its output folder holds, and finds what is lost, doubled or
unaccounted for.

Everything is worked out anew from the manifest and the ledger, and compared with what is there: every medium
is done, failed for good, or listed as open; every subtitle file has the bytes that the ledger gives; the
tables have the ledger's rows, each once; and nothing lies about that no medium claims. A subtitle file that
somebody corrected by hand is no problem: it is counted, and told in a note. Nothing is changed. It reads all
of the ledger and all files, and keeps a few dozen bytes a medium in memory. It cannot know whether the
ledger's texts are any good, nor whether the archive has changed since.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable

from pipelines.archive.storage import Store
from pipelines.ledger.muxed import MUX_ANEW, outdated
from pipelines.ledger.output_files import digest
from pipelines.ledger.output_names import NAMES, claimant, claimed_paths, fold
from pipelines.ledger.parts import ROOT
from pipelines.ledger.review import REVIEW
from pipelines.ledger.runs import Run, RunError, load_run
from pipelines.ledger.table_check import TableCheck
from pipelines.ledger.tables import SCHEMAS, MediumState, Reader, TableName, TableRow
from pipelines.records import Medium, Part, Record
from pipelines.subtitles.subtitle_files import FORMATS, count_cues

_OUTPUT = re.compile(rf"\.({'|'.join([*FORMATS, re.escape(REVIEW)])})$")
_DELETE = "delete it and run the same command again, it is written anew"
_SUFFIXED = re.compile(r"\.[0-9a-f]{8}\.[A-Za-z0-9-]+$")


class Verification(Record):
    """What :func:`verify` found. All is well without ``problems``; open media and shards are no problem."""

    problems: tuple[str, ...]
    """Sentences with the paths that they are about."""
    fingerprint: str = ""
    media: int = 0
    media_done: int = 0
    media_failed: int = 0
    media_open: int = 0
    shards: int = 0
    shards_done: int = 0
    shards_open: int = 0
    files: int = 0
    """Subtitle files that are as the ledger gives them."""
    edited: int = 0
    """Subtitle files that were changed by hand since they were written."""
    notes: tuple[str, ...] = ()
    """Sentences on those, with their paths, on corrections whose cue is not there any more, and on copies of media that
    show other subtitles.
    """
    cues: int = 0


def verify(store: Store, fingerprint: str | None = None) -> Verification:
    """Check an output folder, for its newest run or the newest of one fingerprint.

    The tables are of the newest run only, so they are not looked at for another one.
    """
    try:
        run = load_run(store, fingerprint)
        with_tables = fingerprint is None or load_run(store).fingerprint == run.fingerprint
    except RunError as error:
        return Verification(problems=(str(error),))
    return _Check(store, run).whole(with_tables)


class _Check:
    def __init__(self, store: Store, run: Run) -> None:
        self.store, self.run = store, run
        self.reader = Reader(store, run)
        self.problems: list[str] = []
        self.tables: dict[TableName, TableCheck] = {name: TableCheck(name) for name in SCHEMAS}
        self.notes: list[str] = []
        self.files = self.edited = 0
        self.held: set[str] = set()
        """Names that media hold, folded: their claims are sound."""

    def whole(self, with_tables: bool) -> Verification:
        counts: Counter[str] = Counter()
        done = self.reader.parts.done()  # before the entries, which take their place
        finished = self.reader.parts.finished()
        for state in self.reader:
            self._ledger(state, done.get(state.row.medium.id, set()))
            if state.built is not None:
                self._files(state)
            for name, check in self.tables.items():
                check.expect(state.tables[name])
            counts.update(_counts(state))
        self._unlisted(finished, done)
        self._orphan_files()
        if with_tables:
            for name in SCHEMAS:
                self._table(name)
            self._summary()
        return Verification(
            problems=tuple(self.problems),
            notes=tuple(self.notes),
            edited=self.edited,
            fingerprint=self.run.fingerprint,
            files=self.files,
            **counts,
        )

    def _say(self, path: str, sentence: str) -> None:
        self.problems.append(f"{self.store.url_of(path)} {sentence}")

    def _ledger(self, state: MediumState, on_disk: set[int]) -> None:
        """The medium's shards are there once each; those that are not are open."""
        medium, found = state.row.medium, state.collected
        for path in found.damaged:
            self._say(path, "is damaged: run the same command again, its shards are redone")
        beyond = {p.index for p in found.parts} | on_disk
        for index in sorted(i for i in beyond if i >= state.row.shards):
            count = state.row.shards
            self.problems.append(f"{medium.name}: shard {index} is in the ledger, but the medium has {count}")
        if found.finished and on_disk:
            self._leftovers(state, on_disk)

    def _leftovers(self, state: MediumState, on_disk: set[int]) -> None:
        """Part files beside a ledger entry: what a kill leaves behind, or a worker that was taken for dead writes late,
        has the entry's texts, and is harmless.
        """
        parts = {p.index: _without_costs(p) for p in state.collected.parts}
        for index in sorted(on_disk):
            alone = self.reader.parts.read_file(state.row.medium.id, index)
            if alone is not None and _without_costs(alone) != parts.get(index):
                self.problems.append(f"{state.row.medium.name}: shard {index} is in the ledger twice, and differs")

    def _files(self, state: MediumState) -> None:
        medium, built = state.row.medium, state.built
        assert built is not None
        self.notes += built.report.lost_corrections
        for language, stem in state.stems.items():
            if stem is None:
                self.problems.append(
                    f"{medium.name}: its subtitles in {language} were not written: run the same command again"
                )
                continue
            self.held.add(fold(stem))
            for fmt in built.formats_in(language):
                self._file(stem, fmt, built.render(language, fmt))
        if path := outdated(built, self.store, self.reader.names):
            self.notes.append(f"{self.store.url_of(path)} shows other subtitles than the files beside it: {MUX_ANEW}")

    def _file(self, stem: str, fmt: str, expected: bytes) -> None:
        path = f"{stem}.{fmt}"
        try:
            data = self.store.read_bytes(path)
        except FileNotFoundError:
            self._say(path, "is missing: run the same command again, it is written anew")
            return
        if data == expected:
            self.files += 1
            return
        want = _count(fmt, expected)
        try:
            have = _count(fmt, data)
        except (ValueError, ArithmeticError) as error:
            self._say(path, f"cannot be read as {fmt} ({error}); the ledger gives {want} cues: {_DELETE}")
            return
        difference = f"has {have} cues, the ledger gives {want}" if have != want else "differs from the ledger"
        ours = self.reader.names.written(stem).get(fmt)
        if want and not have:
            self._say(path, f"{difference}: {_DELETE}")
        elif ours is None:
            self._say(path, f"{difference}, and is not known as ours: if it is yours, keep it elsewhere; {_DELETE}")
        elif digest(data) in ours:
            self._say(path, f"{difference}: it is of other subtitle settings or an older run; {_DELETE}")
        else:
            self.edited += 1
            self.notes.append(f"{self.store.url_of(path)} was changed by hand: it {difference}")

    def _unlisted(self, finished: Iterable[str], done: dict[str, set[int]]) -> None:
        """Results of media that the manifest does not list."""
        known = {row.medium.id for row in self.run.rows if not row.medium.failure}
        folder = f"{ROOT}/{{}}/{self.run.fingerprint}/{{}}"
        for medium_id in sorted(set(finished) - known):
            self._say(folder.format("ledger", f"{medium_id}.json.gz"), "is of no medium in the manifest")
        for medium_id in sorted(done.keys() - known):
            self._say(folder.format("parts", medium_id), "is of no medium in the manifest")

    def _orphan_files(self) -> None:
        """Subtitle files under names that are ours to give, but that no medium has claimed.

        A file that a user has laid beside ours is not one of them: it makes the medium step aside, and the
        medium then holds another name.
        """
        claimed = claimed_paths(self.store)
        for path in sorted(claimed - self.held):
            if claimant(self.store, path) is None:
                self._say(NAMES, f"has a damaged claim of {path}: delete it, and run the same command again")
        unheld = self._unheld()
        for path in self.store.list():
            stem = _OUTPUT.sub("", path)
            if path.startswith(f"{ROOT}/") or stem == path or fold(stem) in claimed:
                continue
            if fold(stem) in unheld or _SUFFIXED.search(stem):
                self._say(path, "is claimed by no medium: if it is yours, move it elsewhere, else delete it")

    def _unheld(self) -> set[str]:
        """Names that media could have, in languages in which they hold none."""
        names, fingerprint = self.reader.names, self.run.fingerprint
        free: set[str] = set()
        for row in self.run.rows:
            for language in _languages(row.medium, self.run):
                if not row.medium.failure and names.find(row.medium, fingerprint, language) is None:
                    free |= {fold(path) for path in names.candidates(row.medium, fingerprint, language)}
        return free

    def _table(self, name: TableName) -> None:
        path = f"{name}.parquet"
        try:
            data = self.store.read_bytes(path)
        except FileNotFoundError:
            self._say(path, "is missing: run the same command again, it is written anew")
            return
        for ending in self.tables[name].problems(data, self.run.fingerprint, lambda m: self._rows_of(name, m)):
            self._say(path, ending)

    def _rows_of(self, name: TableName, medium_id: str) -> tuple[str, list[TableRow]]:
        row = self.run.rows.find(medium_id)
        return (row.medium.name, self.reader.read(row).tables[name]) if row else (str(medium_id), [])

    def _summary(self) -> None:
        try:
            summary = json.loads(self.store.read_bytes("summary.json"))
        except FileNotFoundError:
            self._say("summary.json", "is missing: run the same command again, it is written anew")
            return
        except ValueError:
            self._say("summary.json", "cannot be read: run the same command again, it is written anew")
            return
        owner = summary.get("fingerprint") if isinstance(summary, dict) else None
        if owner != self.run.fingerprint:
            self._say("summary.json", f"is of run {owner}, not of {self.run.fingerprint}: run again")


def _count(fmt: str, data: bytes) -> int:
    """Cues of a file; a review file, which people edit as they like, counts as one. Raises ValueError."""
    return 1 if fmt == REVIEW else count_cues(fmt, data)


def _without_costs(part: Part) -> Part:
    """What two tries of a shard have in common."""
    return part.model_copy(update={"seconds": {}, "done_at": None})


def _languages(medium: Medium, run: Run) -> tuple[str, ...]:
    return tuple(dict.fromkeys(medium.targets or run.targets))


def _counts(state: MediumState) -> dict[str, int]:
    row = state.tables["media"][0]
    kind = {"ok": "media_done", "partial": "media_done", "failed": "media_failed", "open": "media_open"}
    return {
        "media": 1,
        kind[row["status"]]: 1,
        "shards": row["shards"],
        "shards_done": row["shards_done"],
        "shards_open": len(state.missing),
        "cues": row["cues"],
    }
