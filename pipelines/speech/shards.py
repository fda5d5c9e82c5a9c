"""A medium in slices, each a row of the job."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipelines.records import Medium, Shard
from pipelines.speech.segments import FRAME_S


def cut_into_shards(medium: Medium, shard_s: float, source: str, targets: Sequence[str]) -> list[Shard]:
    """Slices of at most ``shard_s`` seconds, all about equally long; none for a medium of no length.

    They touch, begin with whole VAD frames, and the last one ends with the medium.
    """
    frames = math.ceil(round(medium.duration_s / FRAME_S, 6))
    count = math.ceil(frames / max(1, math.floor(shard_s / FRAME_S)))
    bounds = [round(i * frames // count * FRAME_S, 6) for i in range(count)] + [medium.duration_s]
    return [
        Shard(
            medium=medium,
            index=i,
            start_s=bounds[i],
            end_s=bounds[i + 1],
            source=source,
            targets=tuple(targets),
        )
        for i in range(count)
    ]
