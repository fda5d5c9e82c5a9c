"""The costs table, added up: where the time went, and how fast the work was from hour to hour.

A shard's audio counts evenly over the time that the engine worked on it, which ends when its texts are there. Machines
tell that time by clocks of their own; what they differ by shows as so much of a smear.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ledger.current_tables import Tables
from ray_apps.report.facts import Bar, Cut, Place, Session, StageCost, Work

PAUSE_S = 30 * 60.0
"""So long without any work divides two sessions."""
BARS = 60
"""Of all sessions together, about."""
LISTED = 12
LEAST_STEP_S, MOST_STEPS = 0.1, 200_000
"""Work is added up in steps of time: this fine, or so many of them."""
ENGINE = "engine"
_COLUMNS = ["name", "failed", "audio_s", "done_at", "seconds"]


def work_facts(tables: Tables) -> Work:
    """Reads the table twice: for its sums and the span of time, then for the work along that span."""
    shards = failed = undated = 0
    audio_s = 0.0
    totals: dict[str, float] = {}
    longest: dict[str, tuple[float, str]] = {}
    began, ended = np.inf, -np.inf
    for batch in tables.batches("costs", _COLUMNS):
        shards += batch.num_rows
        failed += pc.sum(batch["failed"]).as_py() or 0
        undated += batch.num_rows - (pc.sum(batch["failed"]).as_py() or 0) - pc.count(batch["done_at"]).as_py()
        audio_s += pc.sum(batch["audio_s"]).as_py() or 0.0
        for stage in pc.unique(batch["seconds"].keys).to_pylist():
            costs = pc.map_lookup(batch["seconds"], stage, "first")
            most = pc.max(costs).as_py()
            if most is None:  # a batch may be a slice, and its keys are not
                continue
            totals[stage] = totals.get(stage, 0.0) + pc.sum(costs).as_py()
            if stage not in longest or most > longest[stage][0]:
                longest[stage] = most, batch["name"][pc.index(costs, most).as_py()].as_py()
        starts, ends, _ = _spans(batch)
        began, ended = min(began, starts.min(initial=np.inf)), max(ended, ends.max(initial=-np.inf))
    dearest = sorted(totals, key=lambda stage: -totals[stage])
    sessions = _sessions(tables, float(began), float(ended)) if began <= ended else Cut[Session]()
    return Work(
        shards=shards,
        failed=failed,
        audio_s=audio_s,
        undated=undated,
        stages=tuple(StageCost(s, totals[s], longest[s][0], Place(longest[s][1])) for s in dearest),
        sessions=sessions,
    )


def _spans(batch: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """When the engine's work on each dated shard began and ended, and its seconds of audio; all of shape (n,)."""
    dated = batch.filter(pc.is_valid(batch["done_at"]))
    ends = np.asarray(dated["done_at"], np.float64)
    engine = np.asarray(pc.fill_null(pc.map_lookup(dated["seconds"], ENGINE, "first"), 0.0))
    return ends - engine, ends, np.asarray(dated["audio_s"], np.float64)


def _sessions(tables: Tables, began: float, ended: float) -> Cut[Session]:
    step = max(LEAST_STEP_S, (ended - began) / MOST_STEPS)
    audio, busy = _along(tables, began, step, int((ended - began) / step) + 1)
    runs = list(_runs(np.flatnonzero(busy), PAUSE_S / step))
    newest = [np.arange(first, last + 1) for first, last in runs[-LISTED:]]
    a_bar = sum(map(len, newest)) / BARS
    sessions = []
    for session in newest:
        cut = np.array_split(session, min(len(session), max(1, round(len(session) / a_bar))))
        bars = (Bar(float(began + at[0] * step), len(at) * step, float(audio[at].sum())) for at in cut)
        sessions.append(Session(tuple(bars)))
    return Cut(tuple(sessions), len(runs))


def _along(tables: Tables, began: float, step: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of audio in each step, and whether any work was done in it; both of shape (steps,)."""
    audio, busy = np.zeros(steps + 1), np.zeros(steps + 1, np.int64)
    for batch in tables.batches("costs", _COLUMNS):
        starts, ends, seconds = _spans(batch)
        first, last = (((at - began) / step).astype(np.int64).clip(0, steps - 1) for at in (starts, ends))
        share = seconds / (last - first + 1)
        np.add.at(audio, first, share)
        np.add.at(audio, last + 1, -share)
        np.add.at(busy, first, 1)
        np.add.at(busy, last + 1, -1)
    # What was added and taken away again leaves a last bit.
    return np.cumsum(audio)[:steps].clip(0.0), np.cumsum(busy)[:steps] > 0


def _runs(busy: np.ndarray, pause: float) -> Iterator[tuple[int, int]]:
    """First and last of the steps of each session; ``busy`` are the steps with work, in order."""
    for run in np.split(busy, np.flatnonzero(np.diff(busy) > pause) + 1):
        if len(run):
            yield int(run[0]), int(run[-1])
