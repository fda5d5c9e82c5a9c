"""A medium in slices, each a row of the job."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipelines.records import Medium, Shard
from pipelines.speech.segments import FRAME_S


def shard_count(duration_s: float, shard_s: float) -> int:
    """How many slices of at most ``shard_s`` seconds a medium has; 0 for one of no length."""
    return math.ceil(_frames(duration_s) / max(1, math.floor(shard_s / FRAME_S)))


def cut_shard(medium: Medium, index: int, count: int, source: str, targets: Sequence[str]) -> Shard:
    """Slice ``index`` of ``count``, all about equally long.

    They touch, begin with whole VAD frames, and the last one ends with the medium.
    """
    frames = _frames(medium.duration_s)
    return Shard(
        medium=medium,
        index=index,
        start_s=_bound(index, count, frames),
        end_s=medium.duration_s if index == count - 1 else _bound(index + 1, count, frames),
        source=source,
        targets=tuple(targets),
    )


def cut_into_shards(medium: Medium, shard_s: float, source: str, targets: Sequence[str]) -> list[Shard]:
    """All slices of a medium; none for a medium of no length."""
    count = shard_count(medium.duration_s, shard_s)
    return [cut_shard(medium, index, count, source, targets) for index in range(count)]


def _frames(duration_s: float) -> int:
    return math.ceil(round(duration_s / FRAME_S, 6))


def _bound(index: int, count: int, frames: int) -> float:
    return round(index * frames // count * FRAME_S, 6)
