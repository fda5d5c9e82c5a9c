"""The media of an archive in columns: a million of them take some two hundred megabytes, and each becomes a record when
it is asked for. It knows where a medium stands by its id, and nothing of what is done with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.records import Medium

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("url", pa.string()),
        ("name", pa.string()),
        ("size", pa.int64()),
        ("version", pa.string()),
        ("duration_s", pa.float64()),
        ("container", pa.string()),
        ("audio_stream", pa.int32()),
        ("language", pa.string()),
        ("listed_language", pa.bool_()),
        ("targets", pa.list_(pa.string())),
        ("failure", pa.struct([("kind", pa.string()), ("detail", pa.string()), ("permanent", pa.bool_())])),
    ]
)
_AT_ONCE = 4096
"""Media that are made together where all of them are gone through."""


class Media(Sequence[Medium]):
    """Media by their row. ``table`` has the columns of :data:`SCHEMA`; every id is there once."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table if all(c.num_chunks <= 1 for c in table.columns) else _in_one_piece(table)

    @classmethod
    def of(cls, media: Iterable[Medium]) -> Media:
        """These media; those that are in columns already stay as they are."""
        if isinstance(media, Media):
            return media
        rest, tables = iter(media), [SCHEMA.empty_table()]
        while batch := list(islice(rest, _AT_ONCE)):
            tables.append(_table(batch))
        return cls(pa.concat_tables(tables))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, row: int) -> Medium: ...
    @overload
    def __getitem__(self, row: slice) -> Media: ...
    def __getitem__(self, row: int | slice) -> Medium | Media:
        if isinstance(row, slice):
            begin, end, step = row.indices(len(self))
            if step != 1:
                raise IndexError("media are sliced without gaps")
            return Media(self.table.slice(begin, max(end - begin, 0)))
        if not -len(self) <= row < len(self):
            raise IndexError(f"medium {row} of {len(self)}")
        return Medium(**{name: column[row % len(self)].as_py() for name, column in self._columns.items()})

    def __iter__(self) -> Iterator[Medium]:
        for batch in self.table.to_batches(_AT_ONCE):
            for fields in batch.to_pylist():
                yield Medium(**fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(_same, self, other))

    __hash__ = None  # type: ignore[assignment]

    def column(self, name: str) -> pa.ChunkedArray:
        return self.table.column(name)

    def with_column(self, name: str, values: pa.Array | pa.ChunkedArray) -> Media:
        """The same media with one column exchanged."""
        return Media(self.table.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), values))

    def take(self, rows: np.ndarray) -> Media:
        return Media(self.table.take(pa.array(rows, pa.int64())))

    def row_of(self, medium_id: str) -> int | None:
        """Where a medium stands; None if it is not among them."""
        row = int(self.rows_of([medium_id])[0])
        return None if row < 0 else row

    def rows_of(self, medium_ids: Sequence[str]) -> np.ndarray:
        """Where media stand, -1 for each that is not among them; int64, shape (n,)."""
        ids, order = self._index
        if not len(ids):
            return np.full(len(medium_ids), -1)
        wanted = np.array([text.encode() for text in medium_ids], dtype=bytes)
        if wanted.dtype.itemsize > ids.dtype.itemsize:
            return np.array([self.rows_of([text])[0] if _fits(text, ids) else -1 for text in medium_ids], np.int64)
        wanted = wanted.astype(ids.dtype)
        at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
        return np.where(ids[at] == wanted, order[at], -1)

    def get(self, medium_id: str) -> Medium | None:
        row = self.row_of(medium_id)
        return None if row is None else self[row]

    @property
    def failed(self) -> np.ndarray:
        """Rows of the media that have a failure."""
        return np.flatnonzero(self.column("failure").is_valid().to_numpy())

    def first_of_each(self) -> Media:
        """Without the media whose id an earlier one has."""
        ids = np.array(self.column("id").cast(pa.binary()).to_pylist(), dtype=bytes)
        first = np.unique(ids, return_index=True)[1]
        return self if len(first) == len(self) else self.take(np.sort(first))

    @cached_property
    def _columns(self) -> dict[str, pa.Array]:
        """Each as one piece, from which a single value is taken at once."""
        columns = {name: self.table.column(name) for name in SCHEMA.names}
        return {name: c.chunk(0) if c.num_chunks == 1 else c for name, c in columns.items()}

    @cached_property
    def _index(self) -> tuple[np.ndarray, np.ndarray]:
        """The ids in their own order, and the row of each: 30 bytes a medium where a dictionary takes two hundred."""
        ids = np.array(self.column("id").cast(pa.binary()).to_pylist(), dtype=bytes)
        order = np.argsort(ids, kind="stable")
        return ids[order], order


def as_parquet(table: pa.Table) -> bytes:
    """A table of media, as it is stored."""
    file = pa.BufferOutputStream()
    pq.write_table(table, file, compression="zstd")
    return bytes(file.getvalue().to_pybytes())


def _in_one_piece(table: pa.Table) -> pa.Table:
    """A column after the other, so that never the whole table is there twice."""
    columns, schema = [], table.schema
    while table.num_columns:
        columns.append(table.column(0).combine_chunks())
        table = table.remove_column(0)
    return pa.table(columns, schema=schema)


def longest_first(media: Media) -> Media:
    """By falling length, then by name and URL."""
    keys = [("duration_s", "descending"), ("name", "ascending"), ("url", "ascending")]
    return media.take(pc.sort_indices(media.table, sort_keys=keys).to_numpy())


def _table(media: Sequence[Medium]) -> pa.Table:
    columns = {name: [getattr(medium, name) for medium in media] for name in SCHEMA.names}
    columns["failure"] = [failure and failure.model_dump() for failure in columns["failure"]]
    return pa.table(columns, schema=SCHEMA)


def _fits(medium_id: str, ids: np.ndarray) -> bool:
    return len(medium_id.encode()) <= ids.dtype.itemsize


def _same(one: Any, other: Any) -> bool:
    return bool(one == other)
