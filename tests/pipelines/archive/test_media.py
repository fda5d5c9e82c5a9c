"""What goes into the columns comes out of them, wherever it stands."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from pipelines.archive.media import Media, longest_first
from pipelines.records import Failure, Medium

FILM = Medium(
    id="a" * 20,
    url="s3://films/köprü.mp4",
    name="köprü.mp4",
    size=2**40,
    version="1",
    duration_s=61.25,
    container="mp4",
    audio_stream=2,
    language="tr",
    listed_language=True,
    targets=("fr", "en"),
)
TEXT = Medium(
    id="text", url="/t", name="t", size=0, version="", failure=Failure(kind="not_media", detail="é", permanent=True)
)
TALK = Medium(id="b" * 20, url="/talk", name="talk", size=1, version="2", duration_s=7200.0)
ALL = [FILM, TEXT, TALK]


def test_media_come_back_as_they_were_one_by_one_together_and_from_another_process():
    media = Media.of(ALL)
    assert [media[0], media[1], media[-1]] == ALL
    assert list(media) == ALL
    assert list(media[1:]) == ALL[1:]
    assert pickle.loads(pickle.dumps(media)) == media == ALL
    with pytest.raises(IndexError):
        media[3]


def test_many_more_than_are_made_at_once():
    many = [TALK.model_copy(update={"id": f"{i:x}", "duration_s": float(i)}) for i in range(10_000)]
    media = Media.of(iter(many))
    assert len(media) == 10_000
    assert [m.duration_s for m in media] == [m.duration_s for m in many]
    assert media.rows_of(["270f", "0", "nowhere"]).tolist() == [9999, 0, -1]


def test_a_medium_is_found_by_its_id_and_one_that_is_not_there_is_not():
    media = Media.of(ALL)
    assert [media.row_of(m.id) for m in ALL] == [0, 1, 2]
    assert media.rows_of(["text", "a" * 19, "a" * 21, "", "b" * 20]).tolist() == [1, -1, -1, -1, 2]
    assert media.get("b" * 20) == TALK
    assert Media.of(()).get("text") is None


def test_what_failed_is_told_by_its_row():
    assert Media.of(ALL).failed.tolist() == [1]


def test_the_longest_come_first_and_names_decide_between_equals():
    short = [TALK.model_copy(update={"id": name, "name": name, "duration_s": 5.0}) for name in ("z", "é", "a")]
    assert [m.name for m in longest_first(Media.of([*short, *ALL]))] == ["talk", "köprü.mp4", "a", "z", "é", "t"]


def test_of_two_with_one_id_the_first_stays():
    again = TALK.model_copy(update={"name": "again"})
    assert list(Media.of([FILM, TALK, again]).first_of_each()) == [FILM, TALK]


def test_some_are_taken_in_any_order():
    assert list(Media.of(ALL).take(np.array([2, 0]))) == [TALK, FILM]
