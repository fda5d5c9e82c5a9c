"""How far one driver carries: a million media planned and resumed, 64 simulated actors, and what grows with what.

    python -m ray_apps.benchmarks.scale --work DIR [--media 1000000] [--actors 64] [--json FILE] [--only NAME ...]

    plan      the manifest of real (empty) files whose probe is simulated, the record, then a ledger that holds all but
              a thousandth; the same command again until its first shard is back: seconds and the driver's memory, at
              a hundredth, a tenth and all of the media
    driver    the real job with simulated listening and translating on so many actors: shards a second, the driver's
              CPU and memory, at two sizes; what nothing-to-do costs on the larger; four actors five times slower
    actors    prepared windows through one and two real single-threaded actors, in turn
    growth    the real job with the embedded model over three minutes of media, and ten times as many

Each step runs in a process of its own, so that its memory is its own. docs/scale.md says what the figures mean.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import ray
import typer

from b200_kernels.checkpoints import EMBEDDED
from cluster.feedback import SilentFeedback
from cluster.resources import ResourcePlan
from pipelines.archive import manifest
from pipelines.archive.storage import Store
from pipelines.ledger.parts import ROOT
from pipelines.ledger.runs import load_run, save_run
from pipelines.ledger.tables import Totals
from ray_apps import batch_job
from ray_apps.benchmarks.overhead import make_media
from ray_apps.benchmarks.simulated import (
    SLOWER,
    SimulatedListen,
    latency_s,
    make_archive,
    simulated_probe,
    simulated_translator,
    write_entry,
)
from ray_apps.plan import JobPlan, plan_job
from ray_apps.ray_session import configure_data, ray_session
from ray_apps.rows import ShardRow
from ray_apps.settings import Settings
from ray_apps.stages import Listen
from ray_apps.summary import RunSummary
from ray_apps.translator import TranslatorSettings

STEPS = ("plan", "driver", "actors", "growth")
_WINDOW_SHARD_S = 24.0
_STRAGGLERS = 4


def main(
    work: Annotated[Path, typer.Option(help="folder for archives and outputs; a million media take 5 GB there")],
    media: Annotated[int, typer.Option(help="rows of the largest manifest")] = 1_000_000,
    actors: Annotated[int, typer.Option(help="simulated actors")] = 64,
    only: Annotated[list[str] | None, typer.Option(help=f"of {', '.join(STEPS)}; all by default")] = None,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure all, or some of it."""
    steps: dict[str, Callable[[], Any]] = {
        "plan": lambda: [planned_and_resumed(work, count) for count in (media // 100, media // 10, media)],
        "driver": lambda: driver(work / "driver", actors),
        "actors": lambda: _alone(one_and_two_actors, work / "actors"),
        "growth": lambda: _alone(ten_times_the_media, work / "growth"),
    }
    figures: dict[str, Any] = {}
    for name in only or STEPS:
        figures[name] = steps[name]()
        typer.echo(json.dumps({name: figures[name]}, indent=2))
        if json_file is not None:
            json_file.write_text(json.dumps(figures, indent=2) + "\n")


def planned_and_resumed(work: Path, media: int) -> dict[str, Any]:
    """A manifest of so many media, made and taken up again; what was written for it goes again."""
    folder = work / f"plan-{media}"
    shutil.rmtree(folder, ignore_errors=True)
    archive, out = make_archive(folder / "archive", media), folder / "out"
    first = _alone(plan_anew, archive, out)
    _alone(fill_ledger, out, max(1, media // 1000))
    again = _alone(resume, archive, out, time.time())
    shutil.rmtree(folder, ignore_errors=True)
    return {"media": media, "first": first, "resume": again}


def plan_anew(archive: Path, out: Path) -> dict[str, Any]:
    """Plan, and write the run's record."""
    settings = _settings(archive, out)
    with patch.object(manifest, "probe", simulated_probe):
        began, cpu = time.monotonic(), time.process_time()
        plan = plan_job(settings, SilentFeedback())
        planned = time.monotonic()
        _record(plan)
        recorded, cpu = time.monotonic(), time.process_time() - cpu
        peak, packed = _peak_gb(), sum(map(len, plan.missing.slices()))
        sliced = time.monotonic()
    return {
        "shards": len(plan.missing),
        "plan_s": round(planned - began, 2),
        "record_s": round(recorded - planned, 2),
        "us_a_row": round(1e6 * (recorded - began) / len(plan.media), 1),
        "cpu_us_a_row": round(1e6 * cpu / len(plan.media), 1),
        "peak_gb": peak,
        "pack_s": round(sliced - recorded, 2),
        "packed_bytes_a_shard": round(packed / len(plan.missing), 1),
    }


def fill_ledger(out: Path, left: int) -> None:
    """An entry for every medium but the ``left`` shortest."""
    run = load_run(Store(str(out)))
    order = sorted(range(len(run.rows)), key=lambda row: int(run.rows.shards[row]), reverse=True)
    ids, folder = run.media.column("id").to_pylist(), out / ROOT / "ledger" / run.fingerprint
    folder.mkdir(parents=True)
    for row in order[: len(order) - left]:
        write_entry(folder, ids[row], run.fingerprint, int(run.rows.shards[row]))


class _FirstShard(SilentFeedback):
    """Ends a run when the first shard is back, and knows when that was."""

    at: float | None = None
    left = 0

    def progress(self, **figures: float) -> None:
        self.left = int(figures.get("shards_total", self.left))
        if figures.get("shards_done", 0) >= 1 and self.at is None:
            self.at = time.time()
            raise KeyboardInterrupt


def resume(archive: Path, out: Path, began: float) -> dict[str, Any]:
    """The same command again, from its start (seconds since 1970, before Python was there) to its first shard.

    The tables are not written here: what they cost is told by the step ``driver``.
    """
    ear, cpu = _FirstShard(), time.process_time()
    with ExitStack() as stack:
        stack.enter_context(_simulated(actors=2, translate_s=lambda: 0.01))
        stack.enter_context(patch.object(batch_job, "write_tables", lambda *_: Totals()))
        summary = batch_job.run_job(_settings(archive, out), ear)
    return {
        "shards_left": ear.left,
        "shards_done": summary.shards_done,
        "until_work_begins_s": round(summary.startup_s, 2),
        "until_first_shard_s": round((ear.at or time.time()) - began, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
        "peak_gb": _peak_gb(),
    }


def driver(work: Path, actors: int) -> dict[str, Any]:
    """Simulated actors under the real job, at two sizes, and with stragglers."""
    shutil.rmtree(work, ignore_errors=True)
    sizes = {media: make_archive(work / f"archive-{media}", media) for media in (100, 1000)}
    fast = {
        media: _alone(simulated_job, archive, work / f"out-{media}", actors, 0.05, 0)
        for media, archive in sizes.items()
    }
    small, large = (figures["work_s"] for figures in fast.values())
    idle = _alone(simulated_job, sizes[1000], work / "out-1000", actors, 0.05, 0)
    even = _alone(simulated_job, sizes[100], work / "out-even", actors, 2.0, 0)
    uneven = _alone(simulated_job, sizes[100], work / "out-uneven", actors, 2.0, _STRAGGLERS)
    shutil.rmtree(work, ignore_errors=True)
    return {
        "fast_actors": list(fast.values()),
        "ten_times_the_shards_took": round(large / small, 2),
        "nothing_to_do": {"wall_s": idle["wall_s"], "ms_a_medium": round(1e3 * idle["wall_s"] / 1000, 2)},
        "even": even,
        "stragglers": uneven,
    }


class _Pace(SilentFeedback):
    """When the first shard was back, and the last: what is between them is not the start of actors."""

    first = last = 0.0

    def progress(self, **figures: float) -> None:
        if figures.get("shards_done", 0) >= 1:
            self.last = time.monotonic()
            self.first = self.first or self.last


def simulated_job(archive: Path, out: Path, actors: int, translate_s: float, slow: int) -> dict[str, Any]:
    """One job; ``slow`` actors take five times as long."""
    marks = out.parent / f"{out.name}-slow"
    marks.mkdir(exist_ok=True)
    with _simulated(actors, partial(latency_s, marks, slow, translate_s)):
        cpu, pace = time.process_time(), _Pace()
        summary = batch_job.run_job(_settings(archive, out), pace)
        cpu = time.process_time() - cpu
    work_s = summary.wall_s - summary.startup_s
    done = summary.shards_done
    capacity = (actors - slow + slow / SLOWER) / translate_s
    return {
        "media": summary.media,
        "shards": done,
        "work_s": round(work_s, 2),
        "wall_s": round(summary.wall_s, 2),
        "shards_a_second": round(max(done - 1, 0) / max(pace.last - pace.first, 1e-9), 1),
        "actors_could": round(capacity, 1),
        "driver_cpu_ms_a_shard": round(1e3 * cpu / max(done, 1), 2),
        "driver_peak_gb": _peak_gb(),
    }


@contextmanager
def _simulated(actors: int, translate_s: Callable[[], float], listeners: int = 4) -> Iterator[None]:
    """The job's stages simulated, on a local Ray with room for so many actors."""

    def resources(_: JobPlan) -> ResourcePlan:
        return ResourcePlan(
            actor_cpus=0.1, actor_gpus=0, listen_cpus=0.2, light_cpus=0.05, min_actors=actors, max_actors=actors,
            listen_tasks=listeners, torch_threads=1,
        )  # fmt: skip

    with ExitStack() as stack:
        for where, name, stands_in in (
            (manifest, "probe", simulated_probe),
            (batch_job, "Listen", lambda *_: SimulatedListen(0.005, 0.1)),
            (batch_job, "VoxtralTranslator", simulated_translator(translate_s)),
            (batch_job, "cluster_resources", resources),
        ):
            stack.enter_context(patch.object(where, name, stands_in))
        if not ray.is_initialized():
            ray.init(num_cpus=actors // 8 + 4, include_dashboard=False, log_to_driver=False, object_store_memory=2**30)
            stack.callback(ray.shutdown)
        yield


def one_and_two_actors(work: Path) -> dict[str, Any]:
    """Seconds of sound a second through one and two real actors, one thread each, over the same prepared windows."""
    folder = work / "media"
    if not folder.exists():
        make_media(folder, 600)
    settings = _settings(folder, work / "out", _WINDOW_SHARD_S)
    plan = plan_job(settings, SilentFeedback())
    recipe = plan.recipe
    listen = Listen(recipe.fingerprint, settings.media, settings.vad, settings.windows, recipe.window_s)
    prepared = [listen(ShardRow(shard).encode()) for shard in plan.missing]
    translator = TranslatorSettings(
        model=plan.checkpoint.name,
        engine=recipe.engine,
        dtype=recipe.dtype,
        threads=1,
        fingerprint=recipe.fingerprint,
    )
    rates: dict[int, list[float]] = {1: [], 2: []}
    with ray_session(None):
        for actors in (1, 2, 2, 1, 1, 2):
            rates[actors].append(_rate(prepared, translator, actors))
    best = {actors: max(found) for actors, found in rates.items()}
    return {
        "shards": len(prepared),
        "sound_s_a_second": {str(actors): [round(rate, 2) for rate in found] for actors, found in rates.items()},
        "two_give": round(best[2] / best[1], 3),
        "two_give_median": round(sorted(rates[2])[1] / sorted(rates[1])[1], 3),
    }


def _rate(prepared: Sequence[dict[str, Any]], translator: TranslatorSettings, actors: int) -> float:
    """From the time when every actor has had a shard, so that loading the model is left out."""
    configure_data({})
    resources = ResourcePlan(
        actor_cpus=0.7, actor_gpus=0, listen_cpus=0.2, light_cpus=0.05, min_actors=actors, max_actors=actors,
        listen_tasks=1, torch_threads=1,
    )  # fmt: skip
    heard = ray.data.from_items(list(prepared), override_num_blocks=len(prepared))
    done_s, began = 0.0, 0.0
    for count, row in enumerate(batch_job.translated(heard, translator, resources).iter_rows(), start=1):
        shard = ShardRow.decode(row).shard
        if count > 2 * actors:
            done_s += shard.end_s - shard.start_s
        elif count == 2 * actors:
            began = time.monotonic()
    return done_s / (time.monotonic() - began)


def ten_times_the_media(work: Path) -> dict[str, Any]:
    """The real job over some media, and over ten copies of each."""
    one, ten = work / "one", work / "ten"
    if not one.exists():
        make_media(one, 180)
    ten.mkdir(exist_ok=True)
    for file in sorted(one.iterdir()):
        for copy in range(10):
            shutil.copy(file, ten / f"{copy}-{file.name}")
    seconds = {}
    with ray_session(None):
        for name, folder in (("warm-up", one), ("one", one), ("ten", ten)):
            summary = _job(folder, work / f"out-{name}-{time.time_ns()}")
            seconds[name] = summary.wall_s - summary.startup_s
    return {
        "one_s": round(seconds["one"], 2),
        "ten_s": round(seconds["ten"], 2),
        "times": round(seconds["ten"] / seconds["one"], 2),
    }


def _job(media: Path, out: Path) -> RunSummary:
    return batch_job.run_job(_settings(media, out, 60.0), SilentFeedback())


def _settings(media: Path, out: Path, shard_s: float = 600.0) -> Settings:
    settings = Settings(inputs=(str(media),), out=str(out), source="tr", targets=("fr",), model=EMBEDDED)
    return settings.model_copy(update={"windows": settings.windows.model_copy(update={"shard_s": shard_s})})


def _record(plan: JobPlan) -> None:
    settings = plan.settings.model_dump(mode="json") | {"recipe": plan.recipe.model_dump(mode="json")}
    save_run(
        plan.store,
        plan.recipe.fingerprint,
        settings,
        plan.media,
        plan.shards.counts,
        targets=plan.settings.targets,
        cue_settings=plan.settings.cue_settings,
    )


def _alone(step: Callable[..., Any], *args: Any) -> Any:
    """In a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(step, args)


def _peak_gb() -> float:
    """The most memory that this process has had, resident."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return round(kilobytes / 1e6, 3)


if __name__ == "__main__":
    typer.run(main)
