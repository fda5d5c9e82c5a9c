"""What a run did, counted while it works and told at its end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from cluster.profiler import OperationSummary, PerformanceProfiler
from pipelines.ledger.assemble import MediumReport
from pipelines.ledger.tables import Totals
from pipelines.records import Failure
from ray_apps import metered
from ray_apps.plan import JobPlan
from ray_apps.rows import ShardRow


@dataclass(frozen=True)
class RunSummary:
    """A run's result. Media and shards of the whole archive; hours, speed and stage seconds of this run alone.

    ``transient`` counts shards that stay open: the next run tries them again. ``realtime_factor`` is seconds of audio
    done a second of work, start-up left out.
    """

    out: str
    fingerprint: str
    media: int
    media_done: int
    media_failed: int
    media_open: int
    """Media that are not done and not failed for good: the next run goes on with them."""
    shards: int
    shards_done: int
    shards_skipped: int
    audio_s: float
    speech_s: float
    covered_s: float
    """Of the speech, in windows that have a text in every target language."""
    uncovered: int
    """Stretches of speech that got no text."""
    cues: int
    needs_review: int
    to_review: int
    """Rows of the review files."""
    corrected: int
    """Cues that people put right."""
    retries: int
    violations: int
    """Broken subtitle rules."""
    error_rows: int
    """Rows of the errors table, of earlier runs too."""
    not_opened: int
    """Of them, files that are no media by their name: nothing went wrong with those."""
    errors: tuple[tuple[str, str, str], ...]
    """(name, kind, detail) of every medium or shard without a result."""
    transient: int
    wall_s: float
    startup_s: float
    realtime_factor: float
    stages: dict[str, OperationSummary]
    """By stage of this run: ``count`` of shards, ``total_s``, ``mean``, ``p50``, ``p95`` (seconds a shard)."""
    demo_model: bool
    engine: str
    dtype: str
    kv_cache: str
    deterministic: bool
    interrupted: bool
    not_muxed: int = 0
    """Media of which no copy with subtitles could be made, where copies are asked for."""
    began: str = ""
    """When the run began, UTC, ISO 8601."""
    hardware: str = ""
    """What the run had to work on, in words; empty where it ended before it looked."""


@dataclass
class Tally:
    """Counts of a run under way."""

    plan: JobPlan
    startup_s: float = 0.0
    started: float = field(default_factory=time.monotonic)
    shards_done: int = 0
    audio_s: float = 0.0
    profiler: PerformanceProfiler = field(default_factory=PerformanceProfiler)
    """What each stage told of every shard."""
    assembled: int = 0
    """Media that this run assembled."""
    needs_review: int = 0
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    """(name, kind, detail) of every shard of them that failed for good."""
    still_open: dict[str, ShardRow] = field(default_factory=dict)
    """Shards that failed for a passing reason and have not been done since, by name."""

    def __post_init__(self) -> None:
        readable = self.plan.readable
        self.media_total = int(np.count_nonzero(readable))
        self.media_before = int(np.count_nonzero(readable & self.plan.finished))

    def begin(self, startup_s: float) -> None:
        """Work starts now; ``startup_s`` went before."""
        self.startup_s, self.started = startup_s, time.monotonic()

    def shard(self, row: ShardRow) -> None:
        metered.shard(row)
        name = row.shard.name
        if row.failure is not None:
            self.still_open[name] = row
            return
        self.still_open.pop(name, None)
        self.shards_done += 1
        if row.part is not None and row.part.failure is not None:
            return  # no audio was done
        self.audio_s += row.shard.end_s - row.shard.start_s
        for stage, seconds in row.seconds.items():
            self.profiler.record(stage, seconds)

    def medium(self, report: MediumReport) -> None:
        metered.medium(report)
        self.assembled += 1
        self.needs_review += report.needs_review
        self.failures += [(report.name, failure.kind, failure.detail) for failure in report.failures]

    def figures(self) -> dict[str, float]:
        """What the progress line shows."""
        return {
            "media_done": self.media_before + self.assembled,
            "media_total": self.media_total,
            "shards_done": self.shards_done,
            "shards_total": len(self.plan.missing),
            "shards_skipped": self.plan.shard_count - len(self.plan.missing),
            "audio_s": self.audio_s,
            "speed": self.audio_s / max(time.monotonic() - self.started, 1e-9),
            "errors": len(self.still_open) + len(self.failures),
            "needs_review": self.needs_review,
        }

    def open_failures(self) -> dict[str, Failure]:
        """Why shards are left undone, by shard name."""
        return {name: row.failure for name, row in self.still_open.items() if row.failure}

    def summary(self, totals: Totals, interrupted: bool, wall_s: float) -> RunSummary:
        """This run's figures beside ``totals``, the state of the whole archive."""
        plan = self.plan
        failing = plan.media.take(plan.media.failed)
        unreadable = [(m.name, m.failure.kind, m.failure.detail) for m in failing if m.failure]
        left = [(row.shard.medium.name, f.kind, f.detail) for row in self.still_open.values() if (f := row.failure)]
        return RunSummary(
            out=plan.settings.out,
            fingerprint=plan.recipe.fingerprint,
            media=totals.media,
            media_done=totals.ok + totals.partial,
            media_failed=totals.failed,
            media_open=totals.open,
            shards=totals.shards,
            # An interrupted run has parts whose rows never came back.
            shards_done=max(self.shards_done, totals.shards_done - (plan.shard_count - len(plan.missing))),
            shards_skipped=plan.shard_count - len(plan.missing),
            audio_s=self.audio_s,
            speech_s=totals.speech_s,
            covered_s=totals.covered_s,
            uncovered=totals.uncovered,
            cues=totals.cues,
            needs_review=totals.needs_review,
            to_review=totals.to_review,
            corrected=totals.corrected,
            retries=totals.retries,
            violations=totals.violations,
            error_rows=totals.errors,
            not_opened=totals.not_opened,
            errors=tuple(sorted({*unreadable, *self.failures, *left})),
            transient=len(self.still_open),
            wall_s=wall_s,
            startup_s=self.startup_s,
            realtime_factor=self.audio_s / max(wall_s - self.startup_s, 1e-9),
            stages=self.profiler.summary(),
            demo_model=plan.checkpoint.demo_model,
            engine=plan.recipe.engine,
            dtype=plan.recipe.dtype,
            kv_cache=plan.recipe.kv_cache,
            deterministic=plan.recipe.deterministic,
            interrupted=interrupted,
        )
