"""The tables hold every medium, cue and failure once, in an order that does not hang on the run."""

from __future__ import annotations

import io
import json

import pyarrow.parquet as pq
import pytest

from pipelines.archive.storage import Store
from pipelines.ledger.assemble import assemble
from pipelines.ledger.output_names import OutputNames
from pipelines.ledger.parts import PartStore
from pipelines.ledger.runs import RunError, load_run, public_url, save_run
from pipelines.ledger.tables import FINGERPRINT_KEY, write_summary, write_tables
from pipelines.records import Failure, Medium, Part, PartWindow, Segment, Text
from pipelines.settings import CueSettings

FP = "f" * 16
CRASH = Failure(kind="crash", detail="decoder died", permanent=True)
AWAY = Failure(kind="unreadable", detail="timed out", permanent=False)


def medium(name: str, **fields) -> Medium:
    return Medium(id=f"id{name[0]}", url=f"/in/{name}", name=name, size=9, version="1", duration_s=60.0, **fields)


def part(owner: Medium, index: int, failure: Failure | None = None) -> Part:
    start = 30.0 * index
    said = Text(language="tr", text="Merhaba.", logprob=-0.1, score=0.9, verdict="accepted")
    fr = said.model_copy(update={"language": "fr", "text": f"Bonjour {owner.name} {index}."})
    en = said.model_copy(update={"language": "en", "text": f"Hello {index}.", "verdict": "needs_review"})
    segments = (Segment(start=start + 1, end=start + 5, confidence=0.9),)
    window = PartWindow(start_s=start, end_s=start + 6, segments=segments, source=said, targets=(fr, en))
    return Part(
        shard=f"{owner.id}/{index:05d}",
        medium_id=owner.id,
        index=index,
        fingerprint=FP,
        source="tr",
        demo_model=True,
        windows=() if failure else (window,),
        failure=failure,
    )


DONE, PARTIAL, OPEN = medium("a.wav"), medium("b.mp4"), medium("c.mkv")
TEXT, GONE = medium("d.txt", failure=CRASH), medium("e.wav", failure=AWAY)
MEDIA = [OPEN, GONE, PARTIAL, DONE, TEXT]
WIDE = CueSettings()
SHARDS = {DONE.id: 2, PARTIAL.id: 2, OPEN.id: 3}


@pytest.fixture
def store(tmp_path) -> Store:
    """A run: one medium is done, one in part, one is open, one is text and one could not be reached."""
    store = Store(str(tmp_path))
    run_into(store)
    return store


def run_into(store: Store, media=MEDIA, cues=WIDE) -> None:
    run = save_run(store, FP, {"targets": ["fr", "en"]}, media, SHARDS, targets=["fr", "en"], cue_settings=cues)
    ledger, names = PartStore(store, FP), OutputNames(store, run.media)
    for owner, parts in (
        (DONE, [part(DONE, 0), part(DONE, 1)]),
        (PARTIAL, [part(PARTIAL, 0), part(PARTIAL, 1, CRASH)]),
    ):
        assemble(owner, parts, FP, run.cues, store, names=names, targets=run.targets)
        ledger.compact(owner.id, parts)
    ledger.write(part(OPEN, 0))
    ledger.begin_attempt(f"{OPEN.id}/00001", "run1")
    ledger.begin_attempt(f"{PARTIAL.id}/00001", "run1")


def read(store: Store, name: str) -> list[dict]:
    return pq.read_table(io.BytesIO(store.read_bytes(f"{name}.parquet"))).to_pylist()


def test_every_medium_of_the_manifest_has_one_row(store):
    write_tables(store, load_run(store))
    rows = read(store, "media")
    assert [(r["name"], r["status"], r["shards_done"], r["shards"]) for r in rows] == [
        ("a.wav", "ok", 2, 2),
        ("b.mp4", "partial", 1 + 1, 2),
        ("c.mkv", "open", 1, 3),
        ("d.txt", "failed", 0, 0),
        ("e.wav", "open", 0, 0),
    ]
    formats = ("srt", "vtt", "json", "review.csv")
    assert rows[0]["outputs"] == [f"a.{lang}.{fmt}" for lang in ("fr", "en") for fmt in formats][:3] + [
        f"a.en.{fmt}" for fmt in formats
    ]
    assert (rows[0]["cues"], rows[0]["needs_review"], rows[0]["speech_s"]) == (4, 2, 8.0)
    assert rows[2]["outputs"] == []


def test_every_cue_and_language_has_one_row_and_open_media_have_none(store):
    write_tables(store, load_run(store))
    rows = read(store, "cues")
    assert [(r["medium_id"], r["language"], r["index"]) for r in rows] == [
        ("ida", "en", 1),
        ("ida", "en", 2),
        ("ida", "fr", 1),
        ("ida", "fr", 2),
        ("idb", "en", 1),
        ("idb", "fr", 1),
    ]
    first = rows[2]
    assert (first["text"], first["source_text"], first["verdict"]) == (
        "Bonjour a.wav 0.",
        "Merhaba.",
        "accepted",
    )
    assert first["demo_model"] is True
    assert 0 < first["start_s"] < first["end_s"]


def test_every_failure_has_one_row(store):
    write_tables(store, load_run(store), {f"{OPEN.id}/00002": AWAY.model_copy(update={"permanent": True})})
    rows = [
        (r["name"], r["shard"], r["status"], r["error_kind"], r["attempts"], r["permanent"])
        for r in read(store, "errors")
    ]
    assert rows == [
        ("b.mp4", 1, "failed", "crash", 1, True),
        ("c.mkv", 1, "open", "not_done", 1, False),
        ("c.mkv", 2, "open", "unreadable", 1, False),
        ("d.txt", -1, "failed", "crash", 1, True),
        ("e.wav", -1, "open", "unreadable", 1, False),
    ]


def test_totals_add_up_the_whole_archive(store):
    totals = write_tables(store, load_run(store))
    assert (totals.media, totals.ok, totals.partial, totals.failed, totals.open) == (5, 1, 1, 1, 2)
    assert (totals.shards, totals.shards_done, totals.cues, totals.errors) == (7, 5, 6, 5)
    assert totals.demo_model


def test_two_runs_in_any_order_give_equal_tables(tmp_path, store):
    other = Store(str(tmp_path / "other"))
    run_into(other, MEDIA[::-1])
    for each in (store, other):
        write_tables(each, load_run(each))
    for name in ("cues", "media", "errors"):
        assert read(store, name) == read(other, name)


def test_an_empty_archive_has_empty_tables(tmp_path):
    store = Store(str(tmp_path))
    run = save_run(store, FP, {}, [], {}, targets=["fr"], cue_settings=CueSettings())
    assert write_tables(store, run).media == 0
    assert all(read(store, name) == [] for name in ("cues", "media", "errors"))


def test_tables_say_whose_they_are(store):
    write_tables(store, load_run(store))
    schema = pq.read_schema(io.BytesIO(store.read_bytes("cues.parquet")))
    assert schema.metadata[FINGERPRINT_KEY] == FP.encode()


def test_a_damaged_ledger_entry_makes_its_medium_open(store):
    store.write_bytes(f"_voxtral/ledger/{FP}/{DONE.id}.json.gz", b"")
    totals = write_tables(store, load_run(store))
    assert (totals.ok, totals.open) == (0, 3)


def test_a_damaged_ledger_entry_is_set_aside_so_that_the_next_run_does_it(store):
    path = f"_voxtral/ledger/{FP}/{DONE.id}.json.gz"
    store.write_bytes(path, b"half")
    (sentence,) = write_tables(store, load_run(store)).damaged
    assert path in sentence
    assert DONE.id not in PartStore(store, FP).finished()
    assert store.read_bytes(path.replace("_voxtral", "_voxtral/damaged")) == b"half"


def test_a_ledger_entry_that_lacks_shards_is_opened_again(store):
    PartStore(store, FP).compact(DONE.id, [part(DONE, 0)])
    totals = write_tables(store, load_run(store))
    assert (totals.ok, totals.open) == (0, 3)
    ledger = PartStore(store, FP)
    assert DONE.id not in ledger.finished()
    assert ledger.done()[DONE.id] == {0}


def again(store: Store, cues: CueSettings) -> int:
    """The same command once more, with nothing left to do but files; how many were written."""
    run = save_run(store, FP, {}, MEDIA, SHARDS, targets=["fr", "en"], cue_settings=cues)
    return write_tables(store, run).restored


def test_a_deleted_file_comes_back_and_a_corrected_one_stays(store):
    write_tables(store, load_run(store))
    original = store.read_bytes("a.fr.srt")
    store.delete("a.fr.srt")
    store.write_bytes("a.en.srt", b"corrected by hand")
    assert again(store, CueSettings()) == 1
    assert store.read_bytes("a.fr.srt") == original
    assert store.read_bytes("a.en.srt") == b"corrected by hand"


def test_another_format_or_profile_is_written_from_the_ledger(store):
    write_tables(store, load_run(store))
    again(store, CueSettings(max_line_chars=8))
    assert b"Bonjour\na.wav 0." in store.read_bytes("a.fr.srt")
    assert again(store, CueSettings(max_line_chars=8)) == 0


def test_what_was_corrected_by_hand_is_kept_aside_when_the_look_changes(store):
    write_tables(store, load_run(store))
    original = store.read_bytes("a.en.srt")
    store.write_bytes("a.fr.srt", b"corrected by hand")
    run = save_run(
        store, FP, {}, MEDIA, SHARDS, targets=["fr", "en"], cue_settings=CueSettings(max_line_chars=8, formats=("srt",))
    )
    (sentence,) = write_tables(store, run).kept_edits
    assert store.url_of("a.fr.srt") in sentence
    assert "a.fr.srt.edited" in sentence
    assert store.read_bytes("a.fr.srt.edited") == b"corrected by hand"
    assert b"Bonjour\na.wav 0." in store.read_bytes("a.fr.srt")
    assert b"Bonjour\na.wav 0." in store.read_bytes("a.fr.vtt"), "of a format that is no longer asked for"
    store.write_bytes("a.fr.srt", b"corrected once more")
    assert again(store, CueSettings()) == 6, "all that look otherwise now"
    assert store.read_bytes("a.fr.srt.edited") == b"corrected by hand"
    assert store.read_bytes("a.fr.srt.edited2") == b"corrected once more"
    assert store.read_bytes("a.en.srt") == original
    assert [p for p in store.list() if ".edited" in p] == ["a.fr.srt.edited", "a.fr.srt.edited2"]


def test_another_list_of_formats_only_adds_the_new_files(tmp_path):
    store = Store(str(tmp_path))
    run_into(store, cues=CueSettings(formats=("srt",)))
    write_tables(store, load_run(store))
    store.write_bytes("a.fr.srt", b"corrected by hand")
    assert again(store, CueSettings(formats=("srt", "vtt"))) == 4
    assert store.read_bytes("a.fr.srt") == b"corrected by hand"
    assert store.read_bytes("a.fr.vtt").startswith(b"WEBVTT")
    assert not any(".edited" in p for p in store.list())


def test_a_kill_between_two_profiles_leaves_no_file_of_the_wrong_one(store):
    write_tables(store, load_run(store))
    before = store.read_bytes("a.fr.srt")
    narrow = save_run(store, FP, {}, MEDIA, SHARDS, targets=["fr", "en"], cue_settings=CueSettings(max_line_chars=8))
    names = OutputNames(store, narrow.media)
    assemble(DONE, [part(DONE, 0), part(DONE, 1)], FP, narrow.cues, store, names=names, targets=narrow.targets)
    assert store.read_bytes("a.fr.srt") != before  # and then the run is killed
    again(store, CueSettings())
    assert store.read_bytes("a.fr.srt") == before


def test_the_summary_is_written_whole(store):
    write_summary(store, {"media": 5, "name": "çay"})
    assert json.loads(store.read_bytes("summary.json")) == {"media": 5, "name": "çay"}


def test_the_newest_run_is_found_and_others_by_their_fingerprint(store):
    save_run(store, "0" * 16, {"quality": "max"}, [DONE], {DONE.id: 2}, targets=["de"], cue_settings=CueSettings())
    assert load_run(store).fingerprint == "0" * 16
    assert load_run(store).targets == ("de",)
    assert load_run(store, FP).fingerprint == FP
    with pytest.raises(RunError, match="no run"):
        load_run(store, "1" * 16)


def test_a_folder_without_runs_says_what_to_do(tmp_path):
    with pytest.raises(RunError, match="--out"):
        load_run(Store(str(tmp_path)))


def test_a_manifest_keeps_what_earlier_runs_have_results_of(store):
    run = save_run(store, FP, {}, [TEXT], {}, targets=["fr", "en"], cue_settings=CueSettings())
    assert [(r.medium.name, r.shards) for r in run.rows] == [
        ("a.wav", 2),
        ("b.mp4", 2),
        ("c.mkv", 3),
        ("d.txt", 0),
    ]
    assert load_run(store).rows == run.rows


def test_a_run_over_other_inputs_drops_no_work_that_is_left(tmp_path):
    store = Store(str(tmp_path))
    waiting, changed = medium("w.wav"), medium("x.wav")
    newer = changed.model_copy(update={"id": "idx2", "version": "2"})
    for media in ([waiting, changed, TEXT, GONE], [newer]):
        run = save_run(store, FP, {}, media, {"idw": 4, "idx": 1}, targets=["fr"], cue_settings=CueSettings())
    assert [(r.medium.id, r.shards) for r in run.rows] == [("idw", 4), ("idx2", 0)]
    assert write_tables(store, run).open == 1


def test_a_damaged_manifest_is_told_and_the_next_run_heals_it(store):
    store.write_bytes(f"_voxtral/manifest/{FP}.parquet", b"PAR1")
    with pytest.raises(RunError, match="damaged"):
        load_run(store)
    save_run(store, FP, {}, MEDIA, SHARDS, targets=["fr", "en"], cue_settings=CueSettings())
    assert len(load_run(store).rows) == 5


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("/in/a b?.wav", "/in/a b?.wav"),
        ("s3://bucket/a?.wav", "s3://bucket/a?.wav"),
        ("https://me:pw@host:8443/a.wav?v=1&sig=xyz", "https://host:8443/a.wav?v=1"),
    ],
)
def test_addresses_are_kept_without_secrets(url, kept):
    assert public_url(url) == kept


def test_a_saved_run_holds_no_secret(tmp_path):
    store = Store(str(tmp_path))
    url = "https://me:pw@host/a.wav?sig=hidden"
    owner = DONE.model_copy(update={"url": url})
    save_run(store, FP, {"inputs": [url]}, [owner], {}, targets=["fr"], cue_settings=CueSettings())
    kept = b"".join(store.read_bytes(p) for p in store.list())
    assert b"hidden" not in kept
    assert load_run(store).media[0].url == "https://host/a.wav"
    assert b"pw@" not in kept
