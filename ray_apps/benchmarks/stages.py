"""What each stage of the way costs: seconds of audio that one core gets through in one second.

    python -m ray_apps.benchmarks.stages [--work DIR] [--minutes 4] [--json FILE]

One process, one thread a stage, CPU time of this process and all below it (decoding happens in a child), one run.
``engine`` holds ``mel``; ``encode`` and ``answer`` are not told apart. Audio seconds are those of the medium, so that
the stages compare; the engine's own figure a window of speech stands beside it.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import torch
import typer

from b200_kernels.checkpoints import EMBEDDED, open_checkpoint
from b200_kernels.embedded.recipe.media import CONTAINERS, Scene, perform, write
from b200_kernels.mel import SAMPLE_RATE
from b200_kernels.ops.log_mel import log_mel
from b200_kernels.ops.vad import SileroVad
from pipelines.media.decode import decode, probe
from pipelines.settings import CueSettings, MediaLimits, VadSettings, WindowSettings
from pipelines.speech.segments import find_segments
from pipelines.speech.vad import frame_probabilities
from pipelines.speech.windows import merge_into_windows
from pipelines.subtitles.cues import make_cues
from ray_apps.benchmarks.child_cost import cpu_seconds
from ray_apps.translator import TranslatorSettings, VoxtralTranslator

_T = TypeVar("_T")
DECODED = ("wav", "mp3", "m4a", "opus", "flac", "mp4")


def main(
    work: Annotated[Path, typer.Option(help="folder for the media")] = Path(".work/stages"),
    minutes: Annotated[float, typer.Option(help="minutes of media")] = 4.0,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure every stage once, one after another."""
    torch.set_num_threads(1)
    samples, _ = perform(random.Random("stages"), Scene(int(minutes * 60 / 4)))
    seconds = len(samples) / SAMPLE_RATE
    figures: dict[str, float] = {}
    limits, vad = MediaLimits(), VadSettings()
    for suffix in DECODED:
        path = work / f"medium.{suffix}"
        write(path, samples, next(c for c in CONTAINERS if c.suffix == suffix))
        found = probe(str(path), limits)
        heard, cpu_s = _timed(partial(decode, str(path), found.audio_stream, 0.0, found.duration_s, limits))
        figures[f"decode {suffix}"] = seconds / cpu_s
    detector = SileroVad()
    frame_probabilities(detector, heard[: 40 * SAMPLE_RATE], 0, 0)  # weights are read, C is compiled
    probabilities, cpu_s = _timed(lambda: frame_probabilities(detector, heard, 0, 0))
    figures["vad"] = seconds / cpu_s
    checkpoint = open_checkpoint(EMBEDDED)
    window_s = checkpoint.capabilities.window_s
    windows, cpu_s = _timed(
        lambda: merge_into_windows(
            find_segments(probabilities, 0, vad, window_s, seconds), heard, 0, window_s, WindowSettings().max_gap_s
        )
    )
    figures["windows"] = seconds / cpu_s
    chunk = round(checkpoint.capabilities.chunk_s * SAMPLE_RATE)
    padded = torch.from_numpy(np.stack([_padded(w.samples, chunk) for w in windows]))
    _, cpu_s = _timed(lambda: [log_mel(row[None]) for row in padded])
    figures["mel"] = seconds / cpu_s
    translator = VoxtralTranslator(TranslatorSettings(model=EMBEDDED, threads=1))
    asyncio.run(translator.translate(windows[:1], "tr", ("fr",)))
    translation, cpu_s = _timed(lambda: asyncio.run(translator.translate(windows, "tr", ("fr",))))
    figures["engine"] = seconds / cpu_s
    figures["engine, windows a core-second"] = len(windows) / cpu_s
    _, cpu_s = _timed(lambda: make_cues(translation.windows, "fr", CueSettings()))
    figures["cues"] = seconds / cpu_s
    result: dict[str, Any] = {
        "audio_s": round(seconds, 1),
        "windows": len(windows),
        "audio_seconds_per_core_second": {k: float(f"{v:.3g}") for k, v in figures.items()},
    }
    typer.echo(json.dumps(result, indent=2))
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=2) + "\n")


def _timed(work: Callable[[], _T]) -> tuple[_T, float]:
    """The result, and the CPU seconds of this process, its children and theirs."""
    began = cpu_seconds()
    result = work()
    return result, max(cpu_seconds() - began, 1e-6)


def _padded(samples: np.ndarray, length: int) -> np.ndarray:
    chunk = np.zeros(length, np.float32)
    chunk[: len(samples)] = samples.astype(np.float32) / 32768
    return chunk


if __name__ == "__main__":
    typer.run(main)
