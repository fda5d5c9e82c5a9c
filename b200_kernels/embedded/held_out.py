"""Windows that training never met: held-out sentences in held-out voices, and windows in which nobody speaks.

Made from seeds by the recipe's own parts (so it needs the ``dev`` extra: espeak-ng's wheel, scipy). Knows no
engine.
"""

from __future__ import annotations

import random

import numpy as np

from b200_kernels.embedded.recipe import corpus, sounds
from b200_kernels.embedded.recipe.examples import LONGEST_WINDOW_S, Window, join

_RATE = 16_000
_SEED = 2**40
"""Above every seed that training takes: its shards count from 0, its noises come from 32 bits."""


def spoken_windows(sentences: int, most_in_a_window: int = 5) -> list[Window]:
    """``sentences`` unseen sentences in windows of one to several, with pauses, up to the longest window; no
    noise."""
    rng = random.Random(_SEED)
    clips = [corpus.read_aloud(rng, held_out=True) for _ in range(sentences)]
    windows: list[Window] = []
    while clips:
        window = join(rng, clips[: rng.randint(1, most_in_a_window)])
        taken = 1
        while " ".join(c.tr for c in clips[:taken]) != window.tr:  # join() drops what no longer fits
            taken += 1
        clips = clips[taken:]
        windows.append(window)
    return windows


def with_noise(windows: list[Window]) -> list[Window]:
    """The same windows as other microphones in other rooms recorded them, some with noise or music behind (10
    to 45 dB)."""
    rng = np.random.default_rng(_SEED)
    return [Window(sounds.record(rng, w.samples), w.tr, w.fr, w.en) for w in windows]


def silent_windows(count: int) -> list[Window]:
    """Silence, hiss, hum, noise and music, from one second to the longest window."""
    rng = np.random.default_rng(_SEED + 1)
    lengths = (int(rng.uniform(1.0, LONGEST_WINDOW_S) * _RATE) for _ in range(count))
    return [Window(sounds.non_speech(rng, n), "", "", "") for n in lengths]
