"""What it costs to ask a child: forked from the warm parent, and started afresh, in turn.

    python -m ray_apps.benchmarks.child_cost [--work DIR] [--rounds 5] [--requests 10] [--json FILE]

Milliseconds of CPU (this process, its children and theirs) and of wall clock for one probe and one decoding of a short
clip; probes a second of eight threads; memory beside the caller, as the share that is nobody else's (PSS), of a warm
parent that waits and of everything while one request is made at a time.
"""

from __future__ import annotations

import contextlib
import json
import resource
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer

from b200_kernels.embedded.recipe.media import CONTAINERS, write
from pipelines.media.ask_child import fresh_command
from pipelines.media.decode import decode, probe
from pipelines.settings import MediaLimits

CLIP_S = 10.0
RATE = 16_000
THREADS = 8
_LIMITS = MediaLimits()
_MIB = 2**20
WAYS = {"fresh": fresh_command("decode_child"), "warm": None}


def main(
    work: Annotated[Path, typer.Option(help="folder for the clip")] = Path(".work/child-cost"),
    rounds: Annotated[int, typer.Option(min=1, help="turns of either way")] = 5,
    requests: Annotated[int, typer.Option(min=1, help="requests a turn")] = 10,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure both ways in turn."""
    clip = work / "clip.m4a"
    noise = np.random.default_rng(0).normal(0, 0.1, round(CLIP_S * RATE)).astype(np.float32)
    write(clip, noise, next(c for c in CONTAINERS if c.suffix == "m4a"))
    result: dict[str, Any] = {"waiting_mib": _waiting(clip)}
    for what, asked in {"probe": _probe, "decode": _decode}.items():
        turns: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                turns[way].append(_cost(partial(_often, partial(asked, clip, way), requests)))
        result[what] = {way: _middle(costs, requests) for way, costs in turns.items()}
    result["probes_a_second_of_8_threads"] = {
        way: _rate(partial(_probe, clip, way), requests * THREADS) for way in WAYS
    }
    result["most_mib_beside_the_caller"] = {way: _most(partial(_decode, clip, way), requests) for way in WAYS}
    typer.echo(json.dumps(result, indent=2))
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=2) + "\n")


def _probe(clip: Path, way: str) -> None:
    probe(str(clip), _LIMITS, command=WAYS[way])


def _decode(clip: Path, way: str) -> None:
    decode(str(clip), 0, 0.0, CLIP_S, _LIMITS, command=WAYS[way])


def _often(ask: Callable[[], None], count: int) -> None:
    for _ in range(count):
        ask()


def _cost(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds of CPU and of wall clock."""
    cpu_s, began = cpu_seconds(), time.monotonic()
    work()
    return cpu_seconds() - cpu_s, time.monotonic() - began


def cpu_seconds() -> float:
    """Of this process, its children and theirs, those that have ended too."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() + ended.ru_utime + ended.ru_stime
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            times = child.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def _middle(costs: list[tuple[float, float]], requests: int) -> dict[str, float]:
    cpu_s, wall_s = (statistics.median(values) / requests for values in zip(*costs, strict=True))
    return {"cpu_ms": round(cpu_s * 1e3, 1), "wall_ms": round(wall_s * 1e3, 1)}


def _rate(ask: Callable[[], None], count: int) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        for one in [pool.submit(ask) for _ in range(count)]:
            one.result()
    return round(count / (time.monotonic() - began), 1)


def _waiting(clip: Path) -> dict[str, float]:
    """Of the warm parent alone."""
    _probe(clip, "warm")
    (parent,) = psutil.Process().children()
    memory = parent.memory_full_info()
    return {"rss": round(memory.rss / _MIB, 1), "pss": round(memory.pss / _MIB, 1)}


def _most(ask: Callable[[], None], count: int) -> float:
    """MiB (PSS) of all below this process, at most, while a request is made at a time."""
    with _watched() as seen:
        _often(ask, count)
    return round(max(seen), 1)


@contextlib.contextmanager
def _watched() -> Iterator[list[float]]:
    seen, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.002):
            seen.append(sum(_pss(process) for process in psutil.Process().children(recursive=True)) / _MIB)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


if __name__ == "__main__":
    typer.run(main)
