"""What each shard cost, as a table beside the ledger, so that whoever adds up the costs of an archive reads one file
and not every part.

    _voxtral/costs/<fingerprint>.parquet    one row a shard that has a part

It is written with the tables, from the same parts. Unlike theirs, its rows differ between two runs over the same
archive: they are measured. It does not know what the stages are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from pipelines.ledger.parts import ROOT
from pipelines.ledger.runs import ManifestRow
from pipelines.records import Part

SCHEMA = pa.schema(
    [
        ("medium_id", pa.string()),
        ("shard", pa.int32()),
        ("name", pa.string()),
        ("failed", pa.bool_()),
        ("audio_s", pa.float64()),
        ("windows", pa.int32()),
        ("done_at", pa.float64()),
        ("seconds", pa.map_(pa.string(), pa.float64())),
    ]
)


def costs_path(fingerprint: str) -> str:
    """Where a fingerprint's costs are, below the output folder."""
    return f"{ROOT}/costs/{fingerprint}.parquet"


def cost_rows(row: ManifestRow, parts: Sequence[Part]) -> list[dict[str, Any]]:
    """A medium's rows of :data:`SCHEMA`; ``audio_s`` is the shard's equal share of the medium, 0 where it failed."""
    share_s = row.medium.duration_s / row.shards if row.shards else 0.0
    return [
        {
            "medium_id": part.medium_id,
            "shard": part.index,
            "name": row.medium.name,
            "failed": part.failure is not None,
            "audio_s": 0.0 if part.failure else share_s,
            "windows": len(part.windows),
            "done_at": part.done_at,
            "seconds": sorted(part.seconds.items()),
        }
        for part in parts
    ]
