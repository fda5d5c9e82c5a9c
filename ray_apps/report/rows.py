"""A batch of a table's rows as plain values: those that matter, and how often each value is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def rows_where(batch: pa.RecordBatch, mask: pa.Array) -> Iterator[dict[str, Any]]:
    """The rows of a batch for which the mask is true, as plain values."""
    yield from batch.filter(mask).to_pylist()


def counted(values: pa.Array) -> dict[str, int]:
    """How often each value is there."""
    return {pair["values"]: pair["counts"] for pair in pc.value_counts(values).to_pylist()}
