"""A medium has one spoken language, whichever shard told it and whenever the run was resumed."""

from __future__ import annotations

import numpy as np

from pipelines.archive.media import Media
from pipelines.records import UNIDENTIFIED, Failure, Medium, Part, Shard
from ray_apps.shards import Shards
from ray_apps.spoken_language import SpokenLanguages


def media(**seconds: float) -> Media:
    return Media.of(
        Medium(id=name, url=f"/{name}", name=name, size=1, version="1", duration_s=length)
        for name, length in seconds.items()
    )


def shards(source: str = "auto", **counts: int) -> Shards:
    """Shards of ten seconds, so many of each medium."""
    listed = media(**{name: 10.0 * count for name, count in counts.items()})
    return Shards.all_of(listed, np.array(list(counts.values()), np.int32), [source] * len(listed), ("fr",))


def told(shards: Shards) -> list[tuple[str, str]]:
    return [(shard.name, shard.source) for shard in shards]


def part(shard: Shard, source: str, failure: Failure | None = None) -> Part:
    return Part(
        shard=shard.name,
        medium_id=shard.medium.id,
        index=shard.index,
        fingerprint="f",
        source=source,
        demo_model=False,
        failure=failure,
    )


def test_shards_of_a_known_language_all_begin_at_once_in_the_order_given():
    film = shards(source="tr", film=3)
    backwards = film.where(np.array([2, 1, 0]))
    begin, wait = SpokenLanguages(film.media).ready(backwards)
    assert told(begin) == [("film/00002", "tr"), ("film/00001", "tr"), ("film/00000", "tr")]
    assert len(wait) == 0


def test_one_shard_of_a_medium_leads_and_the_rest_follow_its_language():
    both = shards(film=3, talk=2)
    languages = SpokenLanguages(both.media)
    begin, wait = languages.ready(both.where(np.array([1, 0, 3, 2, 4])))
    assert told(begin) == [("film/00000", "auto"), ("talk/00000", "auto")]
    languages.learn([part(both[0], "tr"), part(both[3], UNIDENTIFIED)])
    begin, wait = languages.ready(wait)
    assert told(begin) == [("film/00001", "tr"), ("film/00002", "tr"), ("talk/00001", "auto")]
    assert len(wait) == 0


def test_a_shard_that_failed_tells_nothing_and_the_first_that_tells_decides():
    film = shards(film=4)
    languages = SpokenLanguages(film.media)
    failure = Failure(kind="crashed", detail="", permanent=True)
    languages.learn([part(film[0], "en", failure), part(film[1], "tr"), part(film[2], "en")])
    assert told(languages.ready(film.where(np.array([3])))[0]) == [("film/00003", "tr")]


def test_after_three_that_told_nothing_the_rest_begin_together():
    film = shards(film=9)
    languages = SpokenLanguages(film.media)
    waiting = film
    for index in range(3):
        begin, waiting = languages.ready(waiting)
        assert [s.index for s in begin] == [index]
        languages.learn([part(begin[0], UNIDENTIFIED)])
    begin, waiting = languages.ready(waiting)
    assert ([s.index for s in begin], len(waiting)) == ([3, 4, 5, 6, 7, 8], 0)


def test_what_did_not_tell_is_taken_for_its_mediums_language_or_the_fallbacks():
    both = shards(film=2, talk=1)
    languages = SpokenLanguages(both.media)
    languages.learn([part(both[1], "tr")])
    assert told(languages.settle(both.where(np.array([0, 2])))) == [("film/00000", "tr"), ("talk/00000", "en")]


def test_a_resumed_run_decides_as_one_that_was_not_disturbed():
    """The first three say nothing, the fifth comes back first as Turkish, and the run is killed."""
    film = shards(film=6)
    silent, later = [part(film[at], UNIDENTIFIED) for at in (0, 1)], [part(film[5], "tr"), part(film[3], "en")]
    undisturbed, resumed = SpokenLanguages(film.media), SpokenLanguages(film.media)
    waiting = film
    for at in range(3):
        begin, waiting = undisturbed.ready(waiting)
        undisturbed.learn(silent[at : at + 1])
    begin, waiting = undisturbed.ready(waiting)
    assert told(begin) == [(f"film/0000{at}", "auto") for at in (3, 4, 5)]
    undisturbed.learn(later)
    assert told(undisturbed.settle(film.where(np.array([2])))) == [("film/00002", "en")]

    resumed.recall([*silent, later[0]])
    begin, waiting = resumed.ready(film.where(np.array([2, 3, 4])))
    assert told(begin) == [("film/00002", "auto")]  # leads once more, and does not tell
    begin, waiting = resumed.ready(waiting)
    assert told(begin) == [("film/00003", "auto"), ("film/00004", "auto")]
    resumed.learn(later[1:])
    assert told(resumed.settle(film.where(np.array([2])))) == [("film/00002", "en")]
