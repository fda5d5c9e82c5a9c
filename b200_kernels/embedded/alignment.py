"""Finds the heads that tell when a word is said, and measures what their timings are worth: ``make alignment``.

    python -m b200_kernels.embedded.alignment [--sentences N] [--measure-only] [--json FILE]

Heads are chosen on sentences and voices from the training side, and written beside the embedded checkpoint; errors are
those of the compiled engine on sentences and voices that training never met. Only windows whose words were all heard
count: of another word there is no true start. Needs the ``dev`` extra.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from b200_kernels.checkpoints import EMBEDDED, Checkpoint, open_checkpoint
from b200_kernels.compiled.calibrate import calibrate, hear
from b200_kernels.compiled.engine import CompiledEngine
from b200_kernels.compiled.timings import ALIGNMENT, Alignment, first_tokens, read_alignment
from b200_kernels.embedded.scores import spoken_words
from b200_kernels.embedded.timed_windows import TimedWindow, recorded, timed_windows
from b200_kernels.engine import SpeechEngine, SpeechRequest, SpeechResult
from b200_kernels.prompts import Transcribe, Translate

_CALIBRATING, _MEASURING = 2**40 + 2, 2**40 + 3
"""Seeds, above every one that training takes and beside those of :mod:`held_out`."""
_ROUNDS = 5
"""Of the cost: engines with and without timings take turns, because other work comes and goes on the machine."""


def find_alignment(checkpoint: Checkpoint, windows: Sequence[TimedWindow]) -> Alignment:
    """Raises ValueError where the model writes none of the windows down rightly."""
    heard = hear(checkpoint, [window.samples for window in windows], "tr")
    right = [(one, window.starts) for one, window in zip(heard, windows, strict=True) if _same(one.text, window.text)]
    return calibrate([one for one, _ in right], [starts for _, starts in right])


async def word_start_errors(engine: SpeechEngine, windows: Sequence[TimedWindow]) -> list[np.ndarray]:
    """Seconds by which each word's start is late (below 0: early), an array for every window that was heard rightly."""
    results = await _ask_all(engine, windows, (Transcribe("tr"),))
    return [
        _starts(result) - np.array(window.starts)
        for result, window in zip(results, windows, strict=True)
        if _same(result.results[0].text, window.text)
    ]


async def cost(checkpoint: Checkpoint, windows: Sequence[TimedWindow]) -> dict[str, float]:
    """Windows a core-second on a CPU, transcribed and translated, with and without an alignment; the fastest rounds."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for path in checkpoint.folder.iterdir():
            if path.name != ALIGNMENT:
                (folder / path.name).symlink_to(path)
        kinds = {"with timings": checkpoint, "without timings": replace(checkpoint, folder=folder)}
        engines = {
            name: stack.enter_context(closing(CompiledEngine(kind, device="cpu"))) for name, kind in kinds.items()
        }
        seconds: dict[str, list[float]] = {name: [] for name in engines}
        for round_ in range(_ROUNDS + 1):
            for name, engine in engines.items():
                began = time.process_time()
                await _ask_all(engine, windows, (Transcribe("tr"), Translate("tr", "fr")))
                if round_:  # the first one warms up
                    seconds[name].append(time.process_time() - began)
    return {name: round(len(windows) / min(taken), 3) for name, taken in seconds.items()}


def summary(errors: Sequence[np.ndarray], windows: int) -> dict[str, float]:
    """Of the absolute errors: milliseconds, and shares in per cent. Raises ValueError without any."""
    if not errors:
        raise ValueError("no window to measure with: the model wrote none of them down rightly")
    late = np.concatenate(errors)
    off = np.abs(late)
    return {
        "windows": windows,
        "windows heard rightly": len(errors),
        "words": len(off),
        "median ms": round(1000 * float(np.median(off)), 1),
        "p90 ms": round(1000 * float(np.percentile(off, 90)), 1),
        "within 150 ms %": round(100 * float(np.mean(off <= 0.15)), 1),
        "within 300 ms %": round(100 * float(np.mean(off <= 0.3)), 1),
        "median lateness ms": round(1000 * float(np.median(late)), 1),
    }


async def _ask_all(
    engine: SpeechEngine, windows: Sequence[TimedWindow], tasks: tuple[Transcribe | Translate, ...]
) -> list[SpeechResult]:
    requests = (SpeechRequest(window.samples, tasks, window.seconds) for window in windows)
    return await asyncio.gather(*map(engine.generate, requests))


def _same(heard: str, said: str) -> bool:
    return spoken_words(heard) == spoken_words(said) and len(heard.split()) == len(said.split())


def _starts(result: SpeechResult) -> np.ndarray:
    timings = result.results[0].timings
    starts = [start for _, start, _ in timings]
    return np.array([starts[token] for token in first_tokens([piece for piece, _, _ in timings])])


def main() -> None:
    parser = argparse.ArgumentParser(description="Find the heads that tell when a word is said, and measure them.")
    parser.add_argument("--sentences", type=int, default=60, help="to find the heads with, and as many to measure with")
    parser.add_argument("--measure-only", action="store_true", help=f"with the {ALIGNMENT} that is there")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    arguments = parser.parse_args()
    checkpoint = open_checkpoint(EMBEDDED)
    window_s, console = checkpoint.capabilities.window_s, Console()
    if not arguments.measure_only:
        windows = timed_windows(_CALIBRATING, arguments.sentences, held_out=False, window_s=window_s)
        found = find_alignment(checkpoint, windows)
        (checkpoint.folder / ALIGNMENT).write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
    alignment = read_alignment(checkpoint.folder)
    if alignment is None:
        parser.error(f"{checkpoint.folder / ALIGNMENT} is not there: run without --measure-only")
    console.print("heads (layer, head):", *alignment.heads, f"· offset {alignment.offset_s:+.3f} s")
    windows = timed_windows(_MEASURING, arguments.sentences, held_out=True, window_s=window_s)
    figures: dict[str, Any] = {}
    with closing(CompiledEngine(checkpoint)) as engine:
        for name, heard in (("word starts", windows), ("word starts, noisy", recorded(windows, _MEASURING))):
            errors = asyncio.run(word_start_errors(engine, heard))
            figures[name] = summary(errors, len(heard))
    figures["windows a core-second"] = asyncio.run(cost(checkpoint, windows))
    for name, sheet in figures.items():
        console.print(f"{name}:", ", ".join(f"{kind} {value:g}" for kind, value in sheet.items()))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(
            json.dumps({"checkpoint": checkpoint.digest, "alignment": alignment.model_dump()} | figures, indent=2)
            + "\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
