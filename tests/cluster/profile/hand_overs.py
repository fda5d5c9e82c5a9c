"""Hand-overs of workers that never were, for tests."""

from __future__ import annotations

from cluster.profile.book import HandOver, Worker
from cluster.profiler import PerformanceProfiler, Span


def hand_over(
    name: str,
    seconds: list[float],
    *,
    number: int = 1,
    operation: str = "engine",
    stage: str = "translate",
    node: str = "10.0.0.1",
    at: float = 100.0,
    at_work: tuple[tuple[str, str, float], ...] = (),
    gauges: dict[str, float] | None = None,
) -> HandOver:
    """A worker that did this, a minute of audio and ten windows each time, one after another from second 0 on."""
    profiler = PerformanceProfiler()
    ended = 0.0
    for index, each in enumerate(seconds):
        ended += each
        profiler.record(operation, each, 10, stage=stage, audio_s=60.0, tokens=100)
        profiler.span(Span(operation, stage, f"m/{index:05d}", ended, each))
    for gauge, value in (gauges or {}).items():
        profiler.gauge(gauge, value)
    worker = Worker(id=name, node=node, pid=7, actor=name)
    spans = tuple(profiler.spans()[1])
    return HandOver(worker, number, 0.0, at, profiler.state(), at_work, 0, spans)
