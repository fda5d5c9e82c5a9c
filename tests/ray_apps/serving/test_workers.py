"""A call whose replica dies is made again; one that fails by its own fault is not."""

from __future__ import annotations

import asyncio
import select
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ray.exceptions import ActorDiedError
from ray.serve.exceptions import BackPressureError

from pipelines.media.decode import Probe
from pipelines.media.stop import Stop, Stopped
from pipelines.records import Medium, Shard, Window
from pipelines.settings import MediaLimits
from pipelines.speech.listen import Listened
from ray_apps.serving import workers
from ray_apps.serving.workers import TRIES, MediaPreparation, Replicas, Translator, Unavailable, asked
from ray_apps.translator import NO_WISHES, Translation, TranslatorSettings

MEDIUM = Medium(id="m", url="film.mp4", name="upload", size=1, version="")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class FakeTranslator:
    """Answers once it may."""

    settings = TranslatorSettings(model=None, window_deadline_s=300.0)

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.tokens = 0
        self.engine = SimpleNamespace(stats=lambda: SimpleNamespace(tokens=self.tokens))

    async def translate(self, windows: Any, source: str, targets: Any, wishes: Any) -> Translation:
        await self.may.wait()
        return Translation(source, ())

    def tell(self, costs: Any, windows: Any, seconds: float, audio_s: float) -> None:
        """It has no profile."""


def test_an_engine_that_finishes_nothing_is_unhealthy_and_a_busy_one_is_not(monkeypatch):
    monkeypatch.setattr(workers, "time", clock := Clock())
    replica = Translator.__new__(Translator)
    replica.windows, replica.audio_s, replica._moved, replica._tokens = 0, 0.0, clock.now, 0
    window = Window(start_s=0.0, segments=(), samples=np.zeros(16_000, np.int16))

    async def work() -> None:
        replica.translator = FakeTranslator()
        clock.now += 5000  # nothing to do for a long time
        replica.check_health()
        waiting = asyncio.create_task(replica.translate([window], "tr", ["fr"], "x", NO_WISHES))
        await asyncio.sleep(0)
        assert replica.record_autoscaling_stats() == {"audio_s": 1.0}
        clock.now += 299
        replica.translator.tokens += 1
        replica.check_health()
        clock.now += 299
        replica.check_health()
        clock.now += 2
        with pytest.raises(RuntimeError):
            replica.check_health()
        replica.translator.may.set()
        await waiting
        replica.check_health()

    asyncio.run(work())
    assert replica.record_autoscaling_stats() == {"audio_s": 0.0}


def test_a_replica_that_was_busy_and_is_idle_stays_healthy(monkeypatch):
    """0.1 + 0.2 - 0.1 - 0.2 is not 0: it must not look like audio that waits."""
    monkeypatch.setattr(workers, "time", clock := Clock())
    replica = Translator.__new__(Translator)
    replica.windows, replica.audio_s, replica._moved, replica._tokens = 0, 0.0, clock.now, 0
    windows = [Window(start_s=0.0, segments=(), samples=np.zeros(count, np.int16)) for count in (1600, 3200)]

    async def work() -> None:
        replica.translator = FakeTranslator()
        calls = [asyncio.create_task(replica.translate([window], "tr", ["fr"], "x", NO_WISHES)) for window in windows]
        await asyncio.sleep(0)
        replica.translator.may.set()
        await asyncio.gather(*calls)

    asyncio.run(work())
    clock.now += 5000
    replica.check_health()
    assert replica.record_autoscaling_stats() == {"audio_s": 0.0}


def test_who_answered_lately_is_not_asked_whether_it_is_ready(monkeypatch):
    """Behind a long queue the question would wait, and a load balancer would drop the service for being busy."""
    monkeypatch.setattr(workers, "time", clock := Clock())
    media = SimpleNamespace(ready=Method(True, True), listen=Method("heard"))
    translator = SimpleNamespace(ready=Method("able", "able"), translate=Method("translated"))
    replicas = Replicas(media, translator)

    async def work() -> None:
        assert await replicas.capabilities() == "able"
        assert (media.ready.calls, translator.ready.calls) == (1, 1)
        await replicas.listen(None, None)
        await replicas.translate([], "tr", ["fr"], "x", NO_WISHES)
        assert await replicas.capabilities() == "able"
        assert (media.ready.calls, translator.ready.calls) == (1, 1)
        clock.now += workers.LATELY_S + 1
        assert await replicas.capabilities() == "able"
        assert (media.ready.calls, translator.ready.calls) == (2, 2)

    asyncio.run(work())


@pytest.mark.parametrize(
    ("duration_s", "shard_s", "heard"),
    [(60.0, 600.0, True), (60.1, 600.0, False), (50.0, 20.0, False), (0.0, 600.0, False)],
)
def test_a_short_medium_is_heard_when_it_is_opened_and_no_other(monkeypatch, duration_s, shard_s, heard):
    asked: list[tuple[str, float]] = []

    def fake_listen(shard: Shard, limits: MediaLimits, *_more: Any) -> Listened:
        asked.append((shard.name, limits.wall_s))
        return Listened((), {})

    found = Probe(duration_s=duration_s, container="wav", audio_stream=1, language="tr")
    monkeypatch.setattr(workers, "probe", lambda *_asked, **_more: found)
    monkeypatch.setattr(workers, "listen", fake_listen)
    replica = MediaPreparation.__new__(MediaPreparation)
    replica.vad = replica.windows = replica.window_s = replica.detector = replica.profile = None
    limits = MediaLimits(wall_s=5.0)
    opened = asyncio.run(replica.opened(MEDIUM, limits, None, shard_s))
    assert (opened.medium.duration_s, opened.medium.audio_stream, opened.medium.language) == (duration_s, 1, "tr")
    assert (opened.heard is not None) == heard == bool(asked)
    assert all(name == "m/00000" and wall_s < 5.0 for name, wall_s in asked)


def test_whoever_stops_waiting_for_a_medium_ends_its_decoding(monkeypatch):
    began, ended = threading.Event(), threading.Event()

    def fake_probe(*_asked: Any, stop: Stop) -> None:
        began.set()
        if select.select([stop], [], [], 60)[0]:
            ended.set()
        raise Stopped

    monkeypatch.setattr(workers, "probe", fake_probe)

    async def leave() -> None:
        asking = asyncio.create_task(
            MediaPreparation.__new__(MediaPreparation).opened(MEDIUM, MediaLimits(), None, 600.0)
        )
        await asyncio.to_thread(began.wait, 60)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await asyncio.to_thread(ended.wait, 60)

    asyncio.run(leave())


class Method:
    """A replica's method that ends, call by call, as it is told."""

    def __init__(self, *ends: Any) -> None:
        self.ends = list(ends)
        self.calls = self.cancelled = 0

    def remote(self, *_arguments: Any) -> Method:
        self.calls += 1
        return self

    def __await__(self) -> Any:
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        if isinstance(end, asyncio.Event):
            yield from end.wait().__await__()
        return end

    def cancel(self) -> None:
        self.cancelled += 1


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(workers, "PAUSE_S", 0.0)


def test_another_replica_is_asked():
    method = Method(ActorDiedError(), ActorDiedError(), "answer")
    assert asyncio.run(asked(method, 1)) == "answer"
    assert method.calls == 3


def test_what_kills_every_replica_is_given_up():
    method = Method(*[ActorDiedError() for _ in range(TRIES + 1)])
    with pytest.raises(Unavailable):
        asyncio.run(asked(method))
    assert method.calls == TRIES


@pytest.mark.parametrize(("end", "error"), [(ValueError("no"), ValueError), (BackPressureError(9, 8), Unavailable)])
def test_a_fault_of_the_request_is_told_at_once(end, error):
    method = Method(end, "never")
    with pytest.raises(error):
        asyncio.run(asked(method))
    assert method.calls == 1


def test_who_stops_waiting_stops_the_replica():
    method = Method(asyncio.Event())

    async def leave() -> None:
        waiting = asyncio.create_task(asked(method))
        await asyncio.sleep(0)
        waiting.cancel()
        await waiting

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(leave())
    assert method.cancelled == 1
