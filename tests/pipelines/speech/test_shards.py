"""Shards cover a medium without gap or overlap."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.records import Medium
from pipelines.speech.segments import FRAME_S
from pipelines.speech.shards import cut_into_shards


def medium(duration_s: float) -> Medium:
    return Medium(id="m", url="u", name="n", size=1, version="", duration_s=duration_s)


@settings(deadline=None, max_examples=60)
@given(st.floats(0.001, 4_000), st.floats(5.0, 900))
def test_shards_cover_the_medium(duration_s: float, shard_s: float) -> None:
    shards = cut_into_shards(medium(duration_s), shard_s, "tr", ("fr", "en"))
    assert (shards[0].start_s, shards[-1].end_s) == (0.0, duration_s)
    for before, after in itertools.pairwise(shards):
        assert before.end_s == after.start_s
        assert after.start_s / FRAME_S == pytest.approx(round(after.start_s / FRAME_S), abs=1e-3)
    assert all(0 < s.end_s - s.start_s <= shard_s + 1e-6 for s in shards)
    assert [s.index for s in shards] == list(range(len(shards)))
    assert {(s.source, s.targets) for s in shards} == {("tr", ("fr", "en"))}


def test_shards_are_about_equally_long() -> None:
    lengths = [s.end_s - s.start_s for s in cut_into_shards(medium(601.0), 600.0, "auto", ("fr",))]
    assert len(lengths) == 2
    assert abs(lengths[0] - lengths[1]) < 0.1


def test_a_medium_of_no_length_has_none() -> None:
    assert cut_into_shards(medium(0.0), 600.0, "auto", ()) == []
