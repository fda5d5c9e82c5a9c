"""A window in two where its speaker pauses best: what is asked again in smaller pieces.

It knows segments and samples, not why anybody wants less at once.
"""

from __future__ import annotations

import numpy as np

from pipelines.records import SAMPLE_RATE, Segment, Window
from pipelines.speech.vad import FRAME

MIN_SPEECH_S = 1.0
"""A piece with less speech than this says nothing that can be judged."""
EVEN_SHARE = 0.25
"""A pause that leaves less of the speech on one side is taken only where there is no better one."""


def split_at_pause(window: Window) -> tuple[Window, Window] | None:
    """The window in two at its longest pause, or, if it has none, at the quietest moment of its middle third.

    The pieces hold all segments and all samples, each once. None where a piece would have less than a second of
    speech.
    """
    cut = _longest_pause(window.segments) or _quietest_moment(window)
    if cut is None:
        return None
    at = min(max(round((cut - window.start_s) * SAMPLE_RATE), 0), len(window.samples))
    cut_s = window.start_s + at / SAMPLE_RATE
    before, after = _divided(window.segments, cut_s)
    pieces = (
        Window(start_s=window.start_s, segments=before, samples=window.samples[:at]),
        Window(start_s=cut_s, segments=after, samples=window.samples[at:]),
    )
    return pieces if all(piece.speech_s >= MIN_SPEECH_S for piece in pieces) else None


def _longest_pause(segments: tuple[Segment, ...]) -> float | None:
    """The middle of the longest pause that leaves enough speech on both sides, medium seconds."""
    lengths = np.array([segment.end - segment.start for segment in segments])
    if len(lengths) < 2:
        return None
    before = np.cumsum(lengths)[:-1]
    least = np.minimum(before, lengths.sum() - before)
    starts, ends = np.array([s.start for s in segments[1:]]), np.array([s.end for s in segments[:-1]])
    wanted = least >= EVEN_SHARE * lengths.sum()
    if not wanted.any():
        wanted = least >= MIN_SPEECH_S
    if not wanted.any():
        return None
    best = int(np.where(wanted, starts - ends, -np.inf).argmax())
    return float((starts[best] + ends[best]) / 2)


def _quietest_moment(window: Window) -> float | None:
    third = len(window.samples) // 3 // FRAME * FRAME
    if third == 0:
        return None
    first = (len(window.samples) - third) // 2
    middle = window.samples[first : first + third].reshape(-1, FRAME).astype(np.float32)
    frame = int(np.square(middle).sum(axis=1).argmin())
    return window.start_s + (first + frame * FRAME + FRAME // 2) / SAMPLE_RATE


def _divided(segments: tuple[Segment, ...], cut_s: float) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    before = tuple(s.model_copy(update={"end": min(s.end, cut_s)}) for s in segments if s.start < cut_s)
    after = tuple(s.model_copy(update={"start": max(s.start, cut_s)}) for s in segments if s.end > cut_s)
    return before, after
