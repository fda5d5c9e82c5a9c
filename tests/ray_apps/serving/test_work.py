"""How a medium's windows are asked about: how many in a call, how many at a time, and in which order they come back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from pipelines.records import Window
from pipelines.settings import CueSettings, MediaLimits
from ray_apps.serving.work import Asked, Work
from ray_apps.translator import Translation
from tests.ray_apps.serving.fake_workers import CAPABILITIES, FakeWorkers

A_MINUTE = 6
"""Windows that a fake medium of 60 s has."""


class FakeCountedWorkers(FakeWorkers):
    """Knows how many windows each call had, and how many were here at once."""

    def __init__(self, duration_s: float) -> None:
        super().__init__(duration_s)
        self.calls: list[int] = []
        self.here = self.most = 0

    async def translate(self, windows: Sequence[Window], *asked) -> Translation:
        self.calls.append(len(windows))
        self.here += len(windows)
        self.most = max(self.most, self.here)
        try:
            return await super().translate(windows, *asked)
        finally:
            self.here -= len(windows)


def work(workers: FakeWorkers, translators: int, in_flight: int = 100) -> Work:
    return Work(
        workers=workers,
        capabilities=CAPABILITIES,
        media=MediaLimits(),
        cues=CueSettings(),
        shard_s=600.0,
        translators=translators,
        windows_in_flight=in_flight,
    )


def medium(folder: Path) -> Asked:
    path = folder / "upload"
    path.write_bytes(b"RIFF")
    return Asked(str(path), 4, "00" * 32, "tr", "fr")


def test_a_medium_that_is_alone_spreads_over_all_translators(tmp_path):
    workers = FakeCountedWorkers(60.0)
    asyncio.run(work(workers, translators=3).run(medium(tmp_path), 60.0))
    assert workers.calls == [2, 2, 2]


def test_a_call_has_few_windows_however_long_the_medium_and_few_the_translators(tmp_path):
    workers = FakeCountedWorkers(60.0)
    asyncio.run(work(workers, translators=1).run(medium(tmp_path), 60.0))
    assert workers.calls == [4, 2]


def test_where_as_many_media_as_translators_are_at_work_each_makes_few_calls(tmp_path):
    workers = FakeCountedWorkers(40.0)

    async def three() -> None:
        shared = work(workers, translators=3)
        await asyncio.gather(*(shared.run(medium(tmp_path), 60.0) for _ in range(3)))
        assert workers.calls == [4, 4, 4]
        await shared.run(medium(tmp_path), 60.0)

    asyncio.run(three())
    assert workers.calls[3:] == [2, 2], "those that have ended do not count"


def test_no_more_windows_are_in_flight_than_are_allowed(tmp_path):
    workers = FakeCountedWorkers(60.0)
    workers.last_first = True
    done = asyncio.run(work(workers, translators=3, in_flight=5).run(medium(tmp_path), 60.0))
    assert workers.most == 4
    assert len(done.windows) == A_MINUTE


def test_media_that_are_at_work_together_share_what_may_be_in_flight(tmp_path):
    workers = FakeCountedWorkers(60.0)
    workers.last_first = True

    async def three() -> None:
        shared = work(workers, translators=6, in_flight=12)
        await asyncio.gather(*(shared.run(medium(tmp_path), 60.0) for _ in range(3)))

    asyncio.run(three())
    assert workers.calls == [3, 3] * 3
    assert workers.most <= 12


def test_a_call_goes_out_whatever_is_allowed(tmp_path):
    done = asyncio.run(work(FakeCountedWorkers(60.0), translators=1, in_flight=1).run(medium(tmp_path), 60.0))
    assert len(done.windows) == A_MINUTE


def test_windows_come_in_the_mediums_order_however_their_calls_end(tmp_path):
    workers = FakeCountedWorkers(60.0)
    workers.last_first = True
    done = asyncio.run(work(workers, translators=3).run(medium(tmp_path), 60.0))
    assert [window.start_s for window in done.windows] == [10.0 * number for number in range(A_MINUTE)]
