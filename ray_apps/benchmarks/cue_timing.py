"""How far off cues start, on synthetic speech of which it is known when every word begins.

    python -m ray_apps.benchmarks.cue_timing [--sentences 200] [--json FILE]

Held-out sentences and voices, one after another in one medium, go the product's own way: VAD, windows, the embedded
checkpoint, the gate, cues; once as they are, once with the sound of rooms, noise and music. Compared are

- ``transcript``: the start of each Turkish cue with the true start of its first word;
- ``translation``: the start of each French cue that begins a sentence with the true start of the Turkish sentence;

each *with token timings* of the compiled engine and with *segments alone* (the tokens thrown away, as from an engine
that tells none). ``aligned`` is where the alignment puts the speech, ``shown`` where the cue is on screen after reading
speed and gaps have moved it. Only windows whose words were all heard count: of another word there is no true start.
Windows that the model misheard are counted, not measured.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from b200_kernels.checkpoints import EMBEDDED, open_checkpoint
from b200_kernels.embedded.scores import spoken_words
from b200_kernels.embedded.timed_windows import TimedWindow, recorded, timed_windows
from pipelines.records import SAMPLE_RATE, PartWindow, Text, Window
from pipelines.settings import CueSettings, VadSettings, WindowSettings
from pipelines.speech.segments import find_segments
from pipelines.speech.vad import SileroDetector, frame_probabilities
from pipelines.speech.windows import merge_into_windows
from pipelines.subtitles.cue_chunks import window_chunks
from pipelines.subtitles.cues import make_cues
from pipelines.subtitles.sentences import split_sentences
from ray_apps.translator import TranslatorSettings, VoxtralTranslator

_SEED = 2**40 + 4
"""Above every seed that training takes, and beside those of ``b200_kernels.embedded``."""
_BETWEEN_S = (0.5, 2.0)
"""Silence between two windows of the recipe; theirs have more at both ends."""


@dataclass(frozen=True)
class Spoken:
    """A medium: int16 samples at 16 kHz, its words, and when each begins, seconds."""

    samples: np.ndarray
    words: tuple[str, ...]
    starts: tuple[float, ...]


def main(
    sentences: Annotated[int, typer.Option(help="sentences to hear")] = 200,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure both, clean and recorded, and print it."""
    figures = measure(sentences)
    typer.echo(json.dumps(figures, indent=2))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def measure(sentences: int, *, noisy: bool = True) -> dict[str, Any]:
    """Milliseconds by kind of sound, text, timing and start; see the module."""
    window_s = open_checkpoint(EMBEDDED).capabilities.window_s
    clean = timed_windows(_SEED, sentences, held_out=True, window_s=window_s)
    sounds = {"clean": clean} | ({"noisy": recorded(clean, _SEED)} if noisy else {})
    translator = VoxtralTranslator(TranslatorSettings(model=EMBEDDED))
    return {name: _of(medium_of(windows), window_s, translator) for name, windows in sounds.items()}


def medium_of(windows: Sequence[TimedWindow]) -> Spoken:
    """The windows one after another."""
    rng = np.random.default_rng(_SEED)
    parts: list[np.ndarray] = []
    words: list[str] = []
    starts: list[float] = []
    for window in windows:
        parts.append(np.zeros(round(rng.uniform(*_BETWEEN_S) * SAMPLE_RATE), np.float32))
        begin_s = sum(map(len, parts)) / SAMPLE_RATE
        parts.append(window.samples)
        words += window.text.split()
        starts += [begin_s + start for start in window.starts]
    samples = np.concatenate(parts)
    return Spoken((np.clip(samples, -1, 1) * 32767).astype(np.int16), tuple(words), tuple(starts))


def _of(medium: Spoken, window_s: float, translator: VoxtralTranslator) -> dict[str, Any]:
    heard = asyncio.run(translator.translate(_windows(medium, window_s), "tr", ("fr",)))
    right = [(window, starts) for window in heard.windows if (starts := _true_starts(window, medium)) is not None]
    timings = {
        "token timings": right,
        "segments alone": [(_without_tokens(window), starts) for window, starts in right],
    }
    return {
        "windows": len(heard.windows),
        "windows heard rightly": len(right),
        **{
            f"{text}, {name}": {start: _sheet(late) for start, late in _late(chosen, language).items()}
            for name, chosen in timings.items()
            for text, language in (("transcript", "tr"), ("translation", "fr"))
        },
    }


def _windows(medium: Spoken, window_s: float) -> list[Window]:
    probabilities = frame_probabilities(SileroDetector(), medium.samples, 0, 0)
    duration_s = len(medium.samples) / SAMPLE_RATE
    segments = find_segments(probabilities, 0, VadSettings(), window_s, duration_s)
    return merge_into_windows(segments, medium.samples, 0, window_s, WindowSettings().max_gap_s)


def _true_starts(window: PartWindow, medium: Spoken) -> list[float] | None:
    """When the words of a window's transcript begin; None unless they are the words that are said in it."""
    inside = [i for i, start in enumerate(medium.starts) if window.start_s <= start < window.end_s]
    said = " ".join(medium.words[i] for i in inside)
    same = spoken_words(said) == spoken_words(window.source.text) and len(inside) == len(window.source.text.split())
    return [medium.starts[i] for i in inside] if same and inside else None


def _without_tokens(window: PartWindow) -> PartWindow:
    def bare(text: Text) -> Text:
        return text.model_copy(update={"tokens": ()})

    return window.model_copy(update={"source": bare(window.source), "targets": tuple(map(bare, window.targets))})


def _late(windows: Sequence[tuple[PartWindow, list[float]]], language: str) -> dict[str, list[float]]:
    """Seconds by which cues of a language start late (below 0: early), aligned and shown."""
    settings = CueSettings()
    limits = settings.limits(language)
    shown = iter(make_cues([window for window, _ in windows], language, settings))
    late: dict[str, list[float]] = {"aligned": [], "shown": []}
    for window, starts in windows:
        text = window.source if language == window.source.language else window.targets[0]
        chunks = [] if text.verdict == "no_speech" else window_chunks(window, text, settings, limits)
        truths = _truths([" ".join(chunk.units) for chunk in chunks], text, window.source, starts)
        for chunk, truth in zip(chunks, truths, strict=True):
            cue = next(shown)
            if truth is not None:
                late["aligned"].append(chunk.start_s - truth)
                late["shown"].append(cue.start_s - truth)
    return late


def _truths(texts: Sequence[str], text: Text, source: Text, starts: Sequence[float]) -> list[float | None]:
    """When what each chunk says begins, where that is known: its first word's start, or of a translation its
    sentence's.
    """
    firsts = np.cumsum([0, *(len(chunk.split()) for chunk in texts)])[:-1]
    if text is source:
        return [starts[first] for first in firsts]
    own = _sentence_firsts(" ".join(texts), text.language)
    said = _sentence_firsts(source.text, source.language)
    known = dict(zip(own, said, strict=True)) if len(own) == len(said) else {}
    return [starts[known[first]] if first in known else None for first in firsts]


def _sentence_firsts(text: str, language: str) -> list[int]:
    """Index of the word that begins each sentence."""
    lengths = [len(sentence.split()) for sentence in split_sentences(text, language)]
    return [0, *(b for _, b in pairwise(np.cumsum([0, *lengths]).tolist()))][: len(lengths)]


def _sheet(late: Sequence[float]) -> dict[str, float]:
    off = np.abs(late) * 1000
    return {
        "cues": len(late),
        "median ms": round(float(np.median(off)), 1),
        "p95 ms": round(float(np.percentile(off, 95)), 1),
        "median lateness ms": round(float(np.median(late)) * 1000, 1),
    }


if __name__ == "__main__":
    typer.run(main)
