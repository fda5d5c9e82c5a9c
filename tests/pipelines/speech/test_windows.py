"""Windows hold every segment once, are as few as can be, and are cut where the pause is longest."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.records import SAMPLE_RATE, Segment
from pipelines.speech.windows import merge_into_windows


def segments_of(*spans: tuple[float, float]) -> list[Segment]:
    return [Segment(start=a, end=b, confidence=0.9) for a, b in spans]


@st.composite
def any_segments(draw: st.DrawFn) -> list[Segment]:
    time, spans = draw(st.integers(0, 100)), []
    for _ in range(draw(st.integers(0, 25))):
        length = draw(st.integers(1, 100))
        spans.append((time / 10, (time + length) / 10))
        time += length + draw(st.sampled_from([0, 1, 5, 20, 60]))
    return segments_of(*spans)


def fewest(segments: list[Segment], window_s: float, max_gap_s: float) -> int:
    """The number of windows that filling each as far as possible needs: no way needs fewer."""
    count, start, before = 0, -1e9, -1e9
    for s in segments:
        if s.end - start > window_s + 1e-9 or s.start - before > max_gap_s:
            count, start = count + 1, s.start
        before = s.end
    return count


@settings(max_examples=100, deadline=None)
@given(any_segments())
def test_promises(segments: list[Segment]) -> None:
    first = 8000
    end = round(segments[-1].end * SAMPLE_RATE) if segments else 0
    samples = (np.arange(first, max(first, end)) % 30011).astype(np.int16)
    windows = (
        merge_into_windows(segments, samples, first, 10.0, 4.0) if not segments or segments[0].start >= 0.5 else []
    )
    if not windows:
        return
    assert [s for w in windows for s in w.segments] == segments
    assert len(windows) == fewest(segments, 10.0, 4.0)
    for window in windows:
        begin = round(window.start_s * SAMPLE_RATE)
        assert window.start_s == window.segments[0].start
        assert window.end_s == pytest.approx(window.segments[-1].end)
        assert len(window.samples) <= 10 * SAMPLE_RATE
        assert window.samples[0] == begin % 30011
        assert all(b.start - a.end <= 4.0 for a, b in itertools.pairwise(window.segments))


def test_the_cut_falls_at_the_longest_pause() -> None:
    segments = segments_of((0, 5), (5.5, 10), (12, 16), (16.2, 22), (22.4, 34))
    windows = merge_into_windows(segments, np.zeros(40 * SAMPLE_RATE, np.int16), 0, 25.0, 4.0)
    assert [w.start_s for w in windows] == [0, 12]


def test_a_window_owns_its_samples() -> None:
    samples = np.ones(2 * SAMPLE_RATE, np.int16)
    (window,) = merge_into_windows(segments_of((0.5, 1.5)), samples, 0, 30.0, 4.0)
    samples[:] = 7
    assert set(window.samples) == {1}


def test_a_segment_longer_than_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than a window"):
        merge_into_windows(segments_of((0, 31)), np.zeros(40 * SAMPLE_RATE, np.int16), 0, 30.0, 4.0)
