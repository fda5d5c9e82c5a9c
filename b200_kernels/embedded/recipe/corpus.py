"""Sentences read aloud and kept on disk, so that training hears each many times and espeak-ng reads it once.

A corpus is a folder of shards, each ``NNNN.npz`` with the int16 samples of its clips end to end, and ``NNNN.json``
with a row per clip: the sentence in three languages, the voice, where it begins and ends.
"""

from __future__ import annotations

import json
import multiprocessing
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from b200_kernels.embedded.recipe import grammar, speech


@dataclass(frozen=True)
class Clip:
    """One sentence, read aloud: samples are int16 at 16 kHz."""

    tr: str
    fr: str
    en: str
    variant: str
    samples: np.ndarray


def draw_sentence(rng: random.Random, held_out: bool) -> grammar.Sentence:
    while True:
        sentence = grammar.sample(rng)
        if grammar.is_held_out(sentence.tr) == held_out:
            return sentence


def read_aloud(rng: random.Random, held_out: bool) -> Clip:
    """A sentence in a voice, both from the training side or both from the side that training never meets."""
    sentence = draw_sentence(rng, held_out)
    voice = speech.draw_voice(rng, held_out)
    samples = speech.speak(sentence.tr, voice)
    pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
    return Clip(sentence.tr, sentence.fr, sentence.en, voice.variant, pcm)


def write_shard(folder: Path, index: int, clips: int) -> None:
    """Make shard ``index`` of training clips; its seed is its index, so a corpus can be made again."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(index)
    made = [read_aloud(rng, held_out=False) for _ in range(clips)]
    ends = np.cumsum([len(c.samples) for c in made]).tolist()
    rows = [
        {k: v for k, v in asdict(c).items() if k != "samples"} | {"start": end - len(c.samples), "end": end}
        for c, end in zip(made, ends, strict=True)
    ]
    np.savez(folder / f"{index:04d}.npz", samples=np.concatenate([c.samples for c in made]))
    (folder / f"{index:04d}.json").write_text(json.dumps(rows, ensure_ascii=False))


def make(folder: Path, count: int, clips: int = 1000) -> None:
    """Make the shards that are not there yet, on all cores: about 200 seconds of speech a core-second."""
    missing = sorted(set(range(count)) - set(shards(folder)))
    # Fresh processes: espeak-ng keeps global state, and torch's threads do not survive a fork.
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(write_shard, folder, index, clips) for index in missing]:
            done.result()


def load_shard(folder: Path, index: int) -> list[Clip]:
    rows = json.loads((folder / f"{index:04d}.json").read_text())
    samples = np.load(folder / f"{index:04d}.npz")["samples"]
    return [Clip(r["tr"], r["fr"], r["en"], r["variant"], samples[r["start"] : r["end"]]) for r in rows]


def shards(folder: Path) -> list[int]:
    """Indices of the finished shards (the rows are written last)."""
    return sorted(int(p.stem) for p in folder.glob("*.json"))
