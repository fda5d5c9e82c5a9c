"""Windows of speech in which it is known when every word begins: what token timings are found and measured with.

Made from seeds by the recipe's own parts (so it needs the ``dev`` extra), like :mod:`held_out`, whose windows do not
tell when words begin. Knows no engine.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from b200_kernels.embedded.recipe import sounds, speech
from b200_kernels.embedded.recipe.corpus import draw_sentence

_RATE = speech.SAMPLE_RATE


@dataclass(frozen=True)
class TimedWindow:
    """float32 ``samples`` at 16 kHz, what is said in them, and the second at which each of its words begins."""

    samples: np.ndarray
    text: str
    starts: tuple[float, ...]

    @property
    def seconds(self) -> float:
        return len(self.samples) / _RATE


def timed_windows(
    seed: int, sentences: int, held_out: bool, window_s: float, most_in_a_window: int = 5
) -> list[TimedWindow]:
    """``sentences`` sentences, or a few more, in windows of one to several with pauses, none longer than ``window_s``.

    Sentences and voices are both from the training side, or both from the side that training never meets.
    """
    rng = random.Random(seed)
    windows: list[TimedWindow] = []
    while sentences > 0:
        spoken = []
        for _ in range(rng.randint(1, most_in_a_window)):
            sentence = draw_sentence(rng, held_out).tr
            spoken.append((sentence, *speech.speak_timed(sentence, speech.draw_voice(rng, held_out))))
        window, used = _joined(rng, spoken, round(window_s * _RATE))
        windows.append(window)
        sentences -= used
    return windows


def recorded(windows: Sequence[TimedWindow], seed: int) -> list[TimedWindow]:
    """The same windows as other microphones in other rooms have them, some with noise or music behind."""
    rng = np.random.default_rng(seed)
    return [replace(window, samples=sounds.record(rng, window.samples)) for window in windows]


def _joined(
    rng: random.Random, spoken: list[tuple[str, np.ndarray, list[float]]], longest: int
) -> tuple[TimedWindow, int]:
    """One sentence after another with pauses as training has them, and how many of them found room."""
    parts = [_silence(rng, 0.0, 0.5)]
    texts: list[str] = []
    starts: list[float] = []
    for text, samples, begun in spoken:
        pause = _silence(rng, 0.15, 0.9) if rng.random() < 0.85 else _silence(rng, 0.9, 3.5)
        begin = sum(map(len, parts)) + (len(pause) if texts else 0)
        if texts and begin + len(samples) > longest:
            break
        parts += ([pause] if texts else []) + [(samples * 10 ** rng.uniform(-0.15, 0.15)).astype(np.float32)]
        starts += [begin / _RATE + second for second in begun]
        texts.append(text)
    samples = np.concatenate([*parts, _silence(rng, 0.05, 0.5)])[:longest]
    return TimedWindow(samples, " ".join(texts), tuple(starts)), len(texts)


def _silence(rng: random.Random, low: float, high: float) -> np.ndarray:
    return np.zeros(int(rng.uniform(low, high) * _RATE), np.float32)
