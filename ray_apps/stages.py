"""The stage of the batch job before the actor pool: what Ray Data calls with one row and gets one row from.

It turns records into rows and exceptions into error rows; the work itself is done in ``pipelines``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipelines.media.media_error import MediaError
from pipelines.records import Failure
from pipelines.settings import MediaLimits, VadSettings, WindowSettings
from pipelines.speech.listen import listen
from pipelines.speech.vad import SpeechDetector
from ray_apps import metered, profiled
from ray_apps.rows import ShardRow, error_row
from ray_apps.shards import unpacked


@functools.cache
def _detector() -> SpeechDetector:
    """One detector a worker process; loading it takes a moment."""
    # Imported where it is needed: torch is large, and the driver has no use for it here.
    import torch

    from b200_kernels.ops.vad import SileroVad

    torch.set_num_threads(1)
    return SileroVad()


def deal(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A slice of the archive to a row for each of its shards, in their order."""
    for shard in unpacked(row["slice"]):
        yield ShardRow(shard).encode()


@dataclass(frozen=True)
class Listen:
    """Decode a shard, find its speech, cut it into windows."""

    fingerprint: str
    limits: MediaLimits
    vad: VadSettings
    windows: WindowSettings
    window_s: float
    profile: str | None = None
    """The book of the run's profile, if there is one."""

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        shard = ShardRow.decode(row).shard
        try:
            detector = _detector()  # loading it is no shard's cost
            with profiled.stage(self.profile, "listen", shard.name) as costs:
                heard = listen(shard, self.limits, self.vad, self.windows, self.window_s, detector)
                costs.seconds, costs.audio_s = heard.seconds, shard.end_s - shard.start_s
        except MediaError as error:
            return self._failed(ShardRow(shard), error.failure).encode()
        except OSError as error:
            return ShardRow(shard, failure=Failure(kind="unreadable", detail=str(error), permanent=False)).encode()
        except ValueError as error:
            # No medium should get this far, and if one does, the others go on.
            failure = Failure(kind="refused", detail=f"it could not be listened to: {error}", permanent=True)
            return self._failed(ShardRow(shard), failure).encode()
        metered.stages(heard.seconds)
        return ShardRow(shard, heard.windows, dict(heard.seconds)).encode()

    def _failed(self, row: ShardRow, failure: Failure) -> ShardRow:
        """A permanent failure is an error part; any other leaves the shard open, for this run and the next."""
        if failure.permanent:
            return error_row(row, failure, self.fingerprint)
        return ShardRow(row.shard, failure=failure)
