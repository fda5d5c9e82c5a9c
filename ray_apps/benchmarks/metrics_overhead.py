"""What telling metrics costs: every shard of a job with and without, one right after the other.

    python -m ray_apps.benchmarks.metrics_overhead --work DIR [--minutes 10] [--json FILE]

The stages are called in this process, which is part of a real Ray, so that exported metrics are really exported. Each
shard goes through all of them twice, with metrics on and off (``VOXTRAL_METRICS``), in turn first and second. What
counts is this process' CPU time, export threads among it; others on the machine disturb it less than a clock's time.
Beside that ratio stands the time inside the exporter's calls, waiting for Python's lock too.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer

from b200_kernels.checkpoints import EMBEDDED
from cluster.feedback import SilentFeedback
from cluster.metrics.exporter import SWITCH
from ray_apps import metered
from ray_apps.benchmarks.overhead import make_media
from ray_apps.plan import plan_job
from ray_apps.ray_session import ray_session
from ray_apps.rows import ShardRow
from ray_apps.settings import Settings
from ray_apps.stages import Listen
from ray_apps.translator import TranslatorSettings, VoxtralTranslator

SHARD_S = 60.0


class _Inside:
    """Seconds and number of calls of the exporter's functions, which it stands in front of."""

    def __init__(self) -> None:
        self.seconds, self.calls = 0.0, 0

    def timed(self, function: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any, **labels: str) -> None:
            began = time.perf_counter()
            function(*args, **labels)
            self.seconds += time.perf_counter() - began
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
    for name in ("add", "put", "observe"):
        setattr(metered, name, inside.timed(getattr(metered, name)))
    with ray_session(None):
        spent, shards = _both_ways(media, work / f"run-{time.time_ns()}", inside)
    figures = {
        "shards": shards,
        "on_cpu_s": round(spent["1"], 3),
        "off_cpu_s": round(spent["0"], 3),
        "paired_overhead_percent": round(100 * (spent["1"] / spent["0"] - 1), 3),
        "calls_a_shard": round(inside.calls / shards, 1),
        "us_a_call": round(1e6 * inside.seconds / inside.calls, 2),
        "inside_calls_percent": round(100 * inside.seconds / spent["1"], 4),
    }
    typer.echo(json.dumps(figures, indent=2))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n")


def _both_ways(media: Path, out: Path, inside: _Inside) -> tuple[dict[str, float], int]:
    """CPU seconds by the switch's position, and how many shards; calls that do nothing are not counted."""
    settings = Settings(inputs=(str(media),), out=str(out), source="tr", targets=("fr",), model=EMBEDDED)
    settings = settings.model_copy(update={"windows": settings.windows.model_copy(update={"shard_s": SHARD_S})})
    plan = plan_job(settings, SilentFeedback())
    listen = Listen(plan.recipe.fingerprint, settings.media, settings.vad, settings.windows, plan.recipe.window_s)
    translator = VoxtralTranslator(
        TranslatorSettings(
            model=plan.checkpoint.name,
            engine=plan.recipe.engine,
            dtype=plan.recipe.dtype,
            ledger_url=plan.store.url,
            fingerprint=plan.recipe.fingerprint,
        )
    )

    def done_s(shard: ShardRow) -> float:
        began = time.process_time()
        row = listen(shard.encode())
        (row,) = asyncio.run(translator(pa.Table.from_pylist([row]))).to_pylist()
        metered.shard(ShardRow.decode(row))
        return time.process_time() - began

    rows = [ShardRow(shard) for shard in plan.missing]
    done_s(rows[0])  # caches are filled and instruments made before anything is timed
    inside.seconds, inside.calls = 0.0, 0
    spent = {"1": 0.0, "0": 0.0}
    for at, row in enumerate(rows):
        for position in ("1", "0") if at % 2 else ("0", "1"):
            os.environ[SWITCH] = position
            before = inside.seconds, inside.calls
            spent[position] += done_s(row)
            if position == "0":
                inside.seconds, inside.calls = before
    return spent, len(rows)


if __name__ == "__main__":
    typer.run(main)
