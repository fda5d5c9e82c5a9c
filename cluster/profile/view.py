"""A profile as a person and a program want it: by operation, stage, node and actor, with who is slow.

A pure function of a book's snapshot. What the finished shards' parts say that they cost is held against what the
workers told: work that a dead worker never told of is added from the parts, and work that is in no part (under way, or
thrown away and done again) is named. Gives plain figures; how they look is said elsewhere.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from cluster.profile.book import HandOver, Snapshot
from cluster.profile.sketch import Sketch
from cluster.profiler import Operation

SLOW = 1.5
"""A worker that takes so many times as long as its peers is a straggler."""
_ENOUGH = 8
"""Calls, before anybody is called slow: shards differ, and one alone says little."""
_STUCK_TIMES, _STUCK_S = 5.0, 60.0
"""One that is at a piece of work for so many times the slowest in a hundred, and at least for so long, is one too."""

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Line:
    """An operation, over all workers that the line's other names leave open (an empty name stands for all of them).

    Seconds are those of pieces of work side by side (workers', and a worker's own where it has several under way), so
    that their total may exceed the time that went by. ``share`` is the part of all stages' time, ``rtfx`` seconds of
    audio a second of work; None for what has no audio or no stage.
    """

    operation: str
    stage: str
    node: str
    worker: str
    count: int
    total_s: float
    mean_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    share: float | None
    items: int
    audio_s: float
    rtfx: float | None
    tokens: int


@dataclass(frozen=True)
class StageLine:
    """All operations of a stage together."""

    stage: str
    total_s: float
    share: float
    audio_s: float
    rtfx: float | None


@dataclass(frozen=True)
class WorkerLine:
    """A process. ``busy`` is the share of its time in a stage; GPU figures are None where nothing tells them."""

    id: str
    node: str
    name: str
    stages: tuple[str, ...]
    busy: float
    memory_gb: float | None
    gpu_busy: float | None
    gpu_memory_gb: float | None
    at_work: tuple[tuple[str, str, float], ...]
    """(stage, subject, for how many seconds)"""
    silent_s: float


@dataclass(frozen=True)
class Straggler:
    """A worker that is slow at an operation, ``times`` as slow as its peers, or stuck."""

    worker: str
    node: str
    operation: str
    times: float
    reason: str


@dataclass(frozen=True)
class Gauge:
    """A quantity that is no duration, over all workers."""

    count: int
    mean: float
    p50: float
    p95: float
    most: float


@dataclass(frozen=True)
class InParts:
    """What finished shards say that an operation cost, beside what the workers told.

    ``not_in_parts_s`` is work under way, or work that was thrown away; ``never_told_s`` what a worker that died did and
    never told, which the totals hold all the same.
    """

    count: int
    seconds: float
    not_in_parts_s: float
    never_told_s: float


@dataclass(frozen=True)
class Profile:
    """Everything that is shown. ``at`` is seconds since 1970; ``total_s`` the work of all stages together."""

    at: float
    total_s: float
    gpu_busy: float | None
    operations: tuple[Line, ...]
    stages: tuple[StageLine, ...]
    nodes: tuple[Line, ...]
    actors: tuple[Line, ...]
    workers: tuple[WorkerLine, ...]
    stragglers: tuple[Straggler, ...]
    gauges: Mapping[str, Gauge]
    parts: Mapping[str, InParts]


@dataclass(frozen=True)
class _Record:
    """An operation of one worker."""

    name: str
    told: HandOver
    operation: Operation


def view(snapshot: Snapshot) -> Profile:
    """All figures of a snapshot."""
    records = [
        _Record(name, told, Operation(state=state))
        for told in snapshot.workers
        for name, state in told.state["operations"].items()
    ]
    merged = _merged(records, lambda r: r.name)
    parts = _parts(snapshot, merged)
    total = sum(_total(name, operation, parts) for name, operation in merged.items() if operation.stage)
    gauges = _gauges(snapshot.workers)
    by_name = [_line((name, "", ""), operation, total, parts.get(name)) for name, operation in merged.items()]
    return Profile(
        at=snapshot.at,
        total_s=total,
        gpu_busy=gauges["gpu_busy"].mean if "gpu_busy" in gauges else None,
        operations=_by_time(by_name),
        stages=_stages(by_name, total),
        nodes=_by_time(
            _line((name, node, ""), operation, total)
            for (name, node), operation in _merged(records, lambda r: (r.name, r.told.worker.node)).items()
        ),
        actors=_by_time(_line((r.name, r.told.worker.node, r.told.worker.name), r.operation, total) for r in records),
        workers=_workers(snapshot),
        stragglers=(*_slow(records), *_stuck(snapshot, merged)),
        gauges=gauges,
        parts=parts,
    )


def _merged(records: Iterable[_Record], key: Callable[[_Record], K]) -> dict[K, Operation]:
    found: dict[K, Operation] = {}
    for record in records:
        found.setdefault(key(record), Operation(record.operation.stage)).merge(record.operation)
    return found


def _parts(snapshot: Snapshot, merged: dict[str, Operation]) -> dict[str, InParts]:
    """Costs of all runs' parts; an operation that no worker told of is added to ``merged``, empty."""
    counts: dict[str, int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    for costs in snapshot.parts.values():
        for name, cost in costs.items():
            counts[name] += cost.count
            seconds[name] += cost.seconds
    found = {}
    for name in counts:
        told = merged.setdefault(name, Operation("untold")).seconds.total
        more = told - seconds[name]
        found[name] = InParts(counts[name], seconds[name], max(0.0, more), max(0.0, -more))
    return found


def _total(name: str, operation: Operation, parts: Mapping[str, InParts]) -> float:
    return operation.seconds.total + (parts[name].never_told_s if name in parts else 0.0)


def _line(names: tuple[str, str, str], operation: Operation, total: float, part: InParts | None = None) -> Line:
    name, node, worker = names
    seconds, told = operation.seconds, operation.seconds.total
    spent = told + (part.never_told_s if part else 0.0)
    return Line(
        operation=name,
        stage=operation.stage,
        node=node,
        worker=worker,
        count=max(seconds.count, part.count if part else 0),
        total_s=spent,
        mean_s=seconds.mean,
        p50_s=seconds.quantile(0.50),
        p95_s=seconds.quantile(0.95),
        p99_s=seconds.quantile(0.99),
        share=spent / total if operation.stage and total else None,
        items=operation.items,
        audio_s=operation.audio_s,
        rtfx=operation.audio_s / told if operation.audio_s and told else None,
        tokens=operation.tokens,
    )


def _by_time(lines: Iterable[Line]) -> tuple[Line, ...]:
    return tuple(sorted(lines, key=lambda line: (-line.total_s, line.operation, line.node, line.worker)))


def _stages(lines: Iterable[Line], total: float) -> tuple[StageLine, ...]:
    seconds: dict[str, float] = defaultdict(float)
    audio: dict[str, float] = defaultdict(float)
    for line in lines:
        if line.stage:
            seconds[line.stage] += line.total_s
            # The operations of a stage pass on the same audio.
            audio[line.stage] = max(audio[line.stage], line.audio_s)
    found = [
        StageLine(s, seconds[s], seconds[s] / total if total else 0.0, audio[s], audio[s] / seconds[s] or None)
        for s in seconds
        if seconds[s]
    ]
    return tuple(sorted(found, key=lambda stage: -stage.total_s))


def _gauges(workers: Iterable[HandOver]) -> dict[str, Gauge]:
    merged: dict[str, Sketch] = {}
    for told in workers:
        for name, state in told.state["gauges"].items():
            merged.setdefault(name, Sketch()).merge(Sketch(state))
    return {
        name: Gauge(s.count, s.mean, s.quantile(0.50), s.quantile(0.95), s.most) for name, s in sorted(merged.items())
    }


def _workers(snapshot: Snapshot) -> tuple[WorkerLine, ...]:
    found = [_worker(told, snapshot.at) for told in snapshot.workers]
    return tuple(sorted(found, key=lambda worker: (worker.node, worker.name)))


def _worker(told: HandOver, now: float) -> WorkerLine:
    operations = told.state["operations"].values()
    gauges = {name: Sketch(state) for name, state in told.state["gauges"].items()}
    spent = sum(each["seconds"]["total"] for each in operations if each["stage"])
    lived = max(told.at - told.began_at, 1e-9)
    return WorkerLine(
        id=told.worker.id,
        node=told.worker.node,
        name=told.worker.name,
        stages=tuple(sorted({each["stage"] for each in operations if each["stage"]})),
        busy=min(1.0, spent / lived),
        memory_gb=gauges["memory_gb"].most if "memory_gb" in gauges else None,
        gpu_busy=gauges["gpu_busy"].mean if "gpu_busy" in gauges else None,
        gpu_memory_gb=gauges["gpu_memory_gb"].most if "gpu_memory_gb" in gauges else None,
        at_work=tuple((stage, subject, told.at - since) for stage, subject, since in told.at_work),
        silent_s=max(0.0, now - told.at),
    )


def _slow(records: Iterable[_Record]) -> list[Straggler]:
    """Workers whose seconds for the same amount of work are well above their peers' (their lower median)."""
    paces: dict[str, list[tuple[float, _Record]]] = defaultdict(list)
    for record in records:
        operation = record.operation
        if operation.stage and operation.seconds.count >= _ENOUGH:
            # Windows, where it counts any; else seconds of audio, for shards are of many lengths.
            work = operation.items if operation.items > operation.seconds.count else operation.audio_s
            paces[record.name].append((operation.seconds.total / (work or operation.items or 1), record))
    found = []
    for name, workers in paces.items():
        usual = statistics.median_low([pace for pace, _ in workers])
        for pace, record in workers:
            if usual and pace > SLOW * usual:
                worker, times = record.told.worker, pace / usual
                reason = f"{times:.1f} times as slow as the others"
                found.append(Straggler(worker.name, worker.node, name, times, reason))
    return sorted(found, key=lambda straggler: -straggler.times)


def _stuck(snapshot: Snapshot, merged: Mapping[str, Operation]) -> list[Straggler]:
    """Workers that are at one piece of work for much longer than it ever takes."""
    usual: dict[str, float] = defaultdict(float)
    for operation in merged.values():
        usual[operation.stage] += operation.seconds.quantile(0.99)
    found = []
    for told in snapshot.workers:
        for stage, subject, since in told.at_work:
            # By the worker's own clock: of one that fell silent nobody knows what it does now.
            seconds = told.at - since
            if seconds > max(_STUCK_S, _STUCK_TIMES * usual[stage]):
                times = seconds / usual[stage] if usual[stage] else 0.0
                reason = f"at {subject} for {seconds:.0f} s"
                found.append(Straggler(told.worker.name, told.worker.node, stage, times, reason))
    return found
