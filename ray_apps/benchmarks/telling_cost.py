"""What telling costs a job: every shard with and without metrics and profile, one right after the other.

    python -m ray_apps.benchmarks.telling_cost --work DIR [--minutes 10] [--json FILE]

The stages are called in this process, which is part of a real Ray, so that metrics are really exported and the profile
is handed to a real book. Each shard goes through all of them twice, telling and silent (``VOXTRAL_METRICS``, and no
book), in turn first and second; ``paired_overhead_percent`` is the ratio of this process' CPU time. As that moves by
percents where others share the machine, ``accounted_percent`` counts what only telling does: the calls, of the CPU time
with telling, and the threads that export and hand over and the book, which never rest, of all CPU time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import psutil
import pyarrow as pa
import typer

from b200_kernels.checkpoints import EMBEDDED
from cluster.feedback import SilentFeedback
from cluster.metrics.exporter import SWITCH
from cluster.profiler import PerformanceProfiler
from ray_apps import metered
from ray_apps.benchmarks.overhead import make_media
from ray_apps.benchmarks.profiling import book_of_its_own
from ray_apps.plan import plan_job
from ray_apps.ray_session import ray_session
from ray_apps.rows import ShardRow
from ray_apps.settings import Settings
from ray_apps.stages import Listen
from ray_apps.translator import TranslatorSettings, VoxtralTranslator

SHARD_S = 60.0
_METRICS = ("add", "put", "observe")
_PROFILE = ("record", "span", "gauge")
_THREADS = ("metrics", "profile reporter")


class _Inside:
    """CPU seconds and number of calls of functions that it stands in front of."""

    def __init__(self) -> None:
        self.seconds, self.calls = 0.0, 0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **labels: Any) -> Any:
            began = time.thread_time()
            try:
                return function(*args, **labels)
            finally:
                self.seconds += time.thread_time() - began
                self.calls += 1

        return call


def main(
    work: Annotated[Path, typer.Option(help="folder for the media and the outputs")],
    minutes: Annotated[float, typer.Option(help="minutes of media")] = 10.0,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure both."""
    media = work / f"media-{minutes:g}"
    if not media.exists():
        make_media(media, minutes * 60)
    inside = _Inside()
    for names, where in ((_METRICS, metered), (_PROFILE, PerformanceProfiler)):
        for name in names:
            setattr(where, name, inside.timed(getattr(where, name)))
    with ray_session(None), book_of_its_own() as book:
        spent, shards, aside_s = _both_ways(media, work / f"run-{time.time_ns()}", inside, book)
    accounted = inside.seconds / spent["1"] + aside_s / sum(spent.values())
    figures = {
        "shards": shards,
        "telling_cpu_s": round(spent["1"], 3),
        "silent_cpu_s": round(spent["0"], 3),
        "paired_overhead_percent": round(100 * (spent["1"] / spent["0"] - 1), 3),
        "calls_a_shard": round(inside.calls / shards, 1),
        "us_a_call": round(1e6 * inside.seconds / inside.calls, 2),
        "calls_cpu_s": round(inside.seconds, 4),
        "threads_and_book_cpu_s": round(aside_s, 3),
        "accounted_percent": round(100 * accounted, 3),
    }
    typer.echo(json.dumps(figures, indent=2))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n")


def _both_ways(media: Path, out: Path, inside: _Inside, book: str) -> tuple[dict[str, float], int, float]:
    """CPU seconds by the switch's position, how many shards, and the CPU seconds of telling outside of the stages."""
    settings = Settings(inputs=(str(media),), out=str(out), source="tr", targets=("fr",), model=EMBEDDED)
    settings = settings.model_copy(update={"windows": settings.windows.model_copy(update={"shard_s": SHARD_S})})
    plan = plan_job(settings, SilentFeedback())
    silent = TranslatorSettings(
        model=plan.checkpoint.name,
        engine=plan.recipe.engine,
        dtype=plan.recipe.dtype,
        ledger_url=plan.store.url,
        fingerprint=plan.recipe.fingerprint,
    )
    telling = silent.model_copy(update={"profile": book})
    first = VoxtralTranslator(silent)
    translators = {"0": first, "1": VoxtralTranslator(telling, first.engine)}
    heard = (plan.recipe.fingerprint, settings.media, settings.vad, settings.windows, plan.recipe.window_s)
    listens = {"0": Listen(*heard), "1": Listen(*heard, profile=book)}

    def done_s(shard: ShardRow, position: str) -> float:
        os.environ[SWITCH] = position
        began = time.process_time()
        row = listens[position](shard.encode())
        (row,) = asyncio.run(translators[position](pa.Table.from_pylist([row]))).to_pylist()
        metered.shard(ShardRow.decode(row))
        return time.process_time() - began

    rows = [ShardRow(shard) for shard in plan.missing]
    for position in ("0", "1"):
        done_s(rows[0], position)  # caches are filled and instruments made before anything is timed
    inside.seconds, inside.calls = 0.0, 0
    aside_s = _aside_s()
    spent = {"1": 0.0, "0": 0.0}
    for at, row in enumerate(rows):
        for position in ("1", "0") if at % 2 else ("0", "1"):
            before = inside.seconds, inside.calls
            spent[position] += done_s(row, position)
            if position == "0":  # calls that do nothing are not counted
                inside.seconds, inside.calls = before
    return spent, len(rows), _aside_s() - aside_s


def _aside_s() -> float:
    """CPU seconds so far of this process' threads that export and hand over, and of the book."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    here = psutil.Process()
    seconds = sum(t.user_time + t.system_time for t in here.threads() if names.get(t.id) in _THREADS)
    for process in here.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if " ".join(process.cmdline()).startswith("ray::Book"):
                seconds += sum(process.cpu_times()[:2])
    return seconds


if __name__ == "__main__":
    typer.run(main)
