"""The shards of a plan in columns: some ten bytes each, and a record is made when one is asked for.

Six million of them fit into the driver, where as many records would not. They leave it in slices
(:meth:`Shards.slices`), which a task on the cluster unpacks (:func:`unpacked`). It does not know what is done with a
shard.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from pipelines.archive.media import Media
from pipelines.records import TO_IDENTIFY, Medium, Shard
from pipelines.speech.segments import FRAME_S
from pipelines.speech.shards import cut_shard

_SLICE = 2_000
"""Shards of a slice: as many are sent to a task at once, packed into some tens of kilobytes."""


@dataclass(frozen=True, eq=False)
class Shards(Sequence[Shard]):
    """Shards of some media; those of a medium stand together.

    ``counts`` has the number of all shards of each medium, int32, by its row. ``rows``, ``indices`` and ``spoken`` have
    an entry a shard: its medium's row, its index, and its language as a place in ``languages``.
    """

    media: Media
    counts: np.ndarray
    targets: tuple[str, ...]
    """For media that name none of their own."""
    languages: tuple[str, ...]
    rows: np.ndarray
    indices: np.ndarray
    spoken: np.ndarray

    @classmethod
    def all_of(cls, media: Media, counts: np.ndarray, sources: Sequence[str], targets: tuple[str, ...]) -> Shards:
        """Every shard of these media; ``sources`` are their languages by row."""
        languages = tuple(dict.fromkeys(sources)) or (TO_IDENTIFY,)
        place = {language: at for at, language in enumerate(languages)}
        spoken = np.array([place[source] for source in sources], np.int16)
        first = np.cumsum(counts, dtype=np.int64) - counts
        rows = np.repeat(np.arange(len(media), dtype=np.int32), counts)
        indices = (np.arange(len(rows)) - first[rows]).astype(np.int32)
        return cls(media, counts, targets, languages, rows, indices, spoken[rows])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: int) -> Shard:  # type: ignore[override]
        return self._cut(self.media[int(self.rows[at])], at)

    def __iter__(self) -> Iterator[Shard]:
        row, medium = -1, None
        for at, its_row in enumerate(self.rows.tolist()):
            if medium is None or its_row != row:
                row, medium = its_row, self.media[its_row]
            yield self._cut(medium, at)

    def _cut(self, medium: Medium, at: int) -> Shard:
        count, source = int(self.counts[self.rows[at]]), self.languages[self.spoken[at]]
        return cut_shard(medium, int(self.indices[at]), count, source, medium.targets or self.targets)

    def where(self, chosen: np.ndarray) -> Shards:
        """Some of them: a mask, or their places in their order."""
        return replace(self, rows=self.rows[chosen], indices=self.indices[chosen], spoken=self.spoken[chosen])

    def spoken_as(self, languages: tuple[str, ...], spoken: np.ndarray) -> Shards:
        """The same shards in other languages."""
        return replace(self, languages=languages, spoken=spoken)

    @property
    def seconds(self) -> float:
        """Of sound, together."""
        lengths, counts = self.media.column("duration_s").to_numpy()[self.rows], self.counts[self.rows]
        frames = np.ceil(np.round(lengths / FRAME_S, 6)).astype(np.int64)
        indices = self.indices.astype(np.int64)
        ends = np.where(indices == counts - 1, lengths, (indices + 1) * frames // np.maximum(counts, 1) * FRAME_S)
        return float(np.sum(ends - indices * frames // np.maximum(counts, 1) * FRAME_S))

    @property
    def auto(self) -> np.ndarray:
        """Which of them have a language that is to be found out; a mask."""
        return np.array([language == TO_IDENTIFY for language in self.languages], bool)[self.spoken]

    @cached_property
    def first(self) -> np.ndarray:
        """Of all shards of all media: the place of each medium's first one, by row."""
        return np.cumsum(self.counts, dtype=np.int64) - self.counts

    def slices(self) -> Iterator[bytes]:
        """All of them in order, packed: Arrow's stream of the media, with the shards that are meant of each."""
        for begin in range(0, len(self), _SLICE):
            yield self.where(np.arange(begin, min(begin + _SLICE, len(self)))).packed()

    def packed(self) -> bytes:
        starts = np.flatnonzero(np.diff(self.rows, prepend=-1) | np.diff(self.spoken, prepend=-1))
        rows = self.rows[starts]
        bounds = np.append(starts, len(self)).astype(np.int32)
        table = self.media.take(rows).table
        columns = {
            "count": pa.array(self.counts[rows], pa.int32()),
            "indices": pa.ListArray.from_arrays(pa.array(bounds), pa.array(self.indices, pa.int32())),
            "source": pa.array([self.languages[at] for at in self.spoken[starts]], pa.string()),
            "wanted": pa.array([list(self.targets)] * len(rows), pa.list_(pa.string())),
        }
        for name, values in columns.items():
            table = table.append_column(name, values)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_table(table)
        return sink.getvalue().to_pybytes()


def unpacked(data: bytes) -> Iterator[Shard]:
    """The shards of :meth:`Shards.packed`."""
    with pa.ipc.open_stream(data) as reader:
        for fields in (row for batch in reader for row in batch.to_pylist()):
            count, indices, source, wanted = (fields.pop(name) for name in ("count", "indices", "source", "wanted"))
            medium = Medium(**fields)
            for index in indices:
                yield cut_shard(medium, index, count, source, medium.targets or wanted)
