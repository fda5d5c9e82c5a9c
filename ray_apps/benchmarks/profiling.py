"""What the profile costs: the same job with and without it, in turn, on one Ray.

    python -m ray_apps.benchmarks.profiling --work DIR [--minutes 10] [--pairs 3] [--json FILE]

CPU seconds are those of all of Ray's processes and this one, and the job's alone: what goes on beside it on the machine
slows the job down and is not counted. Wall time stands beside them. ``stage_us`` is the hook of one stage by itself,
waiting for nothing, and ``stages_share`` what three of them are of an average shard's work; ``decorator_us`` is what
``@profile_function`` adds to a call, while nobody listens and while somebody does.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import threading
import time
import timeit
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from b200_kernels.checkpoints import EMBEDDED
from cluster.feedback import SilentFeedback
from cluster.profile.ray_book import close_book, open_book
from cluster.profiler import get_profiler, profile_function
from ray_apps import profiled
from ray_apps.batch_job import run_job
from ray_apps.benchmarks.overhead import SHARD_S, make_media
from ray_apps.ray_session import ray_session
from ray_apps.settings import Settings

_STAGES = ("listen", "translate", "record")
_CALLS = 2000
_LOOK_S = 0.25


@dataclass(frozen=True)
class Run:
    """Seconds of one job: on the clock, from its first shard in to its last medium out, and of CPU."""

    wall_s: float
    cpu_s: float
    shards: int


def main(
    work: Annotated[Path, typer.Option(help="folder for the media and the outputs")],
    minutes: Annotated[float, typer.Option(help="minutes of media")] = 10.0,
    pairs: Annotated[int, typer.Option(min=1, help="jobs with and without")] = 3,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure the pairs."""
    media = work / f"media-{minutes:g}"
    if not media.exists():
        make_media(media, minutes * 60)
    decorator_us = {"silent": _decorator_us()}
    get_profiler()
    decorator_us["listening"] = _decorator_us()
    with ray_session(None):
        figures = measure(media, work, pairs) | {"decorator_us": decorator_us}
    typer.echo(json.dumps(figures, indent=2))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n")


def measure(media: Path, work: Path, pairs: int) -> dict[str, Any]:
    """The figures, on the Ray that is there. One job goes before, so that all that is loaded once is loaded."""
    _run(media, work, profiling=True)
    plain: list[Run] = []
    with_profile: list[Run] = []
    for number in range(pairs):
        for profiling in (False, True) if number % 2 else (True, False):
            (with_profile if profiling else plain).append(_run(media, work, profiling))
    stage_s = stage_cost_s()
    shard_cpu_s = statistics.median(run.cpu_s / run.shards for run in plain)
    return {
        "shards": plain[0].shards,
        "pairs": pairs,
        "cpu_s_without": [round(run.cpu_s, 2) for run in plain],
        "cpu_s_with": [round(run.cpu_s, 2) for run in with_profile],
        "cpu_overhead": round(_ratio([r.cpu_s for r in with_profile], [r.cpu_s for r in plain]) - 1, 4),
        "wall_overhead": round(_ratio([r.wall_s for r in with_profile], [r.wall_s for r in plain]) - 1, 4),
        "stage_us": round(stage_s * 1e6, 1),
        "stages_share": round(len(_STAGES) * stage_s / shard_cpu_s, 6),
    }


def stage_cost_s() -> float:
    """CPU seconds of this process for one stage's hook, its hand-overs to a book on this Ray among them."""
    with book_of_its_own() as name:
        began = time.process_time()
        for number in range(_CALLS):
            with profiled.stage(name, _STAGES[number % 3], "medium/00000") as costs:
                costs.seconds, costs.audio_s = {"decode": 0.1, "vad": 0.02, "windows": 0.001}, 600.0
        return (time.process_time() - began) / _CALLS


@contextlib.contextmanager
def book_of_its_own() -> Iterator[str]:
    """The name of a book that nothing else writes into, on this Ray."""
    name = profiled.book_of(f"cost-{time.time_ns()}")
    book = open_book(name)  # which lives as long as it is held
    try:
        yield name
    finally:
        close_book(name)
        del book


def _decorator_us() -> float:
    """The least of five."""

    def nothing() -> None: ...

    decorated = profile_function("nothing")(nothing)
    plain_s, decorated_s = (min(timeit.repeat(each, number=20_000, repeat=5)) for each in (nothing, decorated))
    return round((decorated_s - plain_s) / 20_000 * 1e6, 2)


def _run(media: Path, work: Path, profiling: bool) -> Run:
    settings = Settings(
        inputs=(str(media),),
        out=str(work / f"out-{time.time_ns()}"),
        source="tr",
        targets=("fr",),
        model=EMBEDDED,
        profiling=profiling,
    )
    settings = settings.model_copy(update={"windows": settings.windows.model_copy(update={"shard_s": SHARD_S})})
    with _Cpu() as cpu:
        summary = run_job(settings, SilentFeedback())
    return Run(summary.wall_s - summary.startup_s, cpu.seconds, summary.shards_done)


class _Cpu:
    """CPU ``seconds`` of this process and all below it, also of those that end: Ray does not wait for its workers, so
    the system adds theirs to nobody's, and they are looked at all the time.
    """

    def __enter__(self) -> _Cpu:
        self._spent: dict[psutil.Process, float] = {}
        self._look()
        self._before = sum(self._spent.values())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._look()
        self.seconds = sum(self._spent.values()) - self._before

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_S):
            self._look()

    def _look(self) -> None:
        here = psutil.Process()
        for process in (here, *here.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                # Children's times are those of decoders, which their warm parent waits for.
                self._spent[process] = times.user + times.system + times.children_user + times.children_system


def _ratio(ones: list[float], others: list[float]) -> float:
    """The median of the pairs' ratios."""
    return statistics.median(one / other for one, other in zip(ones, others, strict=True))


if __name__ == "__main__":
    typer.run(main)
