"""A corrected review file changes its cues in every format, and nothing else; and it survives whatever comes after."""

from __future__ import annotations

import csv
import io
import json

import pytest

from pipelines.archive.storage import Store
from pipelines.ledger import apply_review
from pipelines.ledger.apply_review import apply_reviews
from pipelines.ledger.assemble import assemble
from pipelines.ledger.lease import Lease, LeaseHeld
from pipelines.ledger.output_names import OutputNames
from pipelines.ledger.parts import PartStore
from pipelines.ledger.review import ReviewError
from pipelines.ledger.runs import load_run, save_run
from pipelines.ledger.tables import write_summary, write_tables
from pipelines.ledger.verify import verify
from pipelines.records import Medium, Part, PartWindow, Segment, Text
from pipelines.settings import CueSettings

FP = "f" * 16
FILM = Medium(id="ida", url="/in/film.mp4", name="film.mp4", size=9, version="1", duration_s=120.0)
OTHER = Medium(id="idb", url="/in/talk.wav", name="talk.wav", size=9, version="1", duration_s=120.0)
USUAL, SHORT = CueSettings(), CueSettings(max_line_chars=30)


def text(words: str, **other) -> Text:
    return Text(**({"language": "fr", "text": words, "logprob": -0.1, "score": 0.9, "verdict": "accepted"} | other))


def part(owner: Medium) -> Part:
    doubtful = {"verdict": "needs_review", "score": 0.2}
    texts = (
        text("Bonjour à tous."),
        text("Nous fermons la porte bleue.", reasons=("contradicted",), **doubtful),
        text("", reasons=("empty",), **doubtful),
        text("Merci beaucoup.", reasons=("loop",), **doubtful),
    )
    windows = tuple(
        PartWindow(
            start_s=20.0 * i,
            end_s=20.0 * i + 8,
            segments=(Segment(start=20.0 * i + 1, end=20.0 * i + 5, confidence=0.9),),
            source=text("Merhaba.", language="tr"),
            targets=(target,),
        )
        for i, target in enumerate(texts)
    )
    shard = f"{owner.id}/00000"
    return Part(
        shard=shard, medium_id=owner.id, index=0, fingerprint=FP, source="tr", demo_model=False, windows=windows
    )


def run(store: Store, cues: CueSettings = USUAL, media=(FILM, OTHER)):
    """What a job does when all parts are there."""
    saved = save_run(store, FP, {}, media, {m.id: 1 for m in media}, targets=["fr"], cue_settings=cues)
    ledger, names = PartStore(store, FP), OutputNames(store, saved.media)
    for medium in media:
        if medium.id not in ledger.finished():
            assemble(medium, [part(medium)], FP, cues, store, names=names, targets=["fr"])
            ledger.compact(medium.id, [part(medium)])
    totals = write_tables(store, saved)
    write_summary(store, {"fingerprint": FP})
    return totals


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(str(tmp_path))
    run(store)
    return store


def review(store: Store, corrections: dict[str, str], path: str = "film.fr.review.csv") -> bytes:
    """The review file with corrections by what its text (or, without one, its reason) is."""
    rows = list(csv.DictReader(io.StringIO(store.read_bytes(path).decode("utf-8-sig"), newline="")))
    said = io.StringIO()
    writer = csv.DictWriter(said, rows[0])
    writer.writeheader()
    writer.writerows(row | {"correction": corrections.get(row["text"] or row["reasons"], "")} for row in rows)
    return said.getvalue().encode()


def texts(store: Store, path: str = "film.fr.json") -> list[str]:
    return [cue["text"] for cue in json.loads(store.read_bytes(path))["cues"]]


def files(store: Store) -> dict[str, bytes]:
    return {p: store.read_bytes(p) for p in store.list() if not p.startswith("_voxtral/") and "parquet" not in p}


DOOR = {"Nous fermons la porte bleue.": "Nous ouvrons la porte bleue."}


def test_the_review_file_lists_what_wants_a_look(store) -> None:
    rows = list(csv.DictReader(io.StringIO(store.read_bytes("film.fr.review.csv").decode("utf-8-sig"))))
    assert [(r["text"], r["reasons"]) for r in rows] == [
        ("Nous fermons la porte bleue.", "contradicted"),
        ("", "no text: empty"),
        ("Merci beaucoup.", "loop"),
    ]


def test_a_correction_changes_its_cue_in_every_format_and_no_other_file(store) -> None:
    before = files(store)
    applied = apply_reviews(store, {"film.csv": review(store, DOOR)})
    assert (applied.corrections, applied.media, applied.notes) == (1, 1, ())
    after = files(store)
    changed = {path for path in after if after[path] != before[path]}
    assert changed == {f"film.fr.{fmt}" for fmt in ("srt", "vtt", "json", "review.csv")}
    assert texts(store) == ["Bonjour à tous.", "Nous ouvrons la porte bleue.", "Merci beaucoup."]
    for fmt in ("srt", "vtt"):
        now, then = after[f"film.fr.{fmt}"].decode(), before[f"film.fr.{fmt}"].decode()
        assert now == then.replace("fermons", "ouvrons")
    assert b"porte" not in after["film.fr.review.csv"]
    assert verify(store).problems == ()


def test_the_same_job_run_again_keeps_it(store) -> None:
    apply_reviews(store, {"film.csv": review(store, DOOR)})
    before = files(store)
    run(store)
    assert files(store) == before
    store.delete("film.fr.srt")
    run(store)
    assert files(store) == before
    assert verify(store).problems == ()


def test_another_profile_keeps_it_too(store) -> None:
    apply_reviews(store, {"film.csv": review(store, DOOR)})
    totals = run(store, SHORT)
    assert totals.corrected == 1
    assert "Nous ouvrons la porte bleue." in texts(store)
    assert verify(store).problems == ()


def test_a_correction_whose_cue_is_gone_is_told_and_kept(store) -> None:
    apply_reviews(store, {"film.csv": review(store, DOOR)})
    tiny = CueSettings(max_line_chars=10, max_lines=1)
    totals = run(store, tiny)
    assert totals.corrected == 0
    assert any("porte bleue" in sentence for sentence in totals.lost_corrections)
    checked = verify(store)
    assert (checked.problems, len(checked.notes)) == ((), 1)
    assert run(store).corrected == 1


def test_a_cue_is_corrected_once_more_taken_away_and_given_back(store) -> None:
    first = review(store, DOOR)
    apply_reviews(store, {"film.csv": first})
    apply_reviews(store, {"film.csv": first.replace(b"ouvrons", b"peignons")})
    assert texts(store)[1] == "Nous peignons la porte bleue."
    original = first.replace(b"ouvrons", b"fermons")
    apply_reviews(store, {"film.csv": original})
    assert texts(store)[1] == "Nous fermons la porte bleue."
    apply_reviews(store, {"film.csv": review(store, {"Merci beaucoup.": "[delete]"})})
    assert len(texts(store)) == 2
    assert verify(store).problems == ()


def test_a_file_that_is_applied_twice_changes_nothing_more(store) -> None:
    close = tuple(
        PartWindow(
            start_s=30.0 + i,
            end_s=31.0 + i,
            segments=(Segment(start=30.0 + i, end=30.9 + i, confidence=0.9),),
            source=text("Evet.", language="tr"),
            targets=(text(said, verdict="needs_review", score=0.2, reasons=("loop",)),),
        )
        for i, said in enumerate(("Oui.", "Non.", "Si."))
    )
    film = FILM.model_copy(update={"id": "idc", "name": "fast.mp4"})
    saved = save_run(store, FP, {}, [film], {"idc": 1}, targets=["fr"], cue_settings=USUAL)
    PartStore(store, FP).write(part(film).model_copy(update={"windows": close}))
    write_tables(store, saved)
    filled = review(store, {"Oui.": "[delete]"}, "fast.fr.review.csv")
    assert apply_reviews(store, {"r.csv": filled}).corrections == 1
    after = files(store)
    assert texts(store, "fast.fr.json") == ["Non.", "Si."]
    assert apply_reviews(store, {"r.csv": filled}).corrections == 0
    assert files(store) == after


def test_one_file_is_worked_through_in_two_sittings(store) -> None:
    empty = store.read_bytes("film.fr.review.csv")
    first = review(store, DOOR | {"Merci beaucoup.": "[delete]", "no text: empty": "Où allez-vous ?"})
    apply_reviews(store, {"film.csv": first})
    store.write_bytes("film.fr.review.csv", empty)
    second = review(store, {"Merci beaucoup.": "[delete]", "Nous fermons la porte bleue.": "Nous lavons la porte."})
    assert apply_reviews(store, {"film.csv": second}).corrections == 1
    assert texts(store) == ["Bonjour à tous.", "Nous lavons la porte.", "Où allez-vous ?"]
    assert verify(store).problems == ()


def test_a_number_alone_finds_no_cue_that_begins_elsewhere(store) -> None:
    filled = review(store, DOOR).replace(b"porte bleue.,Nous", b"fenetre.,Nous")
    with pytest.raises(ReviewError, match="no cue 2 any more"):
        apply_reviews(store, {"film.csv": filled.replace(b",21000", b",21400")})
    assert apply_reviews(store, {"film.csv": filled}).corrections == 1


def test_speech_where_nobody_speaks_leaves_the_review_file_for_good(store) -> None:
    applied = apply_reviews(store, {"film.csv": review(store, {"no text: empty": "[delete]"})})
    assert (applied.corrections, applied.files) == (1, 2)  # the review file, and the JSON that counts corrections
    assert "no text" not in store.read_bytes("film.fr.review.csv").decode()
    assert len(texts(store)) == 3
    for cues in (SHORT, USUAL):
        assert run(store, cues).lost_corrections == ()
        assert "no text" not in store.read_bytes("film.fr.review.csv").decode()
    assert "no text" in store.read_bytes("talk.fr.review.csv").decode()
    assert verify(store).problems == ()


def test_a_cue_that_was_given_can_be_taken_away_again(store) -> None:
    given = review(store, {"no text: empty": "Hein ?"})
    apply_reviews(store, {"film.csv": given})
    apply_reviews(store, {"film.csv": given.replace(b"Hein ?", b"[delete]")})
    assert len(texts(store)) == 3
    assert "no text" not in store.read_bytes("film.fr.review.csv").decode()


def test_a_cue_that_somebody_confirms_is_listed_no_more(store) -> None:
    said = "Merci beaucoup."
    apply_reviews(store, {"film.csv": review(store, {said: said})})
    assert texts(store)[2] == said
    assert said not in store.read_bytes("film.fr.review.csv").decode()
    assert verify(store).problems == ()


def test_speech_without_a_cue_can_be_given_one(store) -> None:
    apply_reviews(store, {"film.csv": review(store, {"no text: empty": "Où allez-vous ?"})})
    assert texts(store)[2] == "Où allez-vous ?"
    assert "no text" not in store.read_bytes("film.fr.review.csv").decode()
    run(store)
    assert texts(store)[2] == "Où allez-vous ?"
    assert verify(store).problems == ()


def test_one_wrong_row_applies_none(store) -> None:
    before = files(store)
    good = review(store, DOOR)
    wrong = good.replace(b",21000", b",101000").replace(b"la porte bleue.,Nous", b"la fenetre.,Nous")
    unknown = good.replace(b"ida,fr,", b"idz,fr,")
    for bad, said in ((wrong, "w.csv, line 2: there is no cue"), (unknown, "w.csv, line 2: the output folder")):
        with pytest.raises(ReviewError, match=said):
            apply_reviews(store, {"good.csv": good, "w.csv": bad})
    assert files(store) == before


def test_a_review_without_corrections_changes_nothing(store) -> None:
    before = files(store)
    assert apply_reviews(store, {"r.csv": store.read_bytes("film.fr.review.csv")}).corrections == 0
    assert files(store) == before


def test_a_subtitle_file_that_was_edited_as_well_is_kept_aside(store) -> None:
    corrected = review(store, DOOR)
    store.write_bytes("film.fr.srt", store.read_bytes("film.fr.srt").replace(b"Merci", b"Grand merci"))
    applied = apply_reviews(store, {"film.csv": corrected})
    assert any("film.fr.srt.edited" in note for note in applied.notes)
    assert b"Grand merci" in store.read_bytes("film.fr.srt.edited")


def test_a_review_file_that_is_being_filled_in_is_no_problem(store) -> None:
    store.write_bytes("film.fr.review.csv", review(store, DOOR).replace(b",", b";"))
    checked = verify(store)
    assert (checked.problems, checked.edited) == ((), 1)
    run(store)
    assert b"ouvrons" in store.read_bytes("film.fr.review.csv")


def test_it_waits_for_no_run_that_is_at_work(store) -> None:
    with Lease(store, FP), pytest.raises(LeaseHeld):
        apply_reviews(store, {"film.csv": review(store, DOOR)})


@pytest.mark.parametrize("killed_at", ["write_corrections", "restore", "write_tables"])
@pytest.mark.parametrize("mended_by", ["the next run", "the same command"])
def test_a_kill_at_any_point_is_mended(store, monkeypatch, killed_at, mended_by) -> None:
    done = getattr(apply_review, killed_at)

    def killed(*given):
        if killed_at == "write_corrections":
            done(*given)
        raise KeyboardInterrupt

    filled = review(store, DOOR)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(apply_review, killed_at, killed)
        apply_reviews(store, {"film.csv": filled})
    if mended_by == "the next run":
        run(store)
    else:
        apply_reviews(store, {"film.csv": filled})
    assert "Nous ouvrons la porte bleue." in texts(store)
    assert verify(store).problems == ()
    assert load_run(store).alike


def test_a_copy_with_the_old_subtitles_is_told(store) -> None:
    names = OutputNames(store, [FILM, OTHER])
    stem = names.claim(FILM, FP, "subtitled")
    store.write_bytes(f"{stem}.mp4", b"a film")
    names.note_written(stem, {"mp4": ("made of others", "6")})
    applied = apply_reviews(store, {"film.csv": review(store, DOOR)})
    assert [note for note in applied.notes if "film.subtitled.mp4 shows the old subtitles" in note]
