"""How records travel between Ray Data's stages: one row a shard, in Arrow's own types, never pickled.

A row has ``shard`` (JSON), ``windows`` (JSON without samples), ``samples`` (the windows' int16 samples end to end),
``part`` (JSON, once there is one), ``open`` (why the shard stays undone, or empty) and ``seconds`` (JSON).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipelines.records import Failure, Part, Shard, Window


@dataclass(frozen=True)
class ShardRow:
    """A shard on its way; ``part`` is set when it is done, ``failure`` when it stays open for another try."""

    shard: Shard
    windows: tuple[Window, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    part: Part | None = None
    failure: Failure | None = None

    def encode(self) -> dict[str, Any]:
        return {
            "shard": self.shard.model_dump_json(),
            "windows": json.dumps([_without_samples(w) for w in self.windows]),
            "samples": b"".join(w.samples.tobytes() for w in self.windows),
            "seconds": json.dumps(self.seconds),
            "part": self.part.model_dump_json() if self.part else "",
            "open": self.failure.model_dump_json() if self.failure else "",
        }

    @classmethod
    def decode(cls, row: dict[str, Any]) -> ShardRow:
        samples = np.frombuffer(row["samples"], np.int16)
        windows, used = [], 0
        for fields in json.loads(row["windows"]):
            count = fields.pop("count")
            windows.append(Window(samples=samples[used : used + count], **fields))
            used += count
        return cls(
            shard=Shard.model_validate_json(row["shard"]),
            windows=tuple(windows),
            seconds=json.loads(row["seconds"]),
            part=Part.model_validate_json(row["part"]) if row["part"] else None,
            failure=Failure.model_validate_json(row["open"]) if row["open"] else None,
        )


def error_row(row: ShardRow, failure: Failure, fingerprint: str) -> ShardRow:
    """The shard is done, with a reason instead of texts."""
    shard = row.shard
    part = Part(
        shard=shard.name,
        medium_id=shard.medium.id,
        index=shard.index,
        fingerprint=fingerprint,
        source=shard.source,
        demo_model=False,
        failure=failure,
    )
    return ShardRow(shard, seconds=row.seconds, part=part)


def _without_samples(window: Window) -> dict[str, Any]:
    return window.model_dump(mode="json", exclude={"samples"}) | {"count": len(window.samples)}
