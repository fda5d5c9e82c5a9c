"""A window in two loses nothing and is cut where nobody speaks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.records import Segment, Window
from pipelines.speech.pieces import split_at_pause


def window(*spans: tuple[float, float], start_s: float = 50.0) -> Window:
    segments = tuple(Segment(start=start_s + a, end=start_s + b, confidence=0.9) for a, b in spans)
    samples = np.arange(round(spans[-1][1] * 16_000)) % 30_000
    return Window(start_s=start_s, segments=segments, samples=samples.astype(np.int16))


def test_the_cut_falls_into_the_longest_pause() -> None:
    first, second = split_at_pause(window((0, 3), (3.2, 5), (6, 9), (9.4, 12)))
    assert second.start_s == 55.5
    assert [len(piece.segments) for piece in (first, second)] == [2, 2]


def test_a_long_pause_near_an_end_gives_way_to_one_that_parts_more_evenly() -> None:
    _, second = split_at_pause(window((0, 1.2), (3, 8), (8.5, 13)))
    assert second.start_s == 58.25


def test_speech_without_a_pause_is_cut_where_it_is_quietest() -> None:
    whole = window((0, 9))
    samples = np.full(9 * 16_000, 9000, np.int16)
    samples[80_000:82_000] = 0
    _, second = split_at_pause(whole.model_copy(update={"samples": samples}))
    assert 5.0 <= second.start_s - 50 <= 5.125


def test_what_is_too_short_is_not_parted() -> None:
    assert split_at_pause(window((0, 1.5))) is None
    assert split_at_pause(window((0, 0.5), (0.9, 1.2))) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0.05, 3), st.floats(0.3, 5)), min_size=1, max_size=6))
def test_the_pieces_hold_every_sample_and_all_speech(lengths) -> None:
    spans, at = [], 0.0
    for pause, speech in lengths:
        spans.append((at + pause, at + pause + speech))
        at = spans[-1][1]
    whole = window(*spans)
    pieces = split_at_pause(whole)
    if pieces is None:
        return
    assert np.array_equal(np.concatenate([p.samples for p in pieces]), whole.samples)
    assert abs(sum(p.speech_s for p in pieces) - whole.speech_s) < 1e-6
    for piece in pieces:
        assert all(piece.start_s - 1e-9 <= s.start < s.end <= piece.end_s + 1e-4 for s in piece.segments)
