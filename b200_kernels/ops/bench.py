"""Log-mel and VAD against what they replace, side by side: seconds of audio that a core gets through in a second.

    python -m b200_kernels.ops.bench [--json FILE]

One thread, CPU time, the median of several rounds. Every contender has a process of its own, so that none finds the
memory that another one warmed; all of them take turns, so that a busy machine slows all alike.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from b200_kernels.ops.log_mel import bench as mel
from b200_kernels.ops.vad import bench as vad

BATCHES = (1, 16)
_SPAWN = multiprocessing.get_context("spawn")


def main(
    rounds: Annotated[int, typer.Option(help="times each contender's turn comes")] = 5,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure, and say how many times each baseline's speed ours is."""
    result: dict[str, Any] = {}
    for batch in BATCHES:
        speeds = _speeds(_mel_turn, list(mel.contenders()), batch, rounds)
        result[f"log_mel, batches of {batch}"] = _compared(speeds, "log_mel")
    for count in BATCHES:
        speeds = _speeds(_vad_turn, list(vad.contenders()), count, rounds)
        result[f"vad, {count} streams at once"] = _compared(speeds, "vad")
    typer.echo(json.dumps(result, indent=2))
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=2) + "\n")


def _speeds(turn: Callable[[Any, str, int], None], names: list[str], batch: int, rounds: int) -> dict[str, float]:
    """Audio seconds per core-second by contender."""
    pipes = {}
    for name in names:
        ours, theirs = _SPAWN.Pipe()
        _SPAWN.Process(target=turn, args=(theirs, name, batch), daemon=True).start()
        pipes[name] = ours
    measured: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, pipe in pipes.items():
            pipe.send(True)
            measured[name].append(pipe.recv())
    for pipe in pipes.values():
        pipe.send(False)
    return {name: statistics.median(found) for name, found in measured.items()}


def _compared(speeds: dict[str, float], ours: str) -> dict[str, Any]:
    times = {f"times {name}": speeds[ours] / speed for name, speed in speeds.items() if name != ours}
    return {
        "audio_seconds_per_core_second": {name: round(speed) for name, speed in speeds.items()},
        **{name: round(factor, 1) for name, factor in times.items()},
    }


def _mel_turn(pipe: Any, name: str, batch: int) -> None:
    torch.set_num_threads(1)
    _serve(pipe, mel.contenders()[name], mel.chunks(batch), batch * mel.CHUNK_S)


def _vad_turn(pipe: Any, name: str, count: int) -> None:
    torch.set_num_threads(1)
    _serve(pipe, vad.contenders()[name], vad.streams(count), count * vad.STREAM_S)


def _serve(pipe: Any, work: Callable[[Any], object], given: Any, audio_s: int) -> None:
    """One warm-up, then a measured turn of at least half a second each time it is asked."""
    work(given)
    while pipe.recv():
        began, times = time.process_time(), 0
        while time.process_time() - began < 0.5 or times == 0:
            work(given)
            times += 1
        pipe.send(times * audio_s / (time.process_time() - began))


if __name__ == "__main__":
    typer.run(main)
