"""What Ray costs: the batch job against the same stages called one after another in this process.

    python -m ray_apps.benchmarks.overhead --work DIR [--minutes 60] [--json FILE]

Both do the whole way from media to parts with the same settings on the same cores, in one run. Start-up (starting
actors and loading the model in each) is measured by a job over one silent medium, on the Ray that is already there, and
reported apart; the ratio is given with and without it. The one process is timed with the model on one thread and on all
cores, and the faster of the two counts.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import typer

from b200_kernels.checkpoints import EMBEDDED
from b200_kernels.embedded.recipe.media import Container, Scene, perform, write
from cluster.feedback import SilentFeedback
from cluster.hardware import detect_hardware
from ray_apps.batch_job import run_job
from ray_apps.plan import plan_job
from ray_apps.ray_session import ray_session
from ray_apps.rows import ShardRow
from ray_apps.settings import Settings
from ray_apps.stages import Listen
from ray_apps.translator import TranslatorSettings, VoxtralTranslator

SHARD_S = 120.0
"""Shorter than the product's, so that an hour gives both cores enough rows to share."""


def main(
    work: Annotated[Path, typer.Option(help="folder for the media and the outputs")],
    minutes: Annotated[float, typer.Option(help="minutes of media")] = 60.0,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure both, side by side."""
    long, short = work / "long", work / "short"
    if not long.exists():
        make_media(long, minutes * 60)
        silence = Container("wav", "pcm_s16le", 16_000)
        write(short / "silence.wav", np.zeros(32_000, np.float32), silence)
    cores = int(detect_hardware()["cpu_count"])
    alone = {n: in_one_process(_settings(long, work / f"alone-{time.time_ns()}"), n) for n in {1, cores}}
    alone_s = min(alone.values())
    with ray_session(None):
        startup_s = _job_s(short, work)
        job_s = _job_s(long, work)
    figures = {
        "audio_minutes": minutes,
        "cores": cores,
        "one_process_s_by_threads": {n: round(seconds, 2) for n, seconds in sorted(alone.items())},
        "job_s": round(job_s, 2),
        "startup_s": round(startup_s, 2),
        "ratio": round((job_s - startup_s) / alone_s, 3),
        "ratio_with_startup": round(job_s / alone_s, 3),
    }
    typer.echo(json.dumps(figures, indent=2))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n")


def make_media(folder: Path, seconds: float) -> None:
    """Media of four minutes at most, until there are that many seconds."""
    rng = random.Random(f"overhead {seconds}")
    made, index = 0.0, 0
    while made < seconds:
        samples, _ = perform(rng, Scene(max(1, min(60, int((seconds - made) / 4)))))
        write(folder / f"medium_{index:03d}.mp3", samples, Container("mp3", "libmp3lame", 16_000, 1, 32_000))
        made, index = made + len(samples) / 16_000, index + 1


def in_one_process(settings: Settings, threads: int) -> float:
    """Seconds for every shard through Listen and VoxtralTranslator, one after another."""
    plan = plan_job(settings, SilentFeedback())
    listen = Listen(plan.recipe.fingerprint, settings.media, settings.vad, settings.windows, plan.recipe.window_s)
    translator = VoxtralTranslator(
        TranslatorSettings(
            model=plan.checkpoint.name,
            gate=settings.gate,
            engine=plan.recipe.engine,
            dtype=plan.recipe.dtype,
            threads=threads,
            ledger_url=plan.store.url,
            fingerprint=plan.recipe.fingerprint,
        )
    )
    began = time.monotonic()
    for shard in plan.missing:
        row = listen(ShardRow(shard).encode())
        asyncio.run(translator(pa.Table.from_pylist([row])))
    return time.monotonic() - began


def _settings(media: Path, out: Path) -> Settings:
    settings = Settings(inputs=(str(media),), out=str(out), source="tr", targets=("fr",), model=EMBEDDED)
    return settings.model_copy(update={"windows": settings.windows.model_copy(update={"shard_s": SHARD_S})})


def _job_s(media: Path, work: Path) -> float:
    """Seconds that the job takes, from its first shard in to its last medium out."""
    summary = run_job(_settings(media, work / f"job-{time.time_ns()}"), SilentFeedback())
    return summary.wall_s - summary.startup_s


if __name__ == "__main__":
    typer.run(main)
