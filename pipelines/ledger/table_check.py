"""Is a table what the ledger gives: every row once, unchanged, in its order?

Compares by medium and keeps a few dozen bytes of each in memory, so that the rows of a large archive never
are there all at once. It does not know where the expected rows come from.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ledger.tables import FINGERPRINT_KEY, SCHEMAS, TableName, TableRow

KEYS: dict[TableName, tuple[str, ...]] = {
    "cues": ("medium_id", "language", "index"),
    "media": ("medium_id",),
    "errors": ("medium_id", "shard"),
}
_EXPLAINED = 20
"""Media whose differing rows are told one by one."""


@dataclass
class _Digests:
    """Rows of a table by medium: a hash of them in their order."""

    digests: dict[str, bytes] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    """Medium ids as they come, each once where their rows stand together."""

    def add(self, row: TableRow) -> None:
        medium_id = row["medium_id"]
        if not self.order or self.order[-1] != medium_id:
            self.order.append(medium_id)
        text = json.dumps(row, sort_keys=True)
        before = self.digests.get(medium_id, b"")
        self.digests[medium_id] = hashlib.blake2b(before + text.encode(), digest_size=16).digest()


class TableCheck:
    """Takes the rows that a table should hold, medium by medium in their order, then looks at the table."""

    def __init__(self, name: TableName) -> None:
        self._name = name
        self._expected = _Digests()

    def expect(self, rows: Sequence[TableRow]) -> None:
        """The next medium's rows."""
        for row in rows:
            self._expected.add(_comparable(self._name, row))

    def problems(
        self, data: bytes, fingerprint: str, rows_of: Callable[[str], tuple[str, Sequence[TableRow]]]
    ) -> Iterator[str]:
        """What is wrong with a Parquet file, as ends of sentences that begin with its path.

        ``rows_of`` gives a medium's name and expected rows once more, by its id (empty for an unknown one).
        """
        actual = _Digests()
        try:
            table = pq.ParquetFile(io.BytesIO(data))
            owner = (table.schema_arrow.metadata or {}).get(FINGERPRINT_KEY, b"").decode()
            if owner != fingerprint:
                yield f"is of run {owner or 'unknown'}, not of {fingerprint}: run the same command again"
                return
            if not table.schema_arrow.equals(SCHEMAS[self._name]):
                yield "has other columns: run the same command again, it is written anew"
                return
            for row in _rows(table, self._name):
                actual.add(_comparable(self._name, row))
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
            yield f"cannot be read ({reason}): run the same command again, it is written anew"
            return
        yield from self._differences(table, actual, rows_of)

    def _differences(
        self,
        table: pq.ParquetFile,
        actual: _Digests,
        rows_of: Callable[[str], tuple[str, Sequence[TableRow]]],
    ) -> Iterator[str]:
        expected = self._expected
        media = sorted(expected.digests.keys() | actual.digests.keys(), key=str)
        differing = [m for m in media if expected.digests.get(m) != actual.digests.get(m)]
        for medium_id in differing[:_EXPLAINED]:
            who, want = rows_of(medium_id)
            have = [row for row in _rows(table, self._name) if row["medium_id"] == medium_id]
            yield from _differences(self._name, who, want, have)
        if len(differing) > _EXPLAINED:
            yield f"differs from the ledger for {len(differing) - _EXPLAINED} more media"
        if not differing and actual.order != expected.order:
            yield "has all rows, but not in their order"


def _rows(table: pq.ParquetFile, name: TableName) -> Iterator[TableRow]:
    for batch in table.iter_batches(batch_size=8192, columns=SCHEMAS[name].names):
        yield from batch.to_pylist()


def _comparable(name: TableName, row: TableRow) -> TableRow:
    """A row without what only the run itself knew: why a shard is still open, and whether it was tried once."""
    if name == "errors" and row["status"] == "open":
        return row | {"error_kind": "", "error_detail": "", "attempts": max(row["attempts"], 1)}
    return row


def _differences(name: TableName, who: str, want: Sequence[TableRow], have: Sequence[TableRow]) -> Iterator[str]:
    """Sentences on how a medium's rows differ from what they should be."""
    key_names = KEYS[name]
    wanted = {tuple(row[k] for k in key_names): _comparable(name, row) for row in want}
    counts = Counter(tuple(row[k] for k in key_names) for row in have)
    doubled = sorted((key for key, count in counts.items() if count > 1), key=str)
    missing, extra = (sorted(keys, key=str) for keys in (wanted.keys() - counts.keys(), counts.keys() - wanted))
    keyed = [(tuple(row[k] for k in key_names), _comparable(name, row)) for row in have]
    changed = sum(row != wanted[key] for key, row in keyed if key in wanted)
    lost = "missing (neither done nor listed as open or failed)" if name == "errors" else "missing"
    for keys, what in ((doubled, "doubled"), (missing, lost), (extra, "that the ledger does not give")):
        if keys:
            shown = ", ".join("/".join(map(str, key[1:])) or "its row" for key in keys[:5])
            yield f"has {len(keys)} rows {what} for {who}: {shown}{' …' if len(keys) > 5 else ''}"
    if changed:
        yield f"has {changed} rows that differ from the ledger for {who}"
    if not (doubled or missing or extra or changed):
        yield f"has the rows of {who} in another order"
