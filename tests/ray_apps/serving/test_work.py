"""How a medium's windows are asked about: how many in a call, how many at a time, and in which order they come back."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from pipelines.settings import CueSettings, MediaLimits
from ray_apps.serving.work import Asked, Work
from ray_apps.translator import Translation
from tests.ray_apps.serving.fake_workers import CAPABILITIES, FakeWorkers

A_MINUTE = 6
"""Windows that a fake medium of 60 s has."""


class FakeCountedWorkers(FakeWorkers):
    """Knows how many windows each call had, and how many of each shard were here at once."""

    def __init__(self, duration_s: float) -> None:
        super().__init__(duration_s)
        self.calls: list[int] = []
        self.here: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    async def translate(self, windows, source, targets, name, wishes) -> Translation:
        self.calls.append(len(windows))
        self.here[name] += len(windows)
        self.most[name] = max(self.most[name], self.here[name])
        try:
            return await super().translate(windows, source, targets, name, wishes)
        finally:
            self.here[name] -= len(windows)


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


def medium(folder: Path, number: int = 0) -> Asked:
    path = folder / "upload"
    path.write_bytes(b"RIFF")
    return Asked(str(path), 4, f"{number:032}" * 2, "tr", "fr")


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
        assert workers.calls == [2, 2, 4, 4], "the first one was alone when it was heard"
        await shared.run(medium(tmp_path), 60.0)

    asyncio.run(three())
    assert workers.calls[4:] == [2, 2], "those that have ended do not count"


def test_no_more_windows_are_in_flight_than_are_allowed(tmp_path):
    workers = FakeCountedWorkers(300.0)
    workers.last_first = True
    done = asyncio.run(work(workers, translators=3, in_flight=17).run(medium(tmp_path), 60.0))
    assert list(workers.most.values()) == [16]
    assert len(done.windows) == 30


def test_media_that_are_at_work_together_share_what_may_be_in_flight(tmp_path):
    workers = FakeCountedWorkers(300.0)
    workers.free.clear()

    async def three() -> None:
        shared = work(workers, translators=1, in_flight=36)
        running = [asyncio.create_task(shared.run(medium(tmp_path, number), 60.0)) for number in range(3)]
        while sum(workers.here.values()) < 30 + 16 + 12:
            await asyncio.sleep(0)
        assert list(workers.here.values()) == [30, 16, 12]
        workers.free.set()
        assert [len(done.windows) for done in await asyncio.gather(*running)] == [30, 30, 30]

    asyncio.run(asyncio.wait_for(three(), 60))


def test_two_calls_go_out_whatever_is_allowed(tmp_path):
    workers = FakeCountedWorkers(300.0)
    workers.last_first = True
    asyncio.run(work(workers, translators=1, in_flight=1).run(medium(tmp_path), 60.0))
    assert list(workers.most.values()) == [8]


def test_windows_come_in_the_mediums_order_however_their_calls_end(tmp_path):
    workers = FakeCountedWorkers(60.0)
    workers.last_first = True
    done = asyncio.run(work(workers, translators=3).run(medium(tmp_path), 60.0))
    assert [window.start_s for window in done.windows] == [10.0 * number for number in range(A_MINUTE)]
