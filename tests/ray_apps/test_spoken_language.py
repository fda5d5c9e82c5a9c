"""A medium has one spoken language, whichever shard told it and whenever the run was resumed."""

from __future__ import annotations

from pipelines.records import UNIDENTIFIED, Failure, Medium, Part, Shard
from ray_apps.spoken_language import SpokenLanguages


def shards(name: str, count: int, source: str = "auto") -> list[Shard]:
    medium = Medium(id=name, url=f"/{name}", name=name, size=1, version="1", duration_s=10.0 * count)
    return [
        Shard(medium=medium, index=i, start_s=10.0 * i, end_s=10.0 * (i + 1), source=source, targets=("fr",))
        for i in range(count)
    ]


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
    film = shards("film", 3, source="tr")
    assert SpokenLanguages().ready(film[::-1]) == (film[::-1], [])


def test_one_shard_of_a_medium_leads_and_the_rest_follow_its_language():
    film, talk = shards("film", 3), shards("talk", 2)
    languages = SpokenLanguages()
    begin, wait = languages.ready([film[1], film[0], talk[0], film[2], talk[1]])
    assert begin == [film[0], talk[0]]
    languages.learn([part(film[0], "tr"), part(talk[0], UNIDENTIFIED)])
    begin, wait = languages.ready(wait)
    assert [(s.name, s.source) for s in begin] == [
        ("film/00001", "tr"),
        ("film/00002", "tr"),
        ("talk/00001", "auto"),
    ]
    assert wait == []


def test_a_shard_that_failed_tells_nothing_and_the_first_that_tells_decides():
    film = shards("film", 4)
    languages = SpokenLanguages()
    failure = Failure(kind="crashed", detail="", permanent=True)
    languages.learn([part(film[0], "en", failure), part(film[1], "tr"), part(film[2], "en")])
    assert [s.source for s in languages.ready(film[3:])[0]] == ["tr"]


def test_after_three_that_told_nothing_the_rest_begin_together():
    film = shards("film", 9)
    languages = SpokenLanguages()
    waiting: list[Shard] = film
    for index in range(3):
        begin, waiting = languages.ready(waiting)
        assert [s.index for s in begin] == [index]
        languages.learn([part(begin[0], UNIDENTIFIED)])
    begin, waiting = languages.ready(waiting)
    assert ([s.index for s in begin], waiting) == ([3, 4, 5, 6, 7, 8], [])


def test_what_did_not_tell_is_taken_for_its_mediums_language_or_the_fallbacks():
    film, talk = shards("film", 2), shards("talk", 1)
    languages = SpokenLanguages()
    languages.learn([part(film[1], "tr")])
    assert [s.source for s in languages.settle([film[0], talk[0]])] == ["tr", "en"]
