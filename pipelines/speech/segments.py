"""From speech probabilities to segments: a pure function of the medium's absolute time.

Whoever sees a stretch of the medium with enough around it (:func:`context_s`) finds the same segments in it:
hysteresis looks back a bounded time, and speech that never pauses is cut on a grid of absolute time. It does
not know how the probabilities came about.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from pipelines.records import SAMPLE_RATE, Segment
from pipelines.settings import VadSettings
from pipelines.speech.vad import FRAME

FRAME_S = FRAME / SAMPLE_RATE
_MEMORY_FRAMES = 63
"""How long (2 s) a doubtful probability, between offset and onset, may prolong the verdict before it."""
_FEWEST_FRAMES = 12  # of the longest segment: below this there is nothing to choose a cut from

Run = tuple[int, int]
"""Frames [start, end) of speech."""


def find_segments(
    probabilities: np.ndarray,
    first_frame: int,
    settings: VadSettings,
    max_segment_s: float,
    duration_s: float,
) -> list[Segment]:
    """Segments in time order, none longer than ``max_segment_s``, within [0, ``duration_s``] of the medium.

    ``probabilities`` (shape (n,)) are those of the medium's frames from ``first_frame`` on. Segments are true
    to the medium where they are at least :func:`context_s` away from the edges of what is seen (the medium's
    own ends excepted). Raises ValueError when ``max_segment_s`` leaves no room for speech between its
    padding.
    """
    longest = math.floor((max_segment_s - 2 * settings.pad_s) / FRAME_S)
    if longest < _FEWEST_FRAMES:
        least = _FEWEST_FRAMES * FRAME_S + 2 * settings.pad_s
        raise ValueError(f"segments of at most {max_segment_s} s are too short: give at least {least:.1f} s")
    runs = [
        run for run in _bridged(_runs(probabilities, settings), settings) if _length_s(run) >= settings.min_speech_s
    ]
    pieces = [piece for run in runs for piece in _cut(run, probabilities, first_frame, longest)]
    return _segments(pieces, probabilities, first_frame, settings, duration_s)


def context_s(settings: VadSettings, max_segment_s: float) -> float:
    """Seconds around a stretch that must be seen too, so that its segments are those of the whole medium.

    On both sides: whether speech there is longer than ``max_segment_s``, and on the left also what
    hysteresis, bridging and dropping need to settle.
    """
    settle_s = 2 * (_MEMORY_FRAMES * FRAME_S + settings.min_silence_s + settings.min_speech_s + settings.pad_s)
    return max_segment_s + settle_s


def _length_s(run: Run) -> float:
    return (run[1] - run[0]) * FRAME_S


def _runs(probabilities: np.ndarray, settings: VadSettings) -> list[Run]:
    """Speech from ``onset`` up, none below ``offset``; what is in between follows the last clear frame, if it
    is near.
    """
    frames = np.arange(len(probabilities))
    clear = (probabilities >= settings.onset) | (probabilities < settings.offset)
    last_clear = np.maximum.accumulate(np.where(clear, frames, -1))
    known = (last_clear >= 0) & (frames - last_clear <= _MEMORY_FRAMES)
    speech = known & (probabilities[last_clear] >= settings.onset)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], speech, [False])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _bridged(runs: list[Run], settings: VadSettings) -> list[Run]:
    joined: list[Run] = []
    for start, end in runs:
        if joined and _length_s((joined[-1][1], start)) < settings.min_silence_s:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _cut(run: Run, probabilities: np.ndarray, first_frame: int, longest: int) -> list[Run]:
    """A run that is too long, cut at the quietest frame in the middle half of each cell of absolute time.

    Cells are a third of ``longest``, so neighbouring cuts are at most half of it apart, and no piece is
    longer than two thirds of it although a cut within half a cell of the run's ends is left out. Windows join
    pieces again.
    """
    start, end = run
    if end - start <= longest:
        return [run]
    cell = longest // 3
    cuts = []
    for begin in range((start + first_frame) // cell * cell - first_frame, end, cell):
        low, high = begin + cell // 4, begin + cell - cell // 4
        if low >= start and high <= end:
            cut = low + int(probabilities[low:high].argmin())
            if start + cell // 2 <= cut <= end - cell // 2:
                cuts.append(cut)
    return list(itertools.pairwise([start, *cuts, end]))


def _segments(
    pieces: list[Run], probabilities: np.ndarray, first_frame: int, settings: VadSettings, duration_s: float
) -> list[Segment]:
    """Pieces with their padding, in whole samples, so that every viewer computes the same times."""
    pad, last = round(settings.pad_s * SAMPLE_RATE), round(duration_s * SAMPLE_RATE)
    bounds = [((start + first_frame) * FRAME, (end + first_frame) * FRAME) for start, end in pieces]
    found = []
    for i, (start, end) in enumerate(bounds):
        left = pad if i == 0 else min(pad, (start - bounds[i - 1][1]) // 2)
        right = pad if i == len(bounds) - 1 else min(pad, (bounds[i + 1][0] - end) // 2)
        first, stop = max(0, start - left), min(last, end + right)
        if first < stop:
            heard = probabilities[slice(*pieces[i])].astype(np.float64)
            found.append(
                Segment(
                    start=first / SAMPLE_RATE,
                    end=stop / SAMPLE_RATE,
                    confidence=round(float(heard.mean()), 4),
                )
            )
    return found
