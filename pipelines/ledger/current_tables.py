"""The tables of an output folder's newest run, open for reading in batches, whatever state that run is in.

Where the run has come to its end, they are the store's own files. Where it has not (it is under way, or its driver was
killed) those are missing or an earlier run's, and the tables are made from the ledger into a folder of this machine
first. Nothing in the store changes. It does not know what the tables are read for.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.archive.filesystems import open_for_reading
from pipelines.archive.storage import Store
from pipelines.ledger.runs import Run, newest_record, with_rows
from pipelines.ledger.tables import FINGERPRINT_KEY, SAVED_KEY, schema_of, table_paths, write_tables_here

_BATCH = 32_768


@dataclass(frozen=True)
class Tables:
    """``run`` is without the rows of its manifest. ``at_end`` is False where the run has not come to its end."""

    run: Run
    at_end: bool
    _files: dict[str, pq.ParquetFile]

    def batches(self, name: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Columns of ``cues``, ``media``, ``errors`` or ``costs``, a batch of rows at a time."""
        yield from self._files[name].iter_batches(batch_size=_BATCH, columns=columns)


@contextlib.contextmanager
def current_tables(store: Store) -> Iterator[Tables]:
    """Raises RunError where the folder holds no run."""
    run = newest_record(store)
    with contextlib.ExitStack() as stack:
        files = _kept(store, run, stack)
        if files is not None:
            yield Tables(run, True, files)
            return
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voxtral-tables-")))
        write_tables_here(store, with_rows(store, run), folder)
        paths = table_paths(run.fingerprint)
        yield Tables(run, False, {name: pq.ParquetFile(folder / path) for name, path in paths.items()})


def _kept(store: Store, run: Run, stack: contextlib.ExitStack) -> dict[str, pq.ParquetFile] | None:
    """The store's own tables, if every one is there, sound, and was written at this run's end."""
    files = {}
    for name, path in table_paths(run.fingerprint).items():
        try:
            file = stack.enter_context(contextlib.closing(open_for_reading(store.url_of(path))))
            table = pq.ParquetFile(file)
        except (FileNotFoundError, pa.ArrowException):
            return None
        told = table.schema_arrow.metadata or {}
        of_this_run = (told.get(FINGERPRINT_KEY), told.get(SAVED_KEY)) == (
            run.fingerprint.encode(),
            run.saved_at.encode(),
        )
        if not of_this_run or not table.schema_arrow.equals(schema_of(name)):
            return None
        files[name] = table
    return files
