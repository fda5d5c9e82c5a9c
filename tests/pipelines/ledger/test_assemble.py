"""A medium's parts give its files and its report, the same every time."""

from __future__ import annotations

import contextlib
import json

import pysubs2
import pytest

from pipelines.archive.storage import Store
from pipelines.ledger.assemble import assemble, build
from pipelines.ledger.output_names import OutputNames
from pipelines.records import Failure, Medium, Part, PartWindow, Segment, Text
from pipelines.settings import CueSettings

FP = "f" * 16
MEDIUM = Medium(id="ab12", url="/archive/talks/film.mp4", name="talks/film.mp4", size=1, version="1", duration_s=120.0)
FAILED = Failure(kind="crash", detail="decoder died", permanent=True)
CUES = CueSettings()


def text(language: str, words: str, **other) -> Text:
    fields = {"logprob": -0.1, "score": 0.9, "verdict": "accepted"} | other
    return Text(language=language, text=words, **fields)


def window(start: float, *targets: Text, source: Text | None = None) -> PartWindow:
    segments = (Segment(start=start + 1, end=start + 4, confidence=0.9),)
    said = source or text("tr", "Merhaba arkadaşlar.")
    return PartWindow(start_s=start, end_s=start + 6, segments=segments, source=said, targets=targets)


def part(index: int, *windows: PartWindow, failure: Failure | None = None, **other) -> Part:
    fields = {"source": "tr", "demo_model": False} | other
    return Part(
        shard=f"ab12/{index:05d}",
        medium_id="ab12",
        index=index,
        fingerprint=FP,
        windows=windows,
        failure=failure,
        **fields,
    )


TWO = [
    part(0, window(0.0, text("fr", "Bonjour les amis."), text("en", "Hello friends."))),
    part(1, window(60.0, text("fr", "Merci à tous."), text("en", "Thank you all."))),
]


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(str(tmp_path))


def put(store: Store, parts, medium=MEDIUM, targets=("fr",), cues=CUES):
    return assemble(medium, parts, FP, cues, store, names=OutputNames(store, [medium]), targets=targets)


def outputs(store: Store) -> list[str]:
    return [p for p in store.list() if not p.startswith("_voxtral/")]


def test_every_format_of_every_target_is_written_and_the_transcript_is_not(store):
    report = put(store, TWO, targets=("fr", "en"))
    assert outputs(store) == [f"talks/film.{lang}.{fmt}" for lang in ("en", "fr") for fmt in ("json", "srt", "vtt")]
    assert report.outputs["fr"] == {fmt: f"talks/film.fr.{fmt}" for fmt in ("srt", "vtt", "json")}
    events = pysubs2.SSAFile.from_string(store.read_bytes("talks/film.fr.srt").decode(), format_="srt")
    assert [e.plaintext.replace("\n", " ") for e in events] == ["Bonjour les amis.", "Merci à tous."]
    assert events[1].start >= 60_000


def test_the_report_counts(store):
    flagged = text("fr", "Merci.", verdict="needs_review", score=0.3, attempts=3)
    silent = text("fr", "", verdict="no_speech")
    parts = [
        part(0, window(0.0, text("fr", "Bonjour."))),
        part(1, window(30.0, flagged), window(60.0, silent, source=text("tr", "", verdict="no_speech"))),
    ]
    report = put(store, parts)
    assert (report.status, report.windows, report.no_speech, report.needs_review, report.retries) == (
        "ok",
        3,
        1,
        1,
        2,
    )
    assert report.speech_s == pytest.approx(9.0)
    assert report.covered_s == pytest.approx(6.0)
    assert report.cues == 2
    assert report.violations == {}
    assert (report.source, report.languages, report.demo_model) == ("tr", ("fr",), False)
    assert report.duration_s == 120.0


def test_broken_rules_are_counted_by_name(store):
    words = " ".join(["incompréhensiblement"] * 40)
    report = put(store, [part(0, window(0.0, text("fr", words)))])
    assert "reading_speed" in report.violations
    assert "line_length" not in report.violations


def test_the_same_parts_give_the_same_bytes_in_any_order(tmp_path):
    files = []
    for name, order in (("a", TWO), ("b", TWO[::-1])):
        store = Store(str(tmp_path / name))
        put(store, order, targets=("fr", "en"))
        files.append({p: store.read_bytes(p) for p in outputs(store)})
    assert files[0] == files[1]


def test_what_a_stage_cost_is_not_in_the_files():
    slow = [p.model_copy(update={"seconds": {"engine": 9.0}}) for p in TWO]
    built, same = (build(MEDIUM, parts, FP, CUES, ["fr"]) for parts in (TWO, slow))
    assert len(built.files) == 3
    assert [built.render(*file) for file in built.files] == [same.render(*file) for file in same.files]


def test_assembling_again_keeps_the_names(store):
    first = put(store, TWO)
    assert put(store, TWO) == first
    assert len(outputs(store)) == 3


OTHER = [TWO[0], part(1, window(60.0, text("fr", "Merci beaucoup."), text("en", "Thanks.")))]


def test_an_edited_file_is_kept_aside_before_another_text_is_written(store):
    put(store, TWO)
    store.write_bytes("talks/film.fr.srt", b"by hand")
    report = put(store, OTHER)
    (sentence,) = report.kept_edits
    assert "film.fr.srt.edited" in sentence
    assert store.read_bytes("talks/film.fr.srt.edited") == b"by hand"
    assert b"Merci beaucoup." in store.read_bytes("talks/film.fr.srt")
    assert len(outputs(store)) == 4


def test_an_edit_of_the_same_text_is_left_as_it_is(store):
    put(store, TWO)
    store.write_bytes("talks/film.fr.srt", b"by hand")
    assert put(store, TWO).kept_edits == ()
    assert store.read_bytes("talks/film.fr.srt") == b"by hand"
    assert len(outputs(store)) == 3


def test_an_edit_that_was_kept_aside_and_put_back_is_kept_once_more(store):
    put(store, TWO)
    store.write_bytes("talks/film.fr.srt", b"by hand")
    put(store, OTHER)
    store.delete("talks/film.fr.srt.edited")
    store.write_bytes("talks/film.fr.srt", b"by hand")
    put(store, TWO)
    assert store.read_bytes("talks/film.fr.srt.edited") == b"by hand"


@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("writes", range(5))
def test_a_kill_at_any_write_neither_loses_an_edit_nor_invents_one(store, monkeypatch, edited, writes):
    put(store, TWO)
    if edited:
        store.write_bytes("talks/film.fr.srt", b"by hand")
    left = iter(range(writes))
    write = Store.write_bytes

    def dying(self, path, data):
        if next(left, None) is None:
            raise KeyboardInterrupt
        write(self, path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write_bytes", dying)
        with contextlib.suppress(KeyboardInterrupt):
            put(store, OTHER)
    put(store, OTHER)
    assert b"Merci beaucoup." in store.read_bytes("talks/film.fr.srt")
    kept = [p for p in outputs(store) if ".edited" in p]
    assert [store.read_bytes(p) for p in kept] == ([b"by hand"] if edited else [])


def test_a_mediums_own_targets_win(store):
    medium = MEDIUM.model_copy(update={"targets": ("en",)})
    assert list(put(store, TWO, medium=medium).outputs) == ["en"]


def test_a_target_that_is_spoken_is_the_transcript(store):
    report = put(store, [part(0, window(0.0))], targets=("tr",))
    assert b"Merhaba" in store.read_bytes(report.outputs["tr"]["srt"])
    assert report.covered_s == pytest.approx(3.0)


@pytest.mark.parametrize("parts", [[], [part(0)], [part(0), part(1)]], ids=["no shard", "silence", "two silent"])
def test_a_medium_without_speech_has_empty_files_and_is_ok(store, parts):
    report = put(store, parts)
    assert (report.status, report.cues) == ("ok", 0)
    assert store.read_bytes("talks/film.fr.srt") == b""
    assert store.read_bytes("talks/film.fr.vtt").startswith(b"WEBVTT")
    assert json.loads(store.read_bytes("talks/film.fr.json"))["cues"] == []


def test_a_failed_shard_makes_the_medium_partial_and_is_told_in_its_json(store):
    report = put(store, [TWO[0], part(1, failure=FAILED)])
    assert report.status == "partial"
    assert [(f.index, f.kind) for f in report.failures] == [(1, "crash")]
    told = json.loads(store.read_bytes("talks/film.fr.json"))["failures"]
    assert told == [{"index": 1, "kind": "crash", "detail": "decoder died"}]


@pytest.mark.parametrize(
    ("medium", "parts"),
    [
        (MEDIUM, [part(0, failure=FAILED), part(1, failure=FAILED)]),
        (MEDIUM.model_copy(update={"failure": FAILED}), []),
    ],
    ids=["all shards", "the medium"],
)
def test_a_medium_without_any_result_has_no_files(store, medium, parts):
    report = put(store, parts, medium=medium)
    assert report.status == "failed"
    assert report.failures[0].kind == "crash"
    assert report.outputs == {}
    assert outputs(store) == []


def test_the_demo_model_marks_every_file(store):
    report = put(store, [p.model_copy(update={"demo_model": True}) for p in TWO])
    assert report.demo_model
    assert all(b"demo-model" in store.read_bytes(p) for p in outputs(store))


def test_only_the_formats_that_are_asked_for(store):
    put(store, TWO, cues=CueSettings(formats=("vtt",)))
    assert outputs(store) == ["talks/film.fr.vtt"]


def test_the_report_tells_no_secret():
    medium = MEDIUM.model_copy(update={"url": "https://me:secret@host/a.mp4?v=2&X-Amz-Signature=secret"})
    assert build(medium, TWO, FP, CUES, ["fr"]).report.url == "https://host/a.mp4?v=2"
