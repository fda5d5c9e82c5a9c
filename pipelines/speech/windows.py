"""Neighbouring segments merged into windows, each one input of the model.

Voxtral pads every input to its chunk and pays for all of it, so as few windows as possible is the first lever
of throughput; among the ways to do with as few, the cuts fall where the speaker pauses longest. It knows
segments and samples, not the model.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from pipelines.records import SAMPLE_RATE, Segment, Window


def merge_into_windows(
    segments: Sequence[Segment], samples: np.ndarray, first_sample: int, window_s: float, max_gap_s: float
) -> list[Window]:
    """Windows of at most ``window_s``, in order, together holding every segment once.

    ``samples`` (int16) begin at the absolute sample ``first_sample`` and cover all segments. A pause longer
    than ``max_gap_s`` is never inside a window. Raises ValueError for a segment that is longer than a window.
    """
    cuts = _cuts(segments, round(window_s * SAMPLE_RATE), max_gap_s)
    return [_window(segments[a:b], samples, first_sample) for a, b in itertools.pairwise(cuts)]


def _cuts(segments: Sequence[Segment], most_samples: int, max_gap_s: float) -> list[int]:
    """Indices of the segments with which windows begin, and the number of segments.

    ``best[i]`` is the best way to cut the first i segments: (windows, minus the pauses at their cuts), and
    where the last window begins. Of equals the one with the earlier, fuller windows is taken.
    """
    best: list[tuple[int, float, int]] = [(0, 0.0, 0)]
    for end in range(1, len(segments) + 1):
        choices = []
        for begin in range(end - 1, -1, -1):
            if begin + 1 < end and segments[begin + 1].start - segments[begin].end > max_gap_s:
                break
            if _sample(segments[end - 1].end) - _sample(segments[begin].start) > most_samples:
                break
            pause = segments[begin].start - segments[begin - 1].end if begin else 0.0
            choices.append((best[begin][0] + 1, round(best[begin][1] - pause, 6), begin))
        if not choices:
            longest = most_samples / SAMPLE_RATE
            raise ValueError(f"the segment at {segments[end - 1].start} s is longer than a window of {longest} s")
        best.append(min(choices, key=lambda choice: (choice[0], choice[1], -choice[2])))
    cuts = [len(segments)]
    while cuts[-1] > 0:
        cuts.append(best[cuts[-1]][2])
    return cuts[::-1]


def _sample(time_s: float) -> int:
    return round(time_s * SAMPLE_RATE)


def _window(segments: Sequence[Segment], samples: np.ndarray, first_sample: int) -> Window:
    first, last = _sample(segments[0].start), _sample(segments[-1].end)
    return Window(
        start_s=first / SAMPLE_RATE,
        segments=tuple(segments),
        samples=samples[first - first_sample : last - first_sample].astype(np.int16, copy=True),
    )
