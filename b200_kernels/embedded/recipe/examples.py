"""Training examples: windows of one to several sentences with pauses, and what is asked about each.

It knows clips, prompts and tensors' shapes; it does not know the model.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import torch

from b200_kernels import prompts
from b200_kernels.embedded.recipe import sounds
from b200_kernels.embedded.recipe.corpus import Clip

LONGEST_WINDOW_S = 15.0
_RATE = 16_000
_CTC_LETTERS = " 'abcçdefgğhıijklmnoöprsştuüvyzâîû"
CTC_CLASSES = len(_CTC_LETTERS) + 1


@dataclass(frozen=True)
class BatchShape:
    """Few shapes let oneDNN reuse its compiled kernels: a new one costs more than the step itself."""

    audio_tokens: int
    windows: int
    sentences: tuple[int, ...]

    @property
    def samples(self) -> int:
        return self.audio_tokens * 1280


SHORT = BatchShape(56, 28, (1,))
SHAPES = {
    SHORT: 0.15,
    BatchShape(104, 15, (1, 2, 2)): 0.28,
    BatchShape(152, 10, (2, 3)): 0.18,
    BatchShape(200, 8, (3, 4, 5)): 0.15,
    BatchShape(300, 5, (1, 2, 3, 4)): 0.08,
    BatchShape(375, 4, (1, 2, 3, 4, 5)): 0.16,
}
"""How often a batch has which shape; the last is a whole 30 s chunk, as the model is used."""


@dataclass(frozen=True)
class Window:
    """A model input of up to ``LONGEST_WINDOW_S`` and its sentences joined by spaces; all empty when nobody speaks."""

    samples: np.ndarray
    tr: str
    fr: str
    en: str


def lower_turkish(text: str) -> str:
    return text.replace("İ", "i").replace("I", "ı").lower()


def ctc_labels(text: str) -> list[int]:
    """Letters as classes 1 and up; 0 is CTC's blank. Punctuation is not heard."""
    return [_CTC_LETTERS.index(c) + 1 for c in lower_turkish(text) if c in _CTC_LETTERS]


def _silence(rng: random.Random, low: float, high: float) -> np.ndarray:
    return np.zeros(int(rng.uniform(low, high) * _RATE), np.float32)


def join(rng: random.Random, clips: list[Clip]) -> Window:
    """The clips one after another, with pauses mostly short and now and then long, cut to the longest window."""
    limit = int(LONGEST_WINDOW_S * _RATE)
    parts = [_silence(rng, 0.0, 0.5)]
    kept: list[Clip] = []
    length = len(parts[0])
    for clip in clips:
        pause = _silence(rng, 0.15, 0.9) if rng.random() < 0.85 else _silence(rng, 0.9, 3.5)
        if kept and length + len(pause) + len(clip.samples) > limit:
            break
        speech = clip.samples.astype(np.float32) / 32768.0
        parts += ([pause] if kept else []) + [speech * 10 ** rng.uniform(-0.15, 0.15)]
        kept.append(clip)
        length = sum(map(len, parts))
    samples = np.concatenate([*parts, _silence(rng, 0.05, 0.5)])[:limit]
    return Window(samples, " ".join(c.tr for c in kept), " ".join(c.fr for c in kept), " ".join(c.en for c in kept))


def draw_window(rng: random.Random, clips: list[Clip], sentences: int) -> Window:
    """A window of training sentences as some microphone recorded it, or, now and then, of no speech at all."""
    noise = np.random.default_rng(rng.getrandbits(32))
    if rng.random() < 0.04:
        return Window(
            sounds.non_speech(noise, int(rng.uniform(1.0, 4.4 if sentences == 1 else LONGEST_WINDOW_S) * _RATE)),
            "",
            "",
            "",
        )
    first = rng.choice(clips)
    window = join(rng, [first] + [rng.choice(clips) for _ in range(sentences - 1)])
    return Window(sounds.record(noise, window.samples), window.tr, window.fr, window.en)


def draw_tasks(rng: random.Random, window: Window, count: int) -> list[tuple[prompts.Task, str]]:
    """``count`` different things asked about one window, with their answers."""
    variants: tuple[prompts.Variant, ...] = ("plain", "plain", "strict")
    choices: list[tuple[prompts.Task, str]] = [
        (prompts.Transcribe("tr" if rng.random() < 0.7 else None), window.tr),
        (prompts.Translate("tr", "fr", rng.choice(variants)), window.fr),
        (prompts.Translate("tr", "en", rng.choice(variants)), window.en),
    ]
    return rng.sample(choices, count)


def draw_text_task(rng: random.Random, clips: list[Clip]) -> tuple[prompts.Task, str]:
    """One to four sentences of text to translate."""
    chosen = [rng.choice(clips) for _ in range(rng.choice((1, 1, 2, 3, 4)))]
    text = " ".join(c.tr for c in chosen)
    variant: prompts.Variant = rng.choice(("plain", "plain", "strict"))
    if rng.random() < 0.5:
        return prompts.TranslateText("tr", "fr", text, variant), " ".join(c.fr for c in chosen)
    return prompts.TranslateText("tr", "en", text, variant), " ".join(c.en for c in chosen)


def draw_windows(rng: random.Random, clips: list[Clip], shape: BatchShape) -> list[Window]:
    """Windows that fit into the shape, with fewer sentences where the drawn ones are too long."""
    windows = []
    for _ in range(shape.windows):
        sentences = rng.choice(shape.sentences)
        while len((window := draw_window(rng, clips, sentences)).samples) > shape.samples:
            sentences = max(1, sentences - 1)
        windows.append(window)
    return windows


def pad_windows(windows: list[Window], shape: BatchShape) -> torch.Tensor:
    """(windows, samples) float32, silence after each window's end."""
    batch = np.zeros((len(windows), shape.samples), np.float32)
    for row, window in zip(batch, windows, strict=True):
        row[: len(window.samples)] = window.samples
    return torch.from_numpy(batch)
