"""Shards in columns are those that a medium is cut into, also on the other side of a packed slice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.archive.media import Media
from pipelines.records import Medium
from pipelines.speech.shards import cut_into_shards, shard_count
from ray_apps import shards as module
from ray_apps.shards import Shards, unpacked

SHARD_S = 600.0


def medium(number: int, seconds: float) -> Medium:
    targets = ("en",) if number % 3 == 0 else ()
    return Medium(
        id=f"{number:020x}",
        url=f"/{number}",
        name=f"{number}",
        size=1,
        version="1",
        duration_s=seconds,
        targets=targets,
    )


def columns(media: list[Medium], sources: list[str]) -> Shards:
    counts = np.array([shard_count(m.duration_s, SHARD_S) for m in media], np.int32)
    return Shards.all_of(Media.of(media), counts, sources, ("fr",))


LENGTHS = st.lists(st.floats(0, 20_000) | st.sampled_from([0.0, 600.0, 1200.0, 600.032, 599.999999]), max_size=8)


@given(LENGTHS, st.randoms(use_true_random=False))
def test_they_are_what_the_media_are_cut_into_and_survive_the_way_to_a_task(lengths, random):
    media = [medium(number, seconds) for number, seconds in enumerate(lengths)]
    sources = [random.choice(["tr", "auto"]) for _ in media]
    shards = columns(media, sources)
    expected = [
        shard
        for m, source in zip(media, sources, strict=True)
        for shard in cut_into_shards(m, SHARD_S, source, m.targets or ("fr",))
    ]
    assert list(shards) == expected
    assert shards.seconds == pytest.approx(sum(s.end_s - s.start_s for s in expected))
    chosen = np.array([random.random() < 0.6 for _ in expected], bool)
    some = [shard for shard, wanted in zip(expected, chosen, strict=True) if wanted]
    assert [shards.where(chosen)[at] for at in range(len(some))] == some
    assert [shard for packed in shards.where(chosen).slices() for shard in unpacked(packed)] == some


def test_a_slice_may_end_within_a_medium(monkeypatch):
    monkeypatch.setattr(module, "_SLICE", 4)
    shards = columns([medium(1, 5 * SHARD_S), medium(2, 2 * SHARD_S)], ["tr", "de"])
    slices = [[shard.name[-7:] for shard in unpacked(packed)] for packed in shards.slices()]
    assert slices == [["1/00000", "1/00001", "1/00002", "1/00003"], ["1/00004", "2/00000", "2/00001"]]


def test_a_million_shards_take_few_bytes():
    shards = columns([medium(number, 100 * SHARD_S) for number in range(100)], ["auto"] * 100)
    sizes = shards.rows.nbytes + shards.indices.nbytes + shards.spoken.nbytes
    assert sizes / len(shards) <= 10
    assert len(shards.packed()) / len(shards) < 10
