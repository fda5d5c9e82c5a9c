"""``verify`` finds nothing wrong with a sound folder, and finds whatever is done to it."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.archive.storage import Store
from pipelines.ledger.assemble import assemble
from pipelines.ledger.output_names import OutputNames
from pipelines.ledger.parts import PartStore
from pipelines.ledger.runs import load_run, save_run
from pipelines.ledger.tables import write_summary, write_tables
from pipelines.ledger.verify import verify
from pipelines.records import Failure, Medium, Part, PartWindow, Segment, Text
from pipelines.settings import CueSettings

FP = "f" * 16
CRASH = Failure(kind="crash", detail="decoder died", permanent=True)


def medium(name: str, **fields) -> Medium:
    return Medium(id=f"id{name[0]}", url=f"/in/{name}", name=name, size=9, version="1", duration_s=60.0, **fields)


def part(owner: Medium, index: int, failure: Failure | None = None, fingerprint: str = FP) -> Part:
    start = 30.0 * index
    said = Text(language="tr", text="Merhaba.", logprob=-0.1, score=0.9, verdict="accepted")
    fr = said.model_copy(update={"language": "fr", "text": f"Bonjour {owner.name} {index}."})
    segments = (Segment(start=start + 1, end=start + 5, confidence=0.9),)
    window = PartWindow(start_s=start, end_s=start + 6, segments=segments, source=said, targets=(fr,))
    return Part(
        shard=f"{owner.id}/{index:05d}",
        medium_id=owner.id,
        index=index,
        fingerprint=fingerprint,
        source="tr",
        demo_model=False,
        windows=() if failure else (window,),
        failure=failure,
    )


DONE, PARTIAL, OPEN, SILENT = medium("a.wav"), medium("b.mp4"), medium("c.mkv"), medium("s.wav")
TEXT = medium("d.txt", failure=CRASH)
MEDIA = [OPEN, PARTIAL, DONE, TEXT, SILENT]
SHARDS = {DONE.id: 2, PARTIAL.id: 2, OPEN.id: 4}


def run_into(store: Store, fingerprint: str = FP) -> None:
    run = save_run(store, fingerprint, {}, MEDIA, SHARDS, targets=["fr"], cue_settings=CueSettings())
    ledger, names = PartStore(store, fingerprint), OutputNames(store, run.media)
    for owner, parts in (
        (DONE, [part(DONE, i, fingerprint=fingerprint) for i in range(2)]),
        (PARTIAL, [part(PARTIAL, 0, None, fingerprint), part(PARTIAL, 1, CRASH, fingerprint)]),
        (SILENT, []),
    ):
        assemble(owner, parts, fingerprint, run.cues, store, names=names, targets=run.targets)
        ledger.compact(owner.id, parts)
    for index in (0, 2):
        ledger.write(part(OPEN, index, fingerprint=fingerprint))
    ledger.begin_attempt(f"{OPEN.id}/00001", "run1")
    away = Failure(kind="unreadable", detail="timed out", permanent=False)
    write_tables(store, run, {f"{OPEN.id}/00001": away})
    write_summary(store, {"fingerprint": fingerprint})


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(str(tmp_path))
    run_into(store)
    return store


def rewrite(store: Store, name: str, change) -> None:
    """Change a table's rows and write it again, with the metadata that it had."""
    table = pq.read_table(io.BytesIO(store.read_bytes(f"{name}.parquet")))
    rows = change(table.to_pylist())
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), buffer)
    store.write_bytes(f"{name}.parquet", buffer.getvalue())


def edit(rows: list[dict], position: int, **values) -> list[dict]:
    return [row | values if i == position else row for i, row in enumerate(rows)]


def test_a_sound_folder_has_no_problems(store):
    found = verify(store)
    assert found.problems == ()
    assert (found.media, found.media_done, found.media_failed, found.media_open) == (5, 3, 1, 1)
    assert (found.shards, found.shards_done, found.shards_open) == (8, 6, 2)
    assert (found.files, found.cues, found.fingerprint) == (9, 3, FP)


def test_verifying_changes_nothing(store):
    store.write_bytes(f"_voxtral/ledger/{FP}/{DONE.id}.json.gz", b"")
    before = {p: store.read_bytes(p) for p in store.list()}
    verify(store)
    assert {p: store.read_bytes(p) for p in store.list()} == before


def test_a_kill_while_compacting_is_no_problem(store):
    PartStore(store, FP)._write(part(DONE, 1))
    assert verify(store).problems == ()


def test_a_medium_that_was_not_compacted_yet_is_no_problem(store):
    ledger = PartStore(store, FP)
    for each in ledger.read_medium(DONE.id):
        ledger._write(each)
    store.delete(f"_voxtral/ledger/{FP}/{DONE.id}.json.gz")
    assert verify(store).problems == ()


@pytest.mark.parametrize("path", ["a.fr.srt", "a.fr.vtt", "b.fr.json", "s.fr.srt"])
def test_a_deleted_subtitle_file(store, path):
    store.delete(path)
    (problem,) = verify(store).problems
    assert store.url_of(path) in problem
    assert "missing" in problem


@pytest.mark.parametrize(
    ("path", "change", "words"),
    [
        ("a.fr.srt", lambda d: b"", "has 0 cues"),
        ("a.fr.srt", lambda d: b"\xff\xfe\x00", "cannot be read as srt"),
        ("a.fr.json", lambda d: d[:-40], "cannot be read as json"),
    ],
)
def test_a_damaged_subtitle_file(store, path, change, words):
    store.write_bytes(path, change(store.read_bytes(path)))
    (problem,) = verify(store).problems
    assert store.url_of(path) in problem
    assert words in problem


@pytest.mark.parametrize(
    ("path", "change", "words"),
    [
        ("a.fr.srt", lambda d: d.replace(b"Bonjour", b"Bonsoir"), "differs"),
        ("a.fr.srt", lambda d: d[: d.index(b"\n\n") + 2], "has 1 cues, the ledger gives 2"),
        ("a.fr.vtt", lambda d: d + b"\n9\n00:01:00.000 --> 00:01:01.000\nEncore\n", "has 3 cues"),
    ],
)
def test_a_file_that_was_corrected_by_hand_is_a_note_and_no_problem(store, path, change, words):
    store.write_bytes(path, change(store.read_bytes(path)))
    found = verify(store)
    assert found.problems == ()
    assert (found.edited, found.files) == (1, 8)
    (note,) = found.notes
    assert store.url_of(path) in note
    assert words in note


def test_an_old_file_of_ours_and_a_strangers_are_no_corrections(store):
    wide = store.read_bytes("a.fr.srt")
    narrow = save_run(store, FP, {}, MEDIA, SHARDS, targets=["fr"], cue_settings=CueSettings(max_line_chars=8))
    write_tables(store, narrow)
    store.write_bytes("a.fr.srt", wide)
    store.write_bytes("_voxtral/names/b.fr.json", json.dumps({"medium": PARTIAL.id, "fingerprint": FP}).encode())
    store.write_bytes("b.fr.vtt", store.read_bytes("a.fr.vtt"))
    old, strange = verify(store).problems
    assert "a.fr.srt" in old
    assert "other subtitle settings" in old
    assert "b.fr.vtt" in strange
    assert "not known as ours" in strange


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        ("cues", lambda rows: [*rows[:1], *rows], "1 rows doubled for a.wav: fr/1"),
        ("cues", lambda rows: rows[1:], "1 rows missing for a.wav: fr/1"),
        ("cues", lambda rows: edit(rows, 0, text="Salut"), "1 rows that differ from the ledger for a.wav"),
        ("cues", lambda rows: edit(rows, 2, score=0.1), "1 rows that differ from the ledger for b.mp4"),
        (
            "cues",
            lambda rows: [*rows, rows[0] | {"medium_id": "zz"}],
            "1 rows that the ledger does not give for zz",
        ),
        ("cues", lambda rows: [rows[1], rows[0], rows[2]], "another order"),
        ("cues", lambda rows: [rows[2], rows[0], rows[1]], "not in their order"),
        ("media", lambda rows: rows[:-1], "1 rows missing for s.wav: its row"),
        ("media", lambda rows: [*rows, rows[-1]], "1 rows doubled for s.wav"),
        ("media", lambda rows: edit(rows, 2, status="ok"), "differ from the ledger for c.mkv"),
        ("errors", lambda rows: rows[1:], "for b.mp4: 1"),
        ("errors", lambda rows: edit(rows, 0, error_kind="other"), "differ from the ledger for b.mp4"),
    ],
)
def test_a_changed_table(store, table, change, words):
    rewrite(store, table, change)
    (problem,) = verify(store).problems
    assert store.url_of(f"{table}.parquet") in problem
    assert words in problem


@pytest.mark.parametrize("table", ["cues", "media", "errors"])
@pytest.mark.parametrize("damage", [None, b"", b"PAR1 no"])
def test_a_table_that_is_lost_or_damaged(store, table, damage):
    if damage is None:
        store.delete(f"{table}.parquet")
    else:
        store.write_bytes(f"{table}.parquet", damage)
    (problem,) = verify(store).problems
    assert f"{table}.parquet" in problem


def test_a_table_with_other_columns(store):
    buffer = io.BytesIO()
    metadata = pq.read_schema(io.BytesIO(store.read_bytes("media.parquet"))).metadata
    pq.write_table(pa.table({"medium_id": ["ida"]}).replace_schema_metadata(metadata), buffer)
    store.write_bytes("media.parquet", buffer.getvalue())
    (problem,) = verify(store).problems
    assert "media.parquet" in problem
    assert "other columns" in problem


def test_why_a_shard_is_open_is_the_runs_own_to_say(store):
    rewrite(store, "errors", lambda rows: edit(rows, 1, error_detail="something else"))
    assert verify(store).problems == ()


def test_a_lost_part_of_an_unfinished_medium(store):
    store.delete(f"_voxtral/parts/{FP}/{OPEN.id}/00002.json")
    problems = verify(store).problems
    assert any("errors.parquet" in p and "neither done nor listed" in p and "c.mkv: 2" in p for p in problems)


def test_a_lost_ledger_entry(store):
    store.delete(f"_voxtral/ledger/{FP}/{DONE.id}.json.gz")
    problems = verify(store).problems
    assert any("errors.parquet" in p and "a.wav: 0, 1" in p for p in problems)
    assert any("cues.parquet" in p and "a.wav" in p for p in problems)


@pytest.mark.parametrize("keep", [0, 10, 0.5, -1])
def test_a_half_written_ledger_entry(store, keep):
    path = f"_voxtral/ledger/{FP}/{DONE.id}.json.gz"
    data = store.read_bytes(path)
    store.write_bytes(path, data[: int(len(data) * keep) if isinstance(keep, float) else keep])
    assert any(store.url_of(path) in p and "damaged" in p for p in verify(store).problems)


def test_a_damaged_part(store):
    path = f"_voxtral/parts/{FP}/{OPEN.id}/00000.json"
    store.write_bytes(path, b"{}")
    assert any(store.url_of(path) in p and "damaged" in p for p in verify(store).problems)


def test_a_shard_that_was_done_twice_with_different_results(store):
    other = part(DONE, 1)
    changed = other.windows[0].model_copy(update={"targets": ()})
    PartStore(store, FP)._write(other.model_copy(update={"windows": (changed,)}))
    (problem,) = verify(store).problems
    assert "a.wav: shard 1 is in the ledger twice" in problem


def test_results_that_no_medium_claims(store):
    ledger = PartStore(store, FP)
    stranger = medium("z.wav")
    ledger.write(part(stranger, 0))
    ledger.compact("idy", [])
    ledger.write(part(OPEN, 9))
    problems = verify(store).problems
    assert any(f"parts/{FP}/idz" in p for p in problems)
    assert any(f"ledger/{FP}/idy" in p for p in problems)
    assert any("c.mkv: shard 9" in p for p in problems)
    assert len(problems) == 3


def test_an_entry_with_fewer_shards_than_the_medium_has(store):
    PartStore(store, FP).compact(DONE.id, [part(DONE, 0)])
    assert any("errors.parquet" in p and "a.wav: 1" in p for p in verify(store).problems)


def test_subtitle_files_that_no_medium_claims(store):
    store.write_bytes("a.0123abcd.fr.srt", b"")
    store.write_bytes("c.fr.srt", b"")
    store.write_bytes("holiday.fr.srt", b"the user's own")
    problems = verify(store).problems
    assert len(problems) == 2
    assert "a.0123abcd.fr.srt" in problems[0]
    assert "c.fr.srt" in problems[1]


def test_a_file_that_was_stepped_aside_for_is_no_problem(tmp_path):
    store = Store(str(tmp_path / "out"))
    store.write_bytes("a.fr.srt", b"made by hand")
    run_into(store)
    assert verify(store).problems == ()
    assert store.read_bytes("a.fr.srt") == b"made by hand"


def test_a_lost_claim(store):
    store.delete("_voxtral/names/a.fr.json")
    problems = verify(store).problems
    assert any("a.wav" in p and "fr" in p for p in problems)


def test_a_damaged_claim(store):
    store.write_bytes("_voxtral/names/a.fr.json", b"")
    assert any("damaged claim of a.fr" in p for p in verify(store).problems)


@pytest.mark.parametrize("damage", [None, b"{"])
def test_a_lost_or_damaged_summary(store, damage):
    store.delete("summary.json") if damage is None else store.write_bytes("summary.json", damage)
    (problem,) = verify(store).problems
    assert "summary.json" in problem


def test_a_run_that_was_killed_before_its_tables(store):
    save_run(store, "0" * 16, {}, MEDIA, SHARDS, targets=["fr"], cue_settings=CueSettings())
    problems = verify(store).problems
    assert sum("not of 0000" in p for p in problems) == 4
    assert len(problems) == 5


def test_an_older_run_beside_the_newest_is_verified_without_the_tables(store):
    run_into(store, "0" * 16)
    assert verify(store).problems == ()
    old = verify(store, FP)
    assert old.problems == ()
    assert old.fingerprint == FP
    store.delete("a.fr.vtt")
    assert verify(store).problems == ()
    assert len(verify(store, FP).problems) == 1


def test_a_folder_that_holds_no_run(tmp_path):
    (problem,) = verify(Store(str(tmp_path))).problems
    assert "no run" in problem


def test_a_damaged_manifest(store):
    store.write_bytes(f"_voxtral/manifest/{FP}.parquet", b"\xff\n")
    (problem,) = verify(store).problems
    assert "manifest" in problem


def test_a_manifest_row_that_was_removed(store):
    path = f"_voxtral/manifest/{FP}.parquet"
    rows = pq.read_table(pa.BufferReader(store.read_bytes(path)))
    pq.write_table(rows.slice(1), store.url_of(path))
    problems = verify(store).problems
    assert any(f"{DONE.id}.json.gz" in p for p in problems)
    assert any("media.parquet" in p for p in problems)


def test_an_output_of_a_grown_archive_is_sound(store):
    media = [*MEDIA, medium("a.mkv").model_copy(update={"id": "idn"})]
    run = save_run(store, FP, {}, media, SHARDS, targets=["fr"], cue_settings=CueSettings())
    names = OutputNames(store, run.media)
    assemble(media[-1], [], FP, run.cues, store, names=names, targets=run.targets)
    PartStore(store, FP).compact("idn", [])
    write_tables(store, load_run(store))
    assert verify(store).problems == ()
    assert store.exists("a.fr.srt")
    assert store.exists("a.mkv.fr.srt")


def test_a_bucket_is_verified_like_a_folder(s3_url):
    store = Store(f"{s3_url}/out")
    run_into(store)
    assert verify(store).problems == ()
    store.delete("a.fr.srt")
    (problem,) = verify(store).problems
    assert f"{s3_url}/out/a.fr.srt" in problem


def test_what_was_found_can_be_written_as_json(store):
    assert json.loads(verify(store).model_dump_json())["media"] == 5


def test_a_shard_that_was_done_twice_with_the_same_texts_is_no_problem(store):
    """A worker that was taken for dead may write its part late: only what it cost differs."""
    late = part(DONE, 1).model_copy(update={"seconds": {"engine": 99.0}, "done_at": 2e9})
    PartStore(store, FP)._write(late)
    assert verify(store).problems == ()
