"""``voxtral benchmark``: what is asked of the engines, and their figures for a person, a program and a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from b200_kernels.benchmark.contenders import CONTENDERS, Question
from b200_kernels.benchmark.picture import bars
from b200_kernels.benchmark.run import RATIOS, Comparison, compare
from b200_kernels.benchmark.shapes import SHAPES, measure_shape
from b200_kernels.checkpoints import Checkpoint, open_checkpoint
from b200_kernels.compiled.formats import resolve_formats
from b200_kernels.engine import CacheName, DtypeName
from b200_kernels.engines import OURS_ALONE
from b200_kernels.ops.vad import SileroVad
from b200_kernels.precision import detect_device
from b200_kernels.prompts import Transcribe, Translate
from pipelines.languages import language_code
from pipelines.media.decode import probe
from pipelines.records import TO_IDENTIFY, Medium
from pipelines.settings import MediaLimits, VadSettings, WindowSettings
from pipelines.speech.listen import listen
from pipelines.speech.shards import cut_into_shards
from ray_apps.cli_feedback import get_feedback
from ray_apps.cli_report import show_rows
from ray_apps.cli_settings import UsageError

_ROWS = 256


def run(
    media: str | None,
    source_lang: str,
    target_lang: str,
    model: str,
    windows: int,
    engines: str,
    dtype: str,
    threads: int | None,
    picture: Path | None,
    json_file: Path | None,
) -> int:
    """Compare, show and write; the exit code is 1 where some contender has no figures, or gave other texts."""
    names = [name.strip() for name in engines.split(",") if name.strip()]
    if unknown := sorted(set(names) - set(CONTENDERS)):
        raise UsageError(f"--engines: {', '.join(unknown)} is unknown; take some of {', '.join(CONTENDERS)}")
    if dtype in OURS_ALONE:
        raise UsageError(f"--dtype {dtype} is the compiled engine's alone: take --engines reference,compiled-{dtype}")
    source, target = language_code(source_lang), language_code(target_lang)
    checkpoint = open_checkpoint(model)
    heard, truth = _unseen(windows, source, target) if media is None else (_heard(checkpoint, media, windows), ())
    question = Question(
        model=model,
        windows=heard,
        tasks=(Transcribe(source), Translate(source, target)),
        dtype=cast(DtypeName, dtype),
        threads=threads or torch.get_num_threads(),
        truth=truth,
    )
    comparison = compare(names, question, get_feedback())
    show(comparison, Console())
    if json_file is not None:
        json_file.write_text(json.dumps(comparison.figures(), indent=2) + "\n", encoding="utf-8")
    if picture is not None:
        speeds = {contender.name: contender.rtfx for contender in comparison.contenders}
        title = f"{comparison.model}, {comparison.dtype}, {comparison.windows} windows: seconds of audio a second"
        picture.write_text(bars(title, speeds, "×"), encoding="utf-8")
    faults = sum(found.is_fault for each in comparison.differences.values() for found in each)
    return 1 if comparison.failed or faults else 0


def run_kernels(json_file: Path | None) -> int:
    """Every operation beside its reference and its bound, on this machine's device."""
    from b200_kernels.ops.kernels_bench import MINI_3B, SMALL, measure

    gpu = torch.cuda.is_available()
    rows = measure("cuda" if gpu else "cpu", 64 if gpu else 4, MINI_3B if gpu else SMALL)
    table = Table("operation", "ms", "reference ms", "times", "bound ms")
    for row in rows:
        bound = "-" if row.bound_ms is None else f"{row.bound_ms:.3f}"
        table.add_row(row.name, f"{row.ms:.3f}", f"{row.reference_ms:.3f}", f"{row.reference_ms / row.ms:.1f}", bound)
    Console().print(table)
    if json_file is not None:
        json_file.write_text(json.dumps([vars(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    return 0


def run_shape(shape: str, windows: int | None, dtype: str, kv_cache: str, json_file: Path | None) -> int:
    """A published size with random weights: 120 tokens a window, 256 windows in flight, four times as many in all."""
    device = detect_device()
    if device.type != "cuda":
        raise UsageError(
            f"--shape {shape} is for a GPU, and torch sees none here; without it the embedded model is measured"
        )
    formats = resolve_formats(cast(DtypeName, dtype), cast(CacheName, kv_cache), device)
    found = measure_shape(SHAPES[shape], device, formats, windows=windows or 4 * _ROWS, tokens=120, rows=_ROWS)
    rows = {name: value for name, value in found.figures().items() if not isinstance(value, dict)}
    show_rows([(name.replace("_", " "), f"{value:.4g}") for name, value in rows.items()], Console())
    if json_file is not None:
        json_file.write_text(json.dumps(found.figures(), indent=2) + "\n", encoding="utf-8")
    return 0


def show(comparison: Comparison, console: Console) -> None:
    """The figures as tables."""
    figures = ("RTFx", "tokens/s", "1st token", "memory", "limit", "same tokens", "chrF")
    table = Table(Column(no_wrap=True), *figures, box=SIMPLE, pad_edge=False)
    for each in comparison.contenders:
        table.add_row(
            each.name,
            f"{each.rtfx:.1f}",
            f"{each.tokens_a_second:.0f}",
            f"{each.first_token_s * 1e3:.0f} ms",
            f"{each.memory_gb:.2f} GB",
            f"{comparison.reached(each):.0%}",
            _same(comparison, each.name),
            ", ".join(f"{score:.1f}" for score in comparison.chrf.get(each.name, ())),
        )
    console.print(table)
    for name, base in RATIOS:
        if times := comparison.times(name, base):
            console.print(f"{name} is {times:.2f} × {base}", highlight=False)
    for each in comparison.contenders:
        if each.stages:
            total = sum(each.stages.values())
            shares = ", ".join(f"{stage} {seconds / total:.0%}" for stage, seconds in each.stages.items())
            kind = "launches" if torch.cuda.is_available() else "spends its time in"
            console.print(f"{each.name} {kind}: {shares}", highlight=False)
    machine, best = comparison.machine, comparison.limit
    console.print(
        f"limit of this machine ({machine.flops_a_second / 1e9:.0f} GFLOP/s, {machine.bytes_a_second / 1e9:.1f} GB/s): "
        f"{best.window_s * 1e3:.0f} ms a window (encoder {best.encoder_s * 1e3:.0f}, "
        f"prefill {best.prefill_s * 1e3:.0f}, decode {best.decode_s * 1e3:.0f})",
        highlight=False,
    )


def _same(comparison: Comparison, name: str) -> str:
    """The share of tokens that are the reference's, and how many answers differ where none should."""
    if name not in comparison.agreement:
        return ""
    found = comparison.differences.get(name, [])
    differ = f", {len(found)} answers differ, {sum(f.is_fault for f in found)} by fault" if found else ""
    return f"{comparison.agreement[name]:.2%}{differ}"


def _unseen(count: int, source: str, target: str) -> tuple[tuple[np.ndarray, ...], tuple[tuple[str, ...], ...]]:
    """Sentences that the embedded model never met, and what is right about them where it is known."""
    try:
        from b200_kernels.embedded.held_out import spoken_windows
    except ImportError as error:
        raise UsageError(f"without a MEDIUM it needs pip install 'voxtral-b200[recipe]' ({error})") from error
    windows = spoken_windows(4 * count)[:count]  # windows hold one to five sentences
    texts = [{"tr": window.tr, "fr": window.fr, "en": window.en} for window in windows]
    known = {source, target} <= {"tr", "fr", "en"}
    truth = tuple((text[source], text[target]) for text in texts) if known else ()
    return tuple(window.samples for window in windows), truth


def _heard(checkpoint: Checkpoint, media: str, count: int) -> tuple[np.ndarray, ...]:
    limits, settings = MediaLimits(), WindowSettings()
    found = probe(media, limits)
    facts: dict[str, Any] = {"duration_s": found.duration_s, "audio_stream": found.audio_stream}
    medium = Medium(id="benchmark", url=media, name=media, size=0, version="", **facts)
    windows: list[np.ndarray] = []
    for shard in cut_into_shards(medium, settings.shard_s, TO_IDENTIFY, ()):
        heard = listen(shard, limits, VadSettings(), settings, checkpoint.capabilities.window_s, SileroVad())
        windows += [window.samples.astype(np.float32) / 32768 for window in heard.windows]
    if not windows:
        raise UsageError(f"nobody speaks in {media}: there is nothing to compare")
    return tuple(windows[:count])
