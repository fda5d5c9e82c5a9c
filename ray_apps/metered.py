"""What the work tells of itself as metrics: records on one side, the catalogue on the other.

One call a stage for a shard, a medium or a request. The driver counts what became of shards and media, for it sees
every row once and outlives the workers; workers count what only they know. It decides nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from b200_kernels.engine import SpeechEngine
from cluster.metrics import catalogue as m
from cluster.metrics.exporter import add, observe, put
from pipelines.ledger.assemble import MediumReport
from pipelines.records import NOT_OPENED, Medium, PartWindow, Window
from ray_apps.rows import ShardRow

BATCH, ONLINE = "batch", "online"


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Time a stage, whether or not it fails."""
    began = time.monotonic()
    try:
        yield
    finally:
        stages({name: time.monotonic() - began})


def stages(seconds: Mapping[str, float]) -> None:
    """What stages cost that were timed already."""
    for name, taken in seconds.items():
        observe(m.STAGE_LATENCY, taken, stage=name)
        add(m.STAGE_BUSY, taken, stage=name)


class TranslatorMeter:
    """One actor's: windows in it, what its engine did for them, and what the gate thought."""

    def __init__(self, engine: SpeechEngine) -> None:
        self._engine, self._told, self._inside = engine, engine.stats(), 0

    @contextmanager
    def translating(self, windows: Sequence[Window]) -> Iterator[Callable[[Sequence[PartWindow]], None]]:
        """Around some windows' translation, which gives what became of them to what this yields."""
        self._hold(len(windows))
        try:
            with stage("translate"):
                yield lambda done: self._translated(windows, done)
        finally:
            self._hold(-len(windows))

    def _hold(self, windows: int) -> None:
        self._inside += windows
        put(m.QUEUE, self._inside, queue="windows")

    def _translated(self, windows: Sequence[Window], done: Sequence[PartWindow]) -> None:
        add(m.WINDOWS, len(windows))
        add(m.WINDOW_AUDIO, sum(window.end_s - window.start_s for window in windows))
        add(m.WINDOW_ROOM, len(windows) * self._engine.capabilities.chunk_s)
        now, before = self._engine.stats(), self._told
        self._told = now
        add(m.TOKENS, now.tokens - before.tokens)
        add(m.ENGINE_BUSY, now.busy_s - before.busy_s)
        for window in done:
            for text in window.targets or (window.source,):
                add(m.TEXTS, verdict=text.verdict)
                for reason in text.reasons:
                    add(m.FLAGS, reason=reason)
            for text in {text.language: text for text in (window.source, *window.targets)}.values():
                for attempt in text.tried[1:]:
                    add(m.RETRIES, step=attempt.step)


def unreadable(media: Iterable[Medium]) -> None:
    """Media of the manifest that cannot be read; those that were only passed by are none."""
    for medium in media:
        if medium.failure is not None and medium.failure.kind != NOT_OPENED:
            add(m.ERRORS, kind=medium.failure.kind)


def shard(row: ShardRow) -> None:
    """A shard came back to the driver."""
    failure = row.failure or (row.part and row.part.failure)
    if failure:
        add(m.SHARDS, status="open" if row.failure else "failed")
        add(m.ERRORS, kind=failure.kind)
    else:
        add(m.SHARDS, status="done")
        add(m.AUDIO, row.shard.end_s - row.shard.start_s, path=BATCH)


def medium(report: MediumReport) -> None:
    """A medium was assembled."""
    add(m.MEDIA, status=report.status)


def progress(figures: Mapping[str, float]) -> None:
    """How far a run is, by the figures of its progress line; called when it begins its work and for every shard."""
    put(m.PROGRESS, time.time())
    put(m.REALTIME_FACTOR, figures["speed"])
    put(m.QUEUE, figures["shards_total"] - figures["shards_done"], queue="shards")
    put(m.QUEUE, figures["media_total"] - figures["media_done"], queue="media")


def ended() -> None:
    """Nothing waits in a run that is over, though its process may live on."""
    put(m.QUEUE, 0, queue="shards")
    put(m.QUEUE, 0, queue="media")


def request(route: str, status: int, seconds: float) -> None:
    """A request was answered, to its last byte. ``route`` is a route's own pattern, never the path of a client."""
    add(m.REQUESTS, route=route, status=str(status))
    observe(m.REQUEST_LATENCY, seconds, route=route)


def translated(medium: Medium) -> None:
    """A request's medium has its texts."""
    add(m.AUDIO, medium.duration_s, path=ONLINE)


def failed(kind: str) -> None:
    """A streamed request failed after its status had been sent."""
    add(m.ERRORS, kind=kind)


def requests_open(at_work: int, waiting: int) -> None:
    """How many requests are in."""
    put(m.REQUESTS_OPEN, at_work, state="at work")
    put(m.REQUESTS_OPEN, waiting, state="waiting")
