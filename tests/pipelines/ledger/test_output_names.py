"""No name leaves the output folder, none is given twice, and a medium's name never changes."""

from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.archive.storage import Store
from pipelines.ledger.output_names import (
    MAX_NAME_BYTES,
    OutputNames,
    claimed_paths,
    fold,
    safe_name,
)
from pipelines.records import Failure, Medium

FP, OTHER = "f" * 16, "0" * 16


def medium(name: str, identity: str | None = None) -> Medium:
    return Medium(id=identity or f"id-{name}", url=f"/archive/{name}", name=name, size=1, version="1")


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("talks/film.mp4", "talks/film.mp4"),
        ("../../etc/passwd", "etc/passwd"),
        ("/abs/film.mp4", "abs/film.mp4"),
        ("a\\..\\b.mp4", "a/b.mp4"),
        ("a/./b//c.mp4", "a/b/c.mp4"),
        ("line\nbreak\x00.mp4", "line_break_.mp4"),
        ('she said "hi"?.mp4', "she said _hi__.mp4"),
        ("C:/film.mp4", "C_/film.mp4"),
        ("folder. /film.mp4. ", "folder/film.mp4"),
        ("con.mp4", "_con.mp4"),
        ("NUL/film.mp4", "_NUL/film.mp4"),
        ("_voxtral/film.mp4", "__voxtral/film.mp4"),
        ("_VOXTRAL/film.mp4", "__VOXTRAL/film.mp4"),
        ("cues.parquet/film.mp4", "cues.parquet_/film.mp4"),
        ("film.fr.srt/film.mp4", "film.fr.srt_/film.mp4"),
        ("çay ☕️.mp4", "çay ☕️.mp4"),
        ("..", "_"),
        ("", "_"),
        ("...", "_"),
    ],
)
def test_names_are_made_safe(name, expected):
    assert safe_name(name) == expected


@pytest.mark.parametrize("name", ["x" * 300 + ".mp4", "é" * 150 + ".mp4", "😀" * 80, "." + "y" * 400])
def test_long_names_are_cut_and_stay_apart(name):
    short = safe_name(name)
    assert len(short.encode()) <= MAX_NAME_BYTES
    assert short != safe_name(name.replace(".mp4", "2.mp4") if ".mp4" in name else name + "2")
    assert short.endswith(".mp4") == name.endswith(".mp4")


def test_a_deep_path_fits_an_object_store():
    name = "/".join(["folder" * 10] * 40) + "/film.mp4"
    assert len(safe_name(name).encode()) < 800
    assert safe_name(name).endswith("/film.mp4")


@given(st.text(max_size=60) | st.text(alphabet="./\\ :_~\0\n\r\tconNULa", max_size=40))
def test_any_name_stays_inside_and_is_stable(name):
    safe = safe_name(name)
    film = medium(name, "m")
    claimed = OutputNames(Store(f"memory://any-name/{uuid.uuid4()}"), [film]).claim(film, FP, "fr")
    for stem in (safe, claimed.removesuffix(".fr")):
        parts = stem.split("/")
        assert all(p and p not in (".", "..") for p in parts)
        assert parts[0].lower() != "_voxtral"
        assert not re.search(r"[\x00-\x1f\x7f\\:]", stem)
        assert all(len(p.encode()) <= MAX_NAME_BYTES + 1 for p in parts)
        assert not stem.startswith("/")
    assert safe_name(safe) == safe


def test_a_medium_alone_takes_its_name_without_extension(store):
    film = medium("talks/film.mp4")
    assert OutputNames(store, [film]).claim(film, FP, "fr") == "talks/film.fr"


def test_media_that_would_collide_keep_their_extensions(store):
    media = [medium("film.mp4"), medium("film.mkv"), medium("talk.wav")]
    names = OutputNames(store, media)
    assert [names.claim(m, FP, "fr") for m in media] == ["film.mp4.fr", "film.mkv.fr", "talk.fr"]


@pytest.mark.parametrize("pair", [("Film.mp4", "film.mp4"), ("a/Çay.mp4", "a/C\u0327ay.mp4")])
def test_names_that_some_file_systems_confuse_get_a_suffix(store, pair):
    media = [medium(name) for name in pair]
    names = OutputNames(store, media)
    paths = [names.claim(m, FP, "fr") for m in media]
    assert len({fold(p) for p in paths}) == 2
    assert all(re.search(r"\.[0-9a-f]{8}\.fr$", p) for p in paths)


def test_an_extension_that_is_kept_can_collide_too(store):
    media = [medium("film.mp4"), medium("film.mkv"), medium("film.mp4.wav")]
    names = OutputNames(store, media)
    paths = [names.claim(m, FP, "fr") for m in media]
    assert len(set(paths)) == 3
    assert paths[1] == "film.mkv.fr"


def test_names_do_not_hang_on_the_order_of_the_media_or_of_the_claims(tmp_path):
    media = [medium("film.mp4"), medium("film.mkv"), medium("Film.mp4"), medium("film.wav"), medium("a.wav")]
    outcomes = set()
    for number, order in enumerate([media, media[::-1], media[2:] + media[:2], sorted(media, key=lambda m: m.name)]):
        names = OutputNames(Store(str(tmp_path / str(number))), order)
        given_names = {m.id: names.claim(m, FP, "fr") for m in order}
        outcomes.add(tuple(sorted(given_names.items())))
    assert len(outcomes) == 1


def test_a_neighbour_that_cannot_be_read_takes_part(store):
    film = medium("film.mp4")
    broken = medium("film.mkv").model_copy(update={"failure": Failure(kind="not_media", detail="text", permanent=True)})
    assert OutputNames(store, [film, broken]).claim(film, FP, "fr") == "film.mp4.fr"


def test_a_claim_is_kept_when_the_archive_grows(store):
    film, copy = medium("film.mp4"), medium("film.mkv")
    assert OutputNames(store, [film]).claim(film, FP, "fr") == "film.fr"
    grown = OutputNames(store, [copy, film])
    assert grown.claim(copy, FP, "fr") == "film.mkv.fr"
    assert grown.claim(film, FP, "fr") == "film.fr"


def test_other_settings_and_older_versions_get_a_suffix_and_each_keeps_its_own(store):
    old, new = medium("film.mp4", "old"), medium("film.mp4", "new")
    first = OutputNames(store, [old]).claim(old, FP, "fr")
    settings = OutputNames(store, [old]).claim(old, OTHER, "fr")
    version = OutputNames(store, [new]).claim(new, FP, "fr")
    assert first == "film.fr"
    assert re.fullmatch(r"film\.[0-9a-f]{8}\.fr", settings)
    assert re.fullmatch(r"film\.[0-9a-f]{8}\.fr", version)
    assert len({first, settings, version}) == 3
    assert OutputNames(store, [old]).claim(old, OTHER, "fr") == settings
    assert OutputNames(store, [old]).find(old, FP, "fr") == "film.fr"


def test_two_versions_in_one_manifest_are_told_apart_by_the_suffix_alone(store):
    old, new = medium("film.mp4", "old"), medium("film.mp4", "new")
    OutputNames(store, [old]).claim(old, FP, "fr")
    path = OutputNames(store, [old, new]).claim(new, FP, "fr")
    assert re.fullmatch(r"film\.[0-9a-f]{8}\.fr", path)


def test_another_language_with_other_settings_needs_no_suffix(store):
    film = medium("film.mp4")
    OutputNames(store, [film]).claim(film, FP, "fr")
    assert OutputNames(store, [film]).claim(film, OTHER, "en") == "film.en"


def test_a_file_that_is_not_ours_is_stepped_aside_for(store):
    store.write_bytes("film.fr.srt", b"made by hand")
    film = medium("film.mp4")
    names = OutputNames(store, [film])
    path = names.claim(film, FP, "fr", ["srt", "vtt"])
    assert re.fullmatch(r"film\.[0-9a-f]{8}\.fr", path)
    assert names.claim(film, FP, "fr", ["srt", "vtt"]) == path


def test_our_own_file_is_not_stepped_aside_for(store):
    film = medium("film.mp4")
    names = OutputNames(store, [film])
    path = names.claim(film, FP, "fr", ["srt"])
    store.write_bytes(f"{path}.srt", b"ours")
    assert names.claim(film, FP, "fr", ["srt"]) == path


def test_of_two_runs_at_once_one_steps_aside(store, monkeypatch):
    film = medium("film.mp4")
    monkeypatch.setattr(OutputNames, "find", lambda *args: None)  # both looked before either claimed
    paths = [OutputNames(store, [film]).claim(film, fp, "fr") for fp in (FP, OTHER)]
    assert paths[0] == "film.fr"
    assert paths[1] != paths[0]


def test_claims_can_be_listed_whatever_the_names_are(store):
    media = [medium("a/b c%.mp4"), medium("😀" * 30 + "/" + "ü" * 90 + ".wav"), medium("x.mp4")]
    names = OutputNames(store, media)
    paths = {names.claim(m, FP, "fr") for m in media}
    assert claimed_paths(store) == {fold(p) for p in paths}


def test_a_language_cannot_smuggle_in_a_path(store):
    film = medium("film.mp4")
    with pytest.raises(ValueError, match="no language code"):
        OutputNames(store, [film]).claim(film, FP, "../fr")


def test_claims_under_a_name_with_two_dots_in_the_seams(store):
    """Quoted claims are cut into folders; no piece may be a path of its own."""
    film = medium("a" * 198 + "....mp4")
    path = OutputNames(store, [film]).claim(film, FP, "fr")
    assert claimed_paths(store) == {path}


def test_with_a_listing_only_claims_that_are_there_are_read(store, monkeypatch):
    films = [medium(f"{n}.mp4") for n in range(3)]
    claimed = OutputNames(store, films).claim(films[0], FP, "fr")
    names = OutputNames(store, films, claimed_paths(store))
    paths = []
    real = Store.read_bytes
    monkeypatch.setattr(Store, "read_bytes", lambda self, path: paths.append(path) or real(self, path))
    assert [names.find(film, FP, "fr") for film in films] == [claimed, None, None]
    assert len(paths) == 1
    assert names.claim(films[1], FP, "fr") == names.find(films[1], FP, "fr") == "1.fr"


def test_a_claim_that_is_younger_than_the_listing_is_kept(store):
    film = medium("film.mp4")
    listed = OutputNames(store, [film], claimed_paths(store))
    OutputNames(store, [film]).claim(film, FP, "fr")
    store.write_bytes("film.fr.srt", b"ours")
    assert listed.claim(film, FP, "fr", ["srt"]) == "film.fr"


def test_what_was_written_is_noted_in_the_claim(store):
    film = medium("film.mp4")
    names = OutputNames(store, [film])
    path = names.claim(film, FP, "fr")
    assert names.written(path) == names.written("other.fr") == {}
    names.note_written(path, {"srt": ("a", "b")})
    assert names.written(path) == {"srt": ("a", "b")}
    assert names.find(film, FP, "fr") == path
