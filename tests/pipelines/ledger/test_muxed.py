"""A medium's copy with its subtitles: made once, made anew when they change, never over somebody else's file."""

from __future__ import annotations

from pathlib import Path

import av
import fsspec
import pytest

from pipelines.archive.candidates import Skipped, judge_name
from pipelines.archive.storage import Store
from pipelines.ledger.corrections import Correction, write_corrections
from pipelines.ledger.muxed import ChangedCopy, mux
from pipelines.ledger.output_names import OutputNames
from pipelines.ledger.runs import Run
from pipelines.media.media_error import MediaError
from pipelines.records import Medium, Part, PartWindow, Segment, Text
from pipelines.settings import CueSettings, MediaLimits
from tests.pipelines.media_samples import speech_like, write_media

FP = "f" * 16


@pytest.fixture
def medium(tmp_path: Path) -> Medium:
    (tmp_path / "archive").mkdir()
    path = write_media(tmp_path / "archive" / "film.mp4", speech_like(6.0))
    return Medium(id="ab12", url=str(path), name="talks/film.mp4", size=1, version="1", duration_s=6.0, container="mov")


def copied(medium: Medium, store: Store, words: str = "Bonjour à tous.", cues: CueSettings | None = None) -> str | None:
    def text(language: str, content: str) -> Text:
        return Text(language=language, text=content, logprob=-0.1, score=0.9, verdict="accepted")

    window = PartWindow(
        start_s=1.0,
        end_s=4.0,
        segments=(Segment(start=1.0, end=4.0, confidence=0.9),),
        source=text("tr", "Herkese merhaba."),
        targets=(text("fr", words), text("en", words)),
    )
    part = Part(
        shard="ab12/00000", medium_id="ab12", index=0, fingerprint=FP, source="tr", demo_model=True, windows=(window,)
    )
    run = Run(fingerprint=FP, saved_at="", settings={}, targets=("fr", "en"), cues=cues or CueSettings(mux=True))
    return mux(medium, [part], run, store, OutputNames(store, [medium]), MediaLimits())


def test_a_copy_has_a_track_for_each_language_and_says_demo(tmp_path, medium):
    store = Store(str(tmp_path / "out"))
    assert copied(medium, store) == "talks/film.subtitled.mp4"
    with av.open(store.url_of("talks/film.subtitled.mp4")) as container:
        assert [stream.language for stream in container.streams.subtitles] == ["fra", "eng"]
        shown = b"".join(bytes(packet) for packet in container.demux(container.streams.subtitles[0]))
    assert "Bonjour à tous.".encode() in shown
    assert b"demo-model" in shown
    assert [path for path in store.list() if not path.startswith("_voxtral/")] == ["talks/film.subtitled.mp4"]


def test_it_is_made_again_only_when_its_subtitles_change(tmp_path, medium):
    store = Store(str(tmp_path / "out"))
    path = tmp_path / "out" / "talks" / "film.subtitled.mp4"
    copied(medium, store)
    before = path.stat().st_mtime_ns
    copied(medium, store)
    assert path.stat().st_mtime_ns == before
    copied(medium, store, "Salut à tous.")
    assert b"Salut" in path.read_bytes()
    path.unlink()
    assert copied(medium, store, "Salut à tous.") == "talks/film.subtitled.mp4"
    assert path.is_file()


def test_a_correction_made_since_stands_in_the_copy(tmp_path, medium):
    store = Store(str(tmp_path / "out"))
    path = tmp_path / "out" / "talks" / "film.subtitled.mp4"
    copied(medium, store)
    correction = Correction(start_s=1.0, end_s=4.0, before="Bonjour à tous.", after="Salut les amis.")
    write_corrections(store, medium.id, "fr", [correction])
    copied(medium, store)
    made = path.read_bytes()
    assert b"Salut les amis." in made
    assert made.count("Bonjour à tous.".encode()) == 1  # the English track's
    copied(medium, store)
    assert path.read_bytes() == made


def test_a_file_that_is_not_ours_is_left_alone(tmp_path, medium):
    store = Store(str(tmp_path / "out"))
    store.write_bytes("talks/film.subtitled.mp4", b"mine")
    suffixed = copied(medium, store)
    assert suffixed is not None
    assert suffixed != "talks/film.subtitled.mp4"
    store.write_bytes(suffixed, b"cut by hand")
    with pytest.raises(ChangedCopy, match="move it away"):
        copied(medium, store, "Salut à tous.")
    assert store.read_bytes("talks/film.subtitled.mp4") == b"mine"
    assert store.read_bytes(suffixed) == b"cut by hand"


def test_a_copy_goes_into_a_bucket(medium, s3_url):
    store = Store(s3_url)
    path = copied(medium, store)
    assert path is not None
    with fsspec.open(f"{s3_url}/{path}", "rb") as file, av.open(file) as container:
        assert len(container.streams.subtitles) == 2


def test_a_medium_that_is_gone_is_told_and_leaves_nothing(tmp_path, medium):
    store = Store(str(tmp_path / "out"))
    Path(medium.url).unlink()
    with pytest.raises(MediaError, match="not there"):
        copied(medium, store)
    assert [path for path in store.list() if not path.startswith("_voxtral/")] == []
    assert list((tmp_path / "out" / "talks").iterdir()) == []


def test_no_text_no_copy_and_a_copy_is_no_medium_of_a_scan(tmp_path, medium):
    assert copied(medium, Store(str(tmp_path / "out")), words="") is None
    skipped = Skipped()
    assert judge_name("talks/film.subtitled.mp4", skipped, "") == "skip"
    assert judge_name("talks/subtitled.mp4", skipped, "") is None
    assert skipped.companions == {".mp4": 1}
