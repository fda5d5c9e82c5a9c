"""What a report tells of a run, in whatever state that run is."""

from __future__ import annotations

import pytest

from pipelines.archive.storage import Store
from pipelines.ledger.parts import PartStore
from pipelines.ledger.runs import RunError, load_run
from pipelines.ledger.tables import write_tables
from pipelines.records import Failure
from ray_apps.report.facts import Facts, as_json
from ray_apps.report.gather import gather
from tests.ray_apps.report.hand_made_runs import (
    FP,
    HARDWARE,
    MONDAY,
    medium,
    part,
    window,
    write_mixed_run,
    write_run,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(str(tmp_path_factory.mktemp("run")))
    write_mixed_run(store)
    return store


@pytest.fixture(scope="module")
def facts(store: Store) -> Facts:
    return gather(store)


def test_the_archive_is_added_up(facts: Facts):
    archive = facts.archive
    assert archive.by_status == {"ok": 2, "partial": 1, "open": 1, "failed": 2}
    assert (archive.media, facts.not_opened, archive.shards, archive.shards_done) == (6, 1, 8, 6)
    assert archive.duration_s == 3000.0
    assert archive.spoken == {"tr": 3}
    assert archive.cues == facts.quality.cues > 20
    assert archive.retries == 3
    assert facts.at_end
    assert facts.ended is not None
    assert facts.ended.hardware == HARDWARE


def test_the_worst_cues_come_worst_first_with_what_was_said_and_where(facts: Facts):
    worst = facts.quality.worst
    assert [cue.score for cue in worst.rows] == [0.12, 0.31]
    assert worst.total == 2
    first = worst.rows[0]
    assert (first.place.name, first.place.url) == ("films/Yolculuk.mp4", "/archive/films/Yolculuk.mp4")
    assert (first.source_text, first.text) == ("Annem pazardan elma aldı.", "Sous-titres réalisés par la communauté")
    assert first.reasons == ("boilerplate",)
    assert 30.0 < first.start_s < first.end_s < 43.0
    assert (first.spoken, first.language) == ("tr", "fr")


def test_one_hopeless_medium_does_not_hide_the_others(tmp_path):
    hopeless, poor = medium("hopeless.mp4", 3600.0), medium("poor.mp4", 3600.0)
    bad = [window(40.0 * i, score=0.01 + i / 1e4, reasons=("loop",)) for i in range(60)]
    write_run(
        Store(str(tmp_path)),
        [(hopeless, 1, [part(hopeless, bad)]), (poor, 1, [part(poor, [window(0.0, score=0.4, reasons=("unsure",))])])],
    )
    worst = gather(Store(str(tmp_path))).quality.worst
    assert [cue.place.name for cue in worst.rows] == ["hopeless.mp4"] * 3 + ["poor.mp4"]
    assert [cue.score for cue in worst.rows][:3] == pytest.approx([0.01, 0.0101, 0.0102])
    assert worst.total == 61


def test_speech_without_text_is_listed_with_its_times(facts: Facts):
    archive = facts.archive
    (film,) = archive.without_text.rows
    assert film.place.name == "films/Yolculuk.mp4"
    assert film.missing_s == pytest.approx(archive.speech_s - archive.covered_s) == pytest.approx(10.0)
    (stretch,) = film.stretches.rows
    assert (stretch.start_s, stretch.end_s, stretch.reason) == (151.0, 161.0, "unheard")


def test_broken_rules_are_counted(facts: Facts):
    assert facts.archive.violations
    assert facts.quality.reasons["boilerplate"] == facts.quality.reasons["numbers"] == 1


def test_errors_are_grouped_and_those_that_are_no_media_come_last(facts: Facts):
    kinds = [(error.kind, error.count, error.open) for error in facts.errors]
    assert kinds == [("not_done", 2, 2), ("crashed", 1, 0), ("empty", 1, 0), ("not_opened", 1, 0)]
    (crashed,) = [error for error in facts.errors if error.kind == "crashed"]
    place, shard, detail = crashed.examples.rows[0]
    assert (place.name, shard, detail) == ("talks/röportaj.ogg", 1, "the decoder died with signal 11")


def test_the_time_is_that_of_the_parts(facts: Facts):
    work = facts.work
    assert {stage.stage: stage.total_s for stage in work.stages} == {"engine": 165.0, "decode": 7.5, "vad": 2.5}
    assert (work.stages[0].longest_s, work.stages[0].longest.name) == (60.0, "films/Yolculuk.mp4")
    assert (work.shards, work.failed, work.audio_s) == (6, 1, 600 + 1200 + 150 + 300)


def test_audio_counts_where_and_when_it_was_done(facts: Facts):
    first, second = facts.work.sessions.rows
    assert first.began == pytest.approx(MONDAY - 60.0)
    assert (first.length_s, first.audio_s) == (pytest.approx(150.0, abs=0.5), pytest.approx(1200.0))
    assert second.began == pytest.approx(MONDAY + 7155.0, abs=0.5)
    assert second.audio_s == pytest.approx(1050.0)
    # A pause inside a session (nobody at work from 0 s to 70 s) shows as bars of nothing.
    idle = [bar.audio_s for bar in first.bars if MONDAY + 8 < bar.began < MONDAY + 55]
    assert idle
    assert max(idle) < 1e-6
    assert 50 <= sum(len(session.bars) for session in facts.work.sessions.rows) <= 70


def test_parts_of_a_version_that_kept_no_time_are_told(tmp_path):
    owner = medium("old.mp4")
    write_run(Store(str(tmp_path)), [(owner, 1, [part(owner, [window(0.0)], done_at=None)])])
    work = gather(Store(str(tmp_path))).work
    assert (work.undated, work.sessions.total, work.audio_s) == (1, 0, 300.0)


def test_a_run_that_was_killed_is_told_from_its_ledger(tmp_path):
    """The tables of the run before it are there, and tell old news."""
    store = Store(str(tmp_path))
    first, second = medium("a.mp4"), medium("b.mp4")
    write_run(store, [(first, 1, [part(first, [window(0.0)])])])
    write_run(
        store, [(first, 1, [part(first, [window(0.0)])]), (second, 2, [part(second, [window(0.0)])])], ended=False
    )
    before = {path: store.read_bytes(path) for path in store.list()}
    facts = gather(store)
    assert not facts.at_end
    assert facts.ended is None
    assert facts.archive.by_status == {"ok": 1, "open": 1}
    assert facts.work.shards == 2
    assert {path: store.read_bytes(path) for path in store.list()} == before


def test_both_ways_tell_the_same(store: Store, facts: Facts, tmp_path):
    """From the tables, and from the ledger where a table is gone."""
    copy = Store(str(tmp_path))
    for path in store.list():
        copy.write_bytes(path, store.read_bytes(path))
    copy.delete("media.parquet")
    from_ledger = as_json(gather(copy))
    assert from_ledger == as_json(facts) | {"out": copy.url, "at_end": False}


def test_a_run_that_ended_is_told_from_its_tables_alone(store: Store, facts: Facts, tmp_path):
    """So a million media need not be read one by one."""
    copy = Store(str(tmp_path))
    for path in store.list():
        if not path.startswith(("_voxtral/ledger", "_voxtral/parts", "_voxtral/manifest")):
            copy.write_bytes(path, store.read_bytes(path))
    told = gather(copy)
    assert (told.quality, told.errors, told.work) == (facts.quality, facts.errors, facts.work)


def test_an_empty_run_and_one_where_all_failed(tmp_path):
    nothing = Store(str(tmp_path / "nothing"))
    write_run(nothing, [])
    facts = gather(nothing)
    assert (facts.archive.media, facts.quality.cues, facts.work.shards, facts.errors) == (0, 0, 0, ())
    away = Failure(kind="unreadable", detail="no such host", permanent=False)
    failed = Store(str(tmp_path / "failed"))
    write_run(failed, [(medium("a.mp4", 0.0, failure=away), 0, [])])
    facts = gather(failed)
    assert [(e.kind, e.open) for e in facts.errors] == [("unreadable", 1)]


def test_a_bucket_is_told_like_a_folder():
    store = Store("memory://report/out")
    write_mixed_run(store)
    assert gather(store).archive.media == 6
    assert PartStore(store, FP).finished()


def test_a_folder_that_holds_no_run_is_refused(tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"x")
    with pytest.raises(RunError, match="holds no run: give the folder that --out named"):
        gather(Store(str(tmp_path)))


def test_corrections_keep_the_tables_current(store: Store, tmp_path):
    """Whoever writes the tables again, for the same run, tells no old news."""
    copy = Store(str(tmp_path))
    for path in store.list():
        copy.write_bytes(path, store.read_bytes(path))
    write_tables(copy, load_run(copy))
    assert gather(copy).at_end
