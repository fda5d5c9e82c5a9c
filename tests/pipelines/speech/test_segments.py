"""Segments are a function of the medium's absolute time, and keep the promises of their settings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.settings import VadSettings
from pipelines.speech.segments import FRAME_S, context_s, find_segments

VAD = VadSettings()
LONGEST_S = 8.0


@st.composite
def probabilities(draw: st.DrawFn) -> np.ndarray:
    """Up to two minutes of speech and pauses of every length, some of it doubtful."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    longest = draw(st.sampled_from([5, 40, 400]))  # frames of one stretch
    parts = []
    for _ in range(draw(st.integers(1, 60))):
        low, high = [(0.0, 0.2), (0.26, 0.39), (0.3, 1.0), (0.45, 1.0), (0.0, 1.0)][rng.integers(5)]
        parts.append(rng.uniform(low, high, rng.integers(1, longest)))
    return np.concatenate(parts).astype(np.float32)


def pattern(*stretches: tuple[float, float]) -> np.ndarray:
    """Probabilities from (value, seconds)."""
    return np.concatenate([np.full(round(s / FRAME_S), value, np.float32) for value, s in stretches])


@settings(max_examples=80, deadline=None)
@given(probabilities(), st.data())
def test_views_find_the_segments_of_the_whole(found: np.ndarray, data: st.DataObject) -> None:
    duration_s = len(found) * FRAME_S
    whole = find_segments(found, 0, VAD, LONGEST_S, duration_s)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(found)), max_size=4)))
    bounds = [0, *cuts, len(found) + 1]
    margin = int(np.ceil(context_s(VAD, LONGEST_S) / FRAME_S))
    pieced = []
    for begin, end in itertools.pairwise(bounds):
        left, right = max(0, begin - margin), min(len(found), end + margin)
        seen = find_segments(found[left:right], left, VAD, LONGEST_S, duration_s)
        pieced += [s for s in seen if begin * FRAME_S <= s.start < end * FRAME_S]
    assert pieced == whole


@settings(max_examples=50, deadline=None)
@given(probabilities())
def test_segments_keep_their_promises(found: np.ndarray) -> None:
    duration_s = len(found) * FRAME_S
    segments = find_segments(found, 0, VAD, LONGEST_S, duration_s)
    for segment in segments:
        assert 0 <= segment.start < segment.end <= duration_s + 1e-9
        assert segment.end - segment.start <= LONGEST_S + 1e-9
        assert 0 <= segment.confidence <= 1
    for before, after in itertools.pairwise(segments):
        assert before.end <= after.start
    clear = np.flatnonzero(found >= VAD.onset)
    lost = [f for f in clear if not any(s.start <= f * FRAME_S < s.end for s in segments)]
    runs = np.split(np.array(lost), np.flatnonzero(np.diff(lost) > 1) + 1) if lost else []
    assert all(len(run) * FRAME_S < VAD.min_speech_s for run in runs)


def test_gaps_are_bridged_and_blips_dropped() -> None:
    found = pattern((0, 1), (0.9, 1), (0.1, 0.2), (0.9, 1), (0, 1), (0.9, 0.1), (0, 1), (0.9, 0.5), (0, 1))
    segments = find_segments(found, 0, VAD, 30.0, len(found) * FRAME_S)
    assert [round(s.start, 1) for s in segments] == [0.9, 5.1]
    assert segments[0].end == pytest.approx(3.3, abs=0.1)


def test_padding_stops_in_the_middle_of_a_gap() -> None:
    vad = VadSettings(pad_s=1.0)
    found = pattern((0, 2), (0.9, 1), (0, 0.5), (0.9, 1), (0, 0.3))
    first, second = find_segments(found, 0, vad, 30.0, len(found) * FRAME_S)
    assert first.end == second.start
    assert first.start == pytest.approx(1.0, abs=0.05)
    assert second.end == len(found) * FRAME_S


def test_speech_without_pause_is_cut_at_its_quietest() -> None:
    found = pattern((0.9, 60))
    found[1100] = 0.5  # 35.2 s
    segments = find_segments(found, 0, VAD, 30.0, 60.0)
    assert segments[0].start == 0
    assert segments[-1].end == 60
    assert all(a.end == b.start for a, b in itertools.pairwise(segments))
    assert 35.2 in [s.start for s in segments]


def test_silence_has_no_segments_and_nonsense_lengths_are_refused() -> None:
    assert find_segments(np.zeros(0, np.float32), 0, VAD, 30.0, 0.0) == []
    assert find_segments(pattern((0.1, 10)), 0, VAD, 30.0, 10.0) == []
    with pytest.raises(ValueError, match="give at least"):
        find_segments(pattern((0.9, 10)), 0, VAD, 0.3, 10.0)
