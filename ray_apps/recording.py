"""The end of a shard's way: its part goes into the ledger where it was made, before anybody is told of it.

So a driver that dies leaves nothing behind that was translated and not written. It does not know how a part is made.
"""

from __future__ import annotations

from pipelines.ledger.parts import PartStore
from pipelines.records import Failure
from ray_apps import metered, profiled
from ray_apps.rows import ShardRow


def record(done: ShardRow, parts: PartStore, profile: str | None = None) -> ShardRow:
    """Write the row's part; returns what the driver needs to know, which is small.

    Where the store does not take it (a full disk, a store that is away) the shard stays open, with that failure.
    ``profile`` is the book of the run's profile, if there is one.
    """
    if done.part is None:
        return done
    try:
        with metered.stage("record"), profiled.timed_stage(profile, "record", done.shard.name):
            parts.write(done.part)
    except OSError as error:
        failure = Failure(kind="store", detail=str(error), permanent=False)
        return ShardRow(done.shard, seconds=done.seconds, failure=failure)
    return ShardRow(done.shard, seconds=done.seconds, part=done.part.model_copy(update={"windows": ()}))
