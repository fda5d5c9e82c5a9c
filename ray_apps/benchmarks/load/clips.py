"""What is sent: clips of synthetic Turkish speech of which it is known what they say. It knows no service."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from b200_kernels.embedded.recipe.media import RATE, Container, Scene, perform, write

_CONTAINER = Container("mp3", "libmp3lame", 24_000, 1, 48_000)


class Clip(BaseModel):
    """A file, its length in seconds, and the Turkish that is spoken in it."""

    model_config = ConfigDict(frozen=True)

    path: Path
    seconds: float
    spoken: str

    @property
    def name(self) -> str:
        return self.path.stem


def make_clips(folder: Path, sentences: Sequence[int], longest_s: float | None = None) -> tuple[Clip, ...]:
    """A clip for each number of sentences (3 to 4 s each); what is longer than ``longest_s`` is drawn again."""
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(_made(folder / f"clip_{index:03d}.mp3", count, longest_s) for index, count in enumerate(sentences))


def _made(path: Path, sentences: int, longest_s: float | None) -> Clip:
    rng = random.Random(f"load {path.stem} {sentences} {longest_s}")
    samples, said = perform(rng, Scene(sentences))
    while longest_s is not None and len(samples) / RATE > longest_s:
        samples, said = perform(rng, Scene(sentences))
    write(path, samples, _CONTAINER)
    return Clip(path=path, seconds=round(len(samples) / RATE, 3), spoken=" ".join(sentence.tr for sentence in said))
