"""The tables of a run, from its manifest and the ledger alone: cues, media and errors in Parquet, and its
summary.

    cues.parquet     one row a cue and language, of every medium that is done
    media.parquet    one row a medium of the manifest, also of what is no medium
    errors.parquet   one row a failure: a medium (shard -1) or a shard, for good or to be tried again

Rows are sorted by the medium's name and id, then by language and index, so that two runs over the same ledger
give equal tables. Beside them, under ``_voxtral``, is what each shard cost (:mod:`pipelines.ledger.costs`). Media
are assembled again one at a time (no model is needed): of the whole archive only the names of the output's files are
held. It does not know what happened in the run, except for the reasons that its caller has for shards that stay
open.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from pipelines.archive.storage import Store
from pipelines.ledger.assemble import Built, build, restore
from pipelines.ledger.corrections import corrected_media, read_corrections
from pipelines.ledger.costs import SCHEMA as COSTS
from pipelines.ledger.costs import cost_rows, costs_path
from pipelines.ledger.output_files import Written
from pipelines.ledger.output_names import OutputNames, claimed_paths
from pipelines.ledger.parts import Collected, PartStore, read_ahead
from pipelines.ledger.runs import ManifestRow, Run, mark_assembled, public_url
from pipelines.records import NOT_OPENED, Failure, Medium, Part, Record

TableName = Literal["cues", "media", "errors"]
FINGERPRINT_KEY = b"voxtral.fingerprint"
SAVED_KEY = b"voxtral.saved_at"
"""When the run began at whose end a table was written: one of an earlier run, or of none, tells old news."""
_FLUSH_ROWS = 10_000
_AT_ONCE = 16
"""Media that are read ahead: the store's answers overlap, and ten-hour media do not fill the memory."""

SCHEMAS: dict[TableName, pa.Schema] = {
    "cues": pa.schema(
        [
            ("medium_id", pa.string()),
            ("name", pa.string()),
            ("language", pa.string()),
            ("index", pa.int32()),
            ("start_s", pa.float64()),
            ("end_s", pa.float64()),
            ("text", pa.string()),
            ("source_text", pa.string()),
            ("score", pa.float64()),
            ("verdict", pa.string()),
            ("reasons", pa.list_(pa.string())),
            ("demo_model", pa.bool_()),
        ]
    ),
    "media": pa.schema(
        [
            ("medium_id", pa.string()),
            ("name", pa.string()),
            ("url", pa.string()),
            ("size", pa.int64()),
            ("version", pa.string()),
            ("container", pa.string()),
            ("audio_stream", pa.int32()),
            ("duration_s", pa.float64()),
            ("status", pa.string()),
            ("source", pa.string()),
            ("languages", pa.list_(pa.string())),
            ("shards", pa.int32()),
            ("shards_done", pa.int32()),
            ("windows", pa.int32()),
            ("no_speech", pa.int32()),
            ("speech_s", pa.float64()),
            ("covered_s", pa.float64()),
            ("uncovered", pa.int32()),
            ("cues", pa.int32()),
            ("needs_review", pa.int32()),
            ("to_review", pa.int32()),
            ("corrected", pa.int32()),
            ("retries", pa.int32()),
            ("violations", pa.int32()),
            ("violations_by_rule", pa.string()),
            ("demo_model", pa.bool_()),
            ("outputs", pa.list_(pa.string())),
            ("fingerprint", pa.string()),
        ]
    ),
    "errors": pa.schema(
        [
            ("medium_id", pa.string()),
            ("shard", pa.int32()),
            ("name", pa.string()),
            ("url", pa.string()),
            ("status", pa.string()),
            ("error_kind", pa.string()),
            ("error_detail", pa.string()),
            ("attempts", pa.int32()),
            ("permanent", pa.bool_()),
        ]
    ),
}
TableRow = dict[str, Any]


class Totals(Record):
    """What the tables of a run add up to, over its whole archive and all earlier runs."""

    media: int = 0
    ok: int = 0
    partial: int = 0
    failed: int = 0
    open: int = 0
    """Media with shards (or the medium itself) that the next run tries."""
    shards: int = 0
    shards_done: int = 0
    duration_s: float = 0.0
    speech_s: float = 0.0
    covered_s: float = 0.0
    uncovered: int = 0
    """Stretches of speech that got no text."""
    cues: int = 0
    needs_review: int = 0
    to_review: int = 0
    """Rows of the review files."""
    corrected: int = 0
    retries: int = 0
    violations: int = 0
    errors: int = 0
    """Rows of the errors table; ``not_opened`` of them are files that are no media by their name."""
    not_opened: int = 0
    demo_model: bool = False
    restored: int = 0
    """Subtitle files that were written again: they were gone, or other cue settings had made them."""
    kept_edits: tuple[str, ...] = ()
    """Sentences on files that had been changed by hand: they were kept aside before they were written anew."""
    lost_corrections: tuple[str, ...] = ()
    """Sentences on corrections by hand whose cue is not there any more; they are kept."""
    damaged: tuple[str, ...] = ()
    """Sentences on ledger files that could not be read; their shards are open now."""


@dataclass(frozen=True)
class MediumState:
    """One medium of the manifest against the ledger. ``built`` is None unless every shard is done."""

    row: ManifestRow
    collected: Collected
    missing: tuple[int, ...]
    built: Built | None
    stems: dict[str, str | None]
    """Path without format by language of its files; None where it has no name yet."""
    tables: dict[TableName, list[TableRow]]


class Reader:
    """Reads a run's media from the ledger, one at a time, as what the tables say of them."""

    def __init__(self, store: Store, run: Run, open_failures: Mapping[str, Failure] | None = None) -> None:
        self.run = run
        self.names = OutputNames(store, run.media, claimed_paths(store))
        self.parts = PartStore(store, run.fingerprint)
        self._open_failures = open_failures or {}
        self._attempts = self.parts.all_attempts()
        self._store = store
        self._corrected = corrected_media(store)
        # One listing instead of a look for each: of an archive that was just begun most have nothing yet.
        self._begun = self.parts.begun()

    def __iter__(self) -> Iterator[MediumState]:
        for _, state in read_ahead(self.read, self.run.rows, _AT_ONCE):
            yield state

    def read(self, row: ManifestRow) -> MediumState:
        """One medium's state and table rows."""
        begun = row.medium.failure is None and row.medium.id in self._begun
        collected = self.parts.collect(row.medium.id) if begun else Collected((), finished=False)
        have = {part.index for part in collected.parts if part.index < row.shards}
        missing = tuple(index for index in range(row.shards) if index not in have)
        built = None
        if not missing:
            built = self._built(row.medium, collected.parts)
        stems = self._stems(row.medium, built)
        tables: dict[TableName, list[TableRow]] = {
            "cues": _cue_rows(row.medium, built) if built else [],
            "media": [self._media_row(row, len(have), built, stems)],
            "errors": list(self._error_rows(row, collected.parts, missing)),
        }
        return MediumState(row, collected, missing, built, stems, tables)

    def _built(self, medium: Medium, parts: Sequence[Part]) -> Built:
        languages = medium.targets or self.run.targets
        by_hand = read_corrections(self._store, medium.id, languages) if medium.id in self._corrected else {}
        return build(medium, parts, self.run.fingerprint, self.run.cues, self.run.targets, by_hand)

    def _media_row(
        self, row: ManifestRow, shards_done: int, built: Built | None, stems: Mapping[str, str | None]
    ) -> TableRow:
        medium = row.medium
        report = built.report if built else None
        waits = medium.failure is not None and not medium.failure.permanent
        return {
            "medium_id": medium.id,
            "name": medium.name,
            "url": public_url(medium.url),
            "size": medium.size,
            "version": medium.version,
            "container": medium.container,
            "audio_stream": medium.audio_stream,
            "duration_s": medium.duration_s,
            "status": "open" if report is None or waits else report.status,
            "source": report.source if report else "",
            "languages": list(report.languages) if report else list(medium.targets or self.run.targets),
            "shards": row.shards,
            "shards_done": shards_done,
            "windows": report.windows if report else 0,
            "no_speech": report.no_speech if report else 0,
            "speech_s": report.speech_s if report else 0.0,
            "covered_s": report.covered_s if report else 0.0,
            "uncovered": len(report.uncovered) if report else 0,
            "cues": report.cues if report else 0,
            "needs_review": report.needs_review if report else 0,
            "to_review": report.to_review if report else 0,
            "corrected": report.corrected if report else 0,
            "retries": report.retries if report else 0,
            "violations": sum(report.violations.values()) if report else 0,
            "violations_by_rule": json.dumps(report.violations if report else {}),
            "demo_model": report.demo_model if report else False,
            "outputs": [f"{stems[lang]}.{fmt}" for lang, fmt in (built.files if built else ()) if stems[lang]],
            "fingerprint": self.run.fingerprint,
        }

    def _stems(self, medium: Medium, built: Built | None) -> dict[str, str | None]:
        languages = built.languages if built else ()
        return {language: self.names.find(medium, self.run.fingerprint, language) for language in languages}

    def _error_rows(self, row: ManifestRow, parts: tuple[Part, ...], missing: tuple[int, ...]) -> Iterator[TableRow]:
        failures = {p.index: p.failure for p in parts if p.failure}
        failures |= {-1: row.medium.failure} if row.medium.failure else {}
        for index in sorted(failures.keys() | set(missing)):
            name = f"{row.medium.id}/{index:05d}"
            open_failure = self._open_failures.get(name) or _NOT_DONE
            tried = index in failures or name in self._open_failures
            failure = failures.get(index) or open_failure.model_copy(update={"permanent": False})
            yield {
                "medium_id": row.medium.id,
                "shard": index,
                "name": row.medium.name,
                "url": public_url(row.medium.url),
                "status": "failed" if failure.permanent else "open",
                "error_kind": failure.kind,
                "error_detail": failure.detail,
                # Attempts are noted of what may kill the process; any other failure is that of a first try.
                "attempts": max(self._attempts.get(name, 0), int(tried)),
                "permanent": failure.permanent,
            }


_NOT_DONE = Failure(kind="not_done", detail="no result yet: run the same command again", permanent=False)


def write_tables(store: Store, run: Run, open_failures: Mapping[str, Failure] | None = None) -> Totals:
    """Write the three tables whole, from the ledger; returns what they add up to.

    As every medium passes by, files of finished media that are gone, or that other cue settings made, are
    written again (what somebody corrected by hand is kept aside first), and what is damaged or incomplete in
    the ledger is made undone, so that the next run does it.

    ``open_failures`` are the reasons, by shard name, why shards are not done after this run.

    Raises:
        StoreError: if a table or file cannot be written.
    """
    totals = Totals()
    present = frozenset(store.list())
    reader = Reader(store, run, open_failures)
    with tempfile.TemporaryDirectory(prefix="voxtral-tables-") as folder:
        writers = _Writers(Path(folder), run)
        for state in reader:
            restored = Written()
            if state.built is not None:
                restored = restore(state.built, run, store, reader.names, state.stems, present)
                state = reader.read(state.row) if None in state.stems.values() else state
            writers.add(state)
            damaged = tuple(map(reader.parts.set_aside, state.collected.damaged))
            if state.collected.finished and state.missing:
                reader.parts.forget(state.row.medium.id, *state.missing)
            totals = _add(totals, state, restored, damaged)
        for path, file in writers.finish():
            store.write_bytes(path, file.read_bytes())
    mark_assembled(store, run)
    return totals


def write_tables_here(store: Store, run: Run, folder: Path) -> None:
    """The tables as the ledger gives them now, below a folder of this machine; the store stays as it is."""
    writers = _Writers(folder, run)
    for state in Reader(store, run):
        writers.add(state)
    for path, file in writers.finish():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        file.replace(folder / path)


def table_paths(fingerprint: str) -> dict[str, str]:
    """Where the tables are below the output folder, by name; ``costs`` is one of them here."""
    tables: dict[str, str] = {name: f"{name}.parquet" for name in SCHEMAS}
    return tables | {"costs": costs_path(fingerprint)}


def write_summary(store: Store, summary: BaseModel | Mapping[str, Any]) -> None:
    """Write ``summary.json``, whole."""
    values = summary.model_dump(mode="json") if isinstance(summary, BaseModel) else dict(summary)
    store.write_bytes("summary.json", (json.dumps(values, ensure_ascii=False, indent=2) + "\n").encode())


def schema_of(name: str) -> pa.Schema:
    """The columns of a table that :func:`table_paths` names."""
    return COSTS if name == "costs" else SCHEMAS[cast(TableName, name)]


class _Writers:
    """All tables of a run, on the local disk until they are whole."""

    def __init__(self, folder: Path, run: Run) -> None:
        metadata = {FINGERPRINT_KEY: run.fingerprint.encode(), SAVED_KEY: run.saved_at.encode()}
        self._paths = table_paths(run.fingerprint)
        self._writers = {
            name: _Writer(folder / f"{name}.writing", schema_of(name).with_metadata(metadata)) for name in self._paths
        }

    def add(self, state: MediumState) -> None:
        for name, rows in state.tables.items():
            self._writers[name].add(rows)
        self._writers["costs"].add(cost_rows(state.row, state.collected.parts))

    def finish(self) -> Iterator[tuple[str, Path]]:
        """The path of each below the output folder, and where it lies now."""
        for name, writer in self._writers.items():
            yield self._paths[name], writer.finish()


class _Writer:
    """Rows to a Parquet file on the local disk, a batch at a time."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._rows: list[TableRow] = []

    def add(self, rows: list[TableRow]) -> None:
        self._rows += rows
        if len(self._rows) >= _FLUSH_ROWS:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []

    def finish(self) -> Path:
        self._flush()
        self._writer.close()
        return self._path


def _cue_rows(medium: Medium, built: Built) -> list[TableRow]:
    return [
        {
            "medium_id": medium.id,
            "name": medium.name,
            "language": language,
            "index": cue.index,
            "start_s": cue.start_s,
            "end_s": cue.end_s,
            "text": cue.text,
            "source_text": cue.source,
            "score": cue.score,
            "verdict": cue.verdict,
            "reasons": list(cue.reasons),
            "demo_model": built.report.demo_model,
        }
        for language in sorted(built.cues)
        for cue in built.cues[language]
    ]


def _add(totals: Totals, state: MediumState, restored: Written, damaged: tuple[str, ...]) -> Totals:
    row = state.tables["media"][0]
    summed = ("duration_s", "speech_s", "covered_s", "shards", "shards_done")
    counted = ("uncovered", "cues", "needs_review", "to_review", "corrected", "retries", "violations")
    changed = {name: getattr(totals, name) + row[name] for name in (*summed, *counted)}
    changed[row["status"]] = getattr(totals, row["status"]) + 1
    return totals.model_copy(
        update=changed
        | {
            "media": totals.media + 1,
            "errors": totals.errors + len(state.tables["errors"]),
            "not_opened": totals.not_opened + sum(r["error_kind"] == NOT_OPENED for r in state.tables["errors"]),
            "demo_model": totals.demo_model or row["demo_model"],
            "restored": totals.restored + restored.count,
            "kept_edits": totals.kept_edits + restored.kept_edits,
            "lost_corrections": totals.lost_corrections + (state.built.report.lost_corrections if state.built else ()),
            "damaged": totals.damaged + damaged,
        }
    )
