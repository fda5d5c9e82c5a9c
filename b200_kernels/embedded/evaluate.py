"""How good the embedded checkpoint is, on sentences and voices that training never met: ``make
embedded-eval``.

    python -m b200_kernels.embedded.evaluate [--json FILE] [--card] [--sentences N] [--checkpoint DIR]

Every window goes through an engine as the product sends it, so the model hears full chunks. Needs the ``dev``
extra.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from b200_kernels.checkpoints import EMBEDDED, open_checkpoint
from b200_kernels.embedded import held_out, model_card
from b200_kernels.embedded.recipe.examples import Window
from b200_kernels.embedded.scores import chrf, spoken_wer, wer
from b200_kernels.engine import SpeechEngine, SpeechRequest, SpeechResult
from b200_kernels.prompts import Task, Transcribe, Translate, TranslateText, Variant
from b200_kernels.reference_engine import ReferenceEngine

_RATE = 16_000
_BANDS = ((0.0, 4.0), (4.0, 8.0), (8.0, 12.0), (12.0, 15.1))
_TARGETS = ("fr", "en")
_VARIANTS: tuple[Variant, ...] = ("plain", "strict")


@dataclass(frozen=True)
class Question:
    """One thing asked of a window, and the language that its answer is in."""

    name: str
    language: str
    task: Task


QUESTIONS = (
    Question("tr", "tr", Transcribe("tr")),
    Question("tr, language not given", "tr", Transcribe(None)),
    *(Question(f"{t} {v}", t, Translate("tr", t, v)) for t in _TARGETS for v in _VARIANTS),
)


async def evaluate(engine: SpeechEngine, sentences: int, silent: int) -> dict[str, Any]:
    """All figures of an engine over ``sentences`` unseen sentences and ``silent`` windows without speech.

    chrF and WER are per cent. ``clean`` and ``noisy`` are the same windows without and with a room's noise;
    ``text`` are translations of the true transcript, ``cascade`` of the transcript that the engine itself
    wrote.
    """
    start = time.perf_counter()
    windows = held_out.spoken_windows(sentences)
    clean = [await _ask(engine, w, QUESTIONS) for w in windows]
    noisy_windows = held_out.with_noise(windows)
    noisy = [await _ask(engine, w, QUESTIONS) for w in noisy_windows]
    transcripts = [answers[0][0] for answers in clean]
    figures: dict[str, Any] = {"sentences": sentences, "windows": len(windows)}
    figures["clean"] = _sheet(windows, clean)
    figures["noisy"] = _sheet(noisy_windows, noisy)
    figures["text"] = await _text_scores(engine, windows, [w.tr for w in windows], _VARIANTS)
    figures["cascade"] = await _text_scores(engine, windows, transcripts, ("plain",))
    figures["non_speech"] = await _silence_score(engine, held_out.silent_windows(silent))
    figures["windows_per_s"] = await _speed(engine, windows[:20])
    figures["seconds"] = round(time.perf_counter() - start, 1)
    return figures


async def _ask(engine: SpeechEngine, window: Window, questions: Sequence[Question]) -> list[tuple[str, str]]:
    """(text, finish reason) of every question."""
    tasks = tuple(q.task for q in questions)
    result: SpeechResult = await engine.generate(SpeechRequest(window.samples, tasks, _seconds(window)))
    return [(r.text, r.finish_reason) for r in result.results]


def _seconds(window: Window) -> float:
    return len(window.samples) / _RATE


def _sheet(windows: Sequence[Window], answers: Sequence[list[tuple[str, str]]]) -> dict[str, Any]:
    def column(name: str, rows: Sequence[int]) -> tuple[list[str], list[str]]:
        at = next(i for i, q in enumerate(QUESTIONS) if q.name == name)
        language = QUESTIONS[at].language
        return [answers[r][at][0] for r in rows], [getattr(windows[r], language) for r in rows]

    def scores(rows: Sequence[int]) -> dict[str, float]:
        return {
            "chrf_fr": round(chrf(*column("fr plain", rows)), 2),
            "chrf_en": round(chrf(*column("en plain", rows)), 2),
            "wer_tr": round(spoken_wer(*column("tr", rows)), 2),
            "wer_tr_as_written": round(wer(*column("tr", rows)), 2),
        }

    everything = range(len(windows))
    bands = {
        f"{low:.0f} to {high:.0f} s": [r for r in everything if low <= _seconds(windows[r]) < high]
        for low, high in _BANDS
    }
    variants = {
        q.name: round((spoken_wer if q.language == "tr" else chrf)(*column(q.name, everything)), 2) for q in QUESTIONS
    }
    return {
        "audio_s": round(sum(map(_seconds, windows)), 1),
        **scores(everything),
        "by_prompt": variants,
        "by_length": {name: {"windows": len(rows), **scores(rows)} for name, rows in bands.items() if rows},
        "answers_cut_off": sum(reason != "stop" for row in answers for _, reason in row),
    }


async def _text_scores(
    engine: SpeechEngine, windows: Sequence[Window], texts: Sequence[str], variants: Sequence[Variant]
) -> dict[str, float]:
    """chrF of translating ``texts``, by target and variant."""
    pairs = [(target, variant) for target in _TARGETS for variant in variants]
    columns: list[list[str]] = [[] for _ in pairs]
    for text in texts:
        tasks = tuple(TranslateText("tr", target, text, variant) for target, variant in pairs)
        result = await engine.generate(SpeechRequest(None, tasks, 0.0))
        for column, answer in zip(columns, result.results, strict=True):
            column.append(answer.text)
    return {
        f"{target} {variant}": round(chrf(column, [getattr(w, target) for w in windows]), 2)
        for (target, variant), column in zip(pairs, columns, strict=True)
    }


async def _silence_score(engine: SpeechEngine, windows: Sequence[Window]) -> dict[str, Any]:
    """Share of windows for which no question at all got a text, per cent."""
    answers = [await _ask(engine, w, QUESTIONS) for w in windows]
    empty = [not any(text for text, _ in row) for row in answers]
    shares = {
        q.name: round(100.0 * sum(not row[i][0] for row in answers) / len(windows), 2) for i, q in enumerate(QUESTIONS)
    }
    return {
        "windows": len(windows),
        "without_text": round(100.0 * sum(empty) / len(windows), 2),
        "by_prompt": shares,
    }


async def _speed(engine: SpeechEngine, windows: Sequence[Window]) -> dict[str, float]:
    """Windows a second, one after another, for a transcript alone and for a transcript with a translation."""
    speeds = {}
    for name, questions in (
        ("transcript", QUESTIONS[:1]),
        ("transcript and translation", (QUESTIONS[0], QUESTIONS[2])),
    ):
        start = time.perf_counter()
        for window in windows:
            await _ask(engine, window, questions)
        speeds[name] = round(len(windows) / (time.perf_counter() - start), 2)
    return speeds


def _show(figures: dict[str, Any]) -> None:
    table = Table("", "chrF fr", "chrF en", "WER tr %", "as written %", title="Unseen sentences in unseen voices")
    for kind in ("clean", "noisy"):
        for name, row in ({"all": figures[kind]} | figures[kind]["by_length"]).items():
            keys = ("chrf_fr", "chrf_en", "wer_tr", "wer_tr_as_written")
            table.add_row(f"{kind}, {name}", *(f"{row[k]:.1f}" for k in keys))
    for kind in ("text", "cascade"):
        table.add_row(f"{kind}", *(f"{figures[kind][f'{t} plain']:.1f}" for t in _TARGETS), "", "")
    console = Console()
    console.print(table)
    for kind in ("clean", "noisy"):
        console.print(f"by prompt, {kind}:", ", ".join(f"{k} {v:.1f}" for k, v in figures[kind]["by_prompt"].items()))
    silent = figures["non_speech"]
    console.print(f"no text in {silent['without_text']:.1f} % of {silent['windows']} windows without speech")
    console.print("windows a second:", ", ".join(f"{k} {v}" for k, v in figures["windows_per_s"].items()))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the embedded checkpoint on unseen sentences and voices.")
    parser.add_argument("--sentences", type=int, default=300, help="unseen sentences to read aloud")
    parser.add_argument("--silent", type=int, default=200, help="windows without speech")
    parser.add_argument("--checkpoint", default=EMBEDDED, help="a folder, when it is not the embedded one")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads of the engine")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument("--card", action="store_true", help="write the figures into MODEL_CARD.md as well")
    arguments = parser.parse_args()
    checkpoint = open_checkpoint(arguments.checkpoint)
    engine = ReferenceEngine(checkpoint, device="cpu", threads=arguments.threads)
    try:
        figures = asyncio.run(evaluate(engine, arguments.sentences, arguments.silent))
    finally:
        engine.close()
    figures = {"checkpoint": checkpoint.digest, "threads": arguments.threads} | figures
    _show(figures)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if arguments.card:
        model_card.update_card(figures)


if __name__ == "__main__":
    main()
