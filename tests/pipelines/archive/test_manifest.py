from __future__ import annotations

import contextlib
import errno
import functools
import http.server
import json
import os
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import fsspec
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.archive import manifest
from pipelines.archive.candidates import Candidate, Skipped, judge_name
from pipelines.archive.filesystems import open_for_reading
from pipelines.archive.input_lists import LIST_SUFFIXES, ListError, read_list
from pipelines.archive.inputs import NoInput, find_candidates
from pipelines.archive.manifest import build_manifest, medium_id
from pipelines.archive.media import Media
from pipelines.media import decode
from pipelines.media.media_error import MediaError
from pipelines.records import Failure, Medium
from pipelines.settings import MediaLimits

LIMITS = MediaLimits()


class Ear:
    """A feedback that keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.figures: dict[str, float] = {}

    def info(self, message: str) -> None:
        self.messages.append(message)

    warning = error = info

    def progress(self, **figures: float) -> None:
        self.figures |= figures


@dataclass(frozen=True)
class FakeProbe:
    """What the fake probe says of a file whose content is ``media SECONDS [TAG]``."""

    duration_s: float
    container: str
    audio_stream: int
    language: str | None


def fake_probe(
    url: str, limits: MediaLimits, audio_stream: int | None = None, language: str | None = None
) -> FakeProbe:
    with open_for_reading(url) as file:
        words = file.read().decode("utf-8", "replace").split()
    if not words or words[0] != "media":
        raise MediaError(Failure(kind="not_media", detail="fake: no media", permanent=True))
    stream = audio_stream if audio_stream is not None else {"tr": 1, "fr": 2}.get(language or "", 0)
    return FakeProbe(float(words[1]), "fake", stream, words[2] if len(words) > 2 else None)


@pytest.fixture(autouse=True)
def _probe_is_fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "probe", fake_probe)


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def names(media: Sequence[Medium]) -> list[str]:
    return [medium.name for medium in media]


def build(*inputs: str | Path, ear: Ear | None = None, **options: Any) -> Media:
    return build_manifest([str(i) for i in inputs], LIMITS, ear or Ear(), **options)


ARCHIVE = {
    "short.mp4": "media 1",
    "a/long.mkv": "media 100 tur",
    "a/b/odd name.bin": "media 50 und",
    "a/b/noextension": "media 50",
    "fake.mp4": "only text",
    "paper.pdf": "media 7",
    "short.fr.srt": "1",
    "a/cover.jpg": "jpg",
    ".hidden.mp4": "media 3",
    "a/.cache/x.mp4": "media 3",
    "_voxtral/parts/x/1.mp4": "media 3",
}
LISTED = ["a/long.mkv", "a/b/noextension", "a/b/odd name.bin", "short.mp4", "fake.mp4", "paper.pdf"]


@pytest.fixture(params=["local", "file", "memory", "s3", "http"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The same archive in several stores."""
    match request.param:
        case "local" | "file":
            put(tmp_path / "films", ARCHIVE)
            yield str(tmp_path / "films") if request.param == "local" else f"file://{tmp_path}/films"
            return
        case "http":
            put(tmp_path / "films", ARCHIVE)
            with serve(tmp_path) as base:
                yield f"{base}/films/"
            return
        case "memory":
            root = f"memory://{uuid.uuid4().hex}/films"
        case _:
            root = request.getfixturevalue("s3_url") + "/films"
    for name, content in ARCHIVE.items():
        with fsspec.open(f"{root}/{name}", "w") as file:
            file.write(content)
    yield root


class serve:
    """A web server of a folder on loopback, for a ``with`` block."""

    def __init__(self, folder: Path) -> None:
        handler = functools.partial(QuietHandler, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


def test_a_folder_in_any_store_is_listed_longest_first(archive: str) -> None:
    ear = Ear()
    media = build(archive, ear=ear)
    assert names(media) == LISTED
    by_name = {medium.name: medium for medium in media}
    assert by_name["a/long.mkv"].language == "tr"
    assert by_name["a/b/odd name.bin"].language is None
    assert by_name["short.mp4"].container == "fake"
    assert by_name["short.mp4"].size == len("media 1")
    assert all(medium.version for medium in media if not medium.failure)
    failures = {medium.name: medium.failure.kind for medium in media if medium.failure}
    assert failures == {"fake.mp4": "not_media", "paper.pdf": "not_opened"}
    assert "companion files (1 .jpg, 1 .srt)" in " ".join(ear.messages)
    assert ear.figures == {"media_found": 6, "media_probed": 6}
    assert build(archive) == media


def test_a_glob_in_any_store_keeps_the_folders_below_its_fixed_part(archive: str) -> None:
    assert names(build(archive.rstrip("/") + "/a/b/odd*")) == ["odd name.bin"]
    if not archive.startswith("http"):
        assert names(build(archive + "/a/**/*n*")) == ["long.mkv", "b/noextension", "b/odd name.bin"]
        assert names(build(archive + "/a*")) == ["a/long.mkv", "a/b/noextension", "a/b/odd name.bin"]
        assert names(build(archive + "/*.pdf")) == ["paper.pdf"]
        assert build(archive + "/*.pdf")[0].failure is None


def test_a_single_file_in_any_store_is_opened_whatever_its_name(archive: str) -> None:
    (medium,) = build(archive.rstrip("/") + "/paper.pdf")
    assert (medium.name, medium.duration_s, medium.failure) == ("paper.pdf", 7.0, None)
    assert medium.id == medium_id(medium.url, medium.size, medium.version)


def test_a_list_in_any_store_has_relative_urls(archive: str, tmp_path: Path) -> None:
    base = archive.rstrip("/")
    rows = 'url,source_lang,target_lang\na/long.mkv,Turkish,"French; en"\na/../short.mp4,,\n'
    if base.startswith("http"):
        (tmp_path / "films" / "list.csv").write_text(rows)
    else:
        with fsspec.open(f"{base}/list.csv", "w") as file:
            file.write(rows)
    long, short = build(f"{base}/list.csv")
    assert (long.name, long.language, long.targets) == ("a/long.mkv", "tr", ("fr", "en"))
    assert (short.name, short.language, short.targets) == ("short.mp4", None, ())
    ids = {m.name: m.id for m in build(archive)}
    assert short.id == ids["short.mp4"]
    assert long.id != ids["a/long.mkv"], "a list that asks for languages asks for other work"


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_lists_of_every_kind_mean_the_same(tmp_path: Path, suffix: str) -> None:
    put(tmp_path, {"x/a.mp4": "media 2", "x/b.mp4": "media 1 deu"})
    rows: list[dict[str, object]] = [
        {"url": "x/a.mp4", "source_lang": "Türkçe", "target_lang": "fr;English", "more": 1},
        {"url": f"file://{tmp_path}/x/b.mp4", "source_lang": None, "target_lang": None, "more": 2},
    ]
    write_list(tmp_path / f"list.{suffix}", rows)
    first, second = build(tmp_path / f"list.{suffix}")
    assert (first.name, first.language, first.targets) == ("a.mp4", "tr", ("fr", "en"))
    assert (second.name, second.language, second.targets) == ("b.mp4", "de", ())


def write_list(path: Path, rows: Sequence[dict[str, object]]) -> None:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    else:
        lines = [";".join(rows[0]), *(";".join(f'"{v or ""}"' for v in row.values()) for row in rows)]
        path.write_text("\ufeff" + "\r\n".join(lines))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "l.csv",
            "path,lang\na.mp4,fr\n",
            r"l\.csv, line 1: there is no column `url`; the columns are: path, lang",
        ),
        ("l.csv", "", r"l\.csv, line 1: there is no column `url`"),
        ("l.csv", "url,source_lang\na.mp4,fr\n,fr\n", r"l\.csv, line 3: `url` is missing"),
        ("l.csv", "url,source_lang\na.mp4,Frensh\n", r"l\.csv, line 2: 'Frensh'.*French \(fr\)"),
        ("l.csv", 'url\n"a.mp4\n', r"l\.csv, line 2: not CSV"),
        ("l.jsonl", '{"url": "a.mp4"}\n{"uri": 1}\n', r"l\.jsonl, line 2: `url` is missing"),
        ("l.jsonl", '{"url": "a.mp4"}\n\n{"url": \n', r"l\.jsonl, line 3: not JSON"),
        ("l.jsonl", '["a.mp4"]\n', r"l\.jsonl, line 1: expected an object"),
        ("l.jsonl", '{"url": "a", "source_lang": "fr,en"}\n', r"l\.jsonl, line 1: `source_lang` must be one"),
        ("l.jsonl", '{"url": "a", "target_lang": 5}\n', r"l\.jsonl, line 1: 5 is not a language"),
        ("l.parquet", "no parquet", r"l\.parquet: not a readable Parquet file"),
    ],
)
def test_a_bad_list_says_file_and_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    put(tmp_path, {name: text, "a.mp4": "media 1"})
    with pytest.raises(ListError, match=message):
        build(tmp_path / name)


def test_a_list_that_is_no_utf8_says_the_line(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_bytes(b"url\nT\xfcrk.mp4\n")
    with pytest.raises(ListError, match="line 2: this is not UTF-8"):
        build(tmp_path / "l.csv")


@settings(max_examples=60, deadline=None)
@given(
    text=st.binary(max_size=60) | st.text('url,;"\n\r\t{}:[]0a\0é').map(str.encode),
    suffix=st.sampled_from(LIST_SUFFIXES),
)
def test_any_bytes_are_a_list_or_a_plain_error(text: bytes, suffix: str) -> None:
    url = f"memory://lists/l{suffix}"
    fsspec.filesystem("memory").pipe_file("/lists/l" + suffix, text)
    with contextlib.suppress(ListError):
        assert all("\0" not in row.url for row in read_list(url))


def test_a_parquet_list_without_the_column_is_an_error(tmp_path: Path) -> None:
    write_list(tmp_path / "l.parquet", [{"path": "x"}])
    with pytest.raises(ListError, match="no column `url`"):
        build(tmp_path / "l.parquet")


def test_a_bucket_lists_relative_urls_never_leave_it(s3_url: str) -> None:
    with fsspec.open(f"{s3_url}/in/l.jsonl", "w") as file:
        file.write('{"url": "../../other/film.mp4"}')
    with pytest.raises(ListError, match="leads out"):
        build(f"{s3_url}/in/l.jsonl")


def test_files_of_a_list_that_are_not_there_are_transient_failures(tmp_path: Path, s3_url: str) -> None:
    urls = ("gone.mp4", f"{s3_url}/gone.mp4", "http://127.0.0.1:9/gone.mp4", ".", "here.mp4")
    put(tmp_path, {"here.mp4": "media 1"})
    write_list(tmp_path / "l.jsonl", [{"url": url} for url in urls])
    first, *rest = build(tmp_path / "l.jsonl")
    assert first.failure is None
    assert first.duration_s == 1.0
    kinds = {medium.url: (medium.failure.kind, medium.failure.permanent) for medium in rest if medium.failure}
    assert kinds[str(tmp_path / "gone.mp4")] == kinds[f"{s3_url}/gone.mp4"] == ("vanished", False)
    assert kinds["http://127.0.0.1:9/gone.mp4"][1] is False
    assert kinds[str(tmp_path)] == ("not_media", True)


def test_a_file_that_vanishes_after_the_listing_is_a_transient_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, {"a.mp4": "media 1", "b.mp4": "media 2"})

    def then_delete(inputs: Sequence[str], ear: Ear) -> list[Candidate]:
        found = find_candidates(inputs, ear)
        (tmp_path / "a.mp4").unlink()
        return found

    monkeypatch.setattr(manifest, "find_candidates", then_delete)
    there, gone = build(tmp_path)
    assert there.name == "b.mp4"
    assert there.failure is None
    assert gone.name == "a.mp4"
    assert gone.failure is not None
    assert not gone.failure.permanent


def test_odd_files_are_rows_and_block_nothing(tmp_path: Path) -> None:
    put(tmp_path, {"ok.mp4": "media 1"})
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "dangling.mp4").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/T\xfcrk.mp4"))).write_text("media 5")
    kinds = {medium.name: medium.failure and medium.failure.kind for medium in build(tmp_path)}
    assert kinds == {
        "ok.mp4": None,
        "pipe.mp4": "not_media",
        "dangling.mp4": "vanished",
        "T\\xfcrk.mp4": "unreadable",
    }


def test_linked_folders_are_part_of_the_archive(tmp_path: Path) -> None:
    put(tmp_path, {"disk2/b.mp4": "media 1", "films/a.mp4": "media 2"})
    (tmp_path / "films" / "more").symlink_to(tmp_path / "disk2")
    (tmp_path / "films" / "zmore").symlink_to(tmp_path / "disk2")
    assert names(build(tmp_path / "films")) == ["a.mp4", "more/b.mp4"]


def test_a_folder_that_cannot_be_listed_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"a.mp4": "media 2", "locked/b.mp4": "media 1"})
    scan = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    there, locked = build(tmp_path)
    assert (there.name, locked.name) == ("a.mp4", "locked")
    assert locked.failure == Failure(kind="unreadable", detail="folder: Permission denied", permanent=False)
    with pytest.raises(NoInput, match="cannot be read: Permission denied"):
        build(tmp_path / "locked")


@pytest.mark.parametrize(
    "name", ["new\nline.mp4", 'it\'s "q".mp4', "..mp4", "🎬 ç.mp4", "a::b.mp4", "50%25 [x]*?#.mp4"]
)
def test_names_are_carried_as_they_are(name: str, tmp_path: Path, s3_url: str) -> None:
    visible = name if not name.startswith(".") else f"x{name}"
    put(tmp_path / "in", {visible: "media 1"})
    (local,) = build(tmp_path / "in")
    assert local.name == visible
    assert local.failure is None
    assert build(tmp_path / "in" / visible) == [local]
    assert Medium.model_validate_json(local.model_dump_json()) == local
    if "\n" not in visible:  # moto's server cannot route such a key
        fsspec.filesystem("s3", use_listings_cache=False).pipe_file(f"{s3_url}/in/{visible}", b"media 1")
        (remote,) = build(f"{s3_url}/in")
        assert remote.name == visible
        assert remote.failure is None
        assert build(remote.url) == [remote]
    with serve(tmp_path) as base:
        (web,) = build(f"{base}/in/{quote(visible)}")
    assert web.name == visible
    assert web.failure is None


def test_lists_carry_keys_with_dots_as_they_are(tmp_path: Path, s3_url: str) -> None:
    fsspec.filesystem("s3", use_listings_cache=False).pipe_file(f"{s3_url}/in/../../up.mp4", b"media 1")
    fsspec.filesystem("s3", use_listings_cache=False).pipe_file(f"{s3_url}/in/b.mp4", b"media 2")
    assert names(build(f"{s3_url}/in")) == ["b.mp4", "../../up.mp4"]


def test_no_input_says_what_was_looked_for(tmp_path: Path, s3_url: str) -> None:
    put(tmp_path, {"subs/a.srt": "1", "film.mp4": "media 1", "l.jsonl": ""})
    for text in (
        "nothing.mp4",
        "no*.mp4",
        f"{s3_url}/nothing",
        f"{s3_url}/no*.mp4",
        "http://127.0.0.1:9/x.mp4",
    ):
        url = text if "://" in text else str(tmp_path / text)
        with pytest.raises(NoInput) as caught:
            build(tmp_path / "film.mp4", url)
        assert url in str(caught.value)
    with pytest.raises(NoInput, match=r"subs.*There were only companion files \(1 \.srt\)"):
        build(tmp_path / "subs")
    with pytest.raises(NoInput, match="no path or URL at all"):
        build()
    for empty in ("", " ", "a\0b"):
        with pytest.raises(NoInput, match="empty or no path"):
            build(empty)
    with pytest.raises(NoInput, match=r"l\.jsonl"):
        build(tmp_path / "l.jsonl")
    with pytest.raises(NoInput, match="nostore"):
        build("nostore://bucket/film.mp4")


def test_an_empty_folder_beside_others_is_only_a_warning(tmp_path: Path) -> None:
    put(tmp_path, {"film.mp4": "media 1"})
    (tmp_path / "empty").mkdir()
    ear = Ear()
    assert names(build(tmp_path / "empty", tmp_path / "film.mp4", ear=ear)) == ["film.mp4"]
    assert any("empty" in message for message in ear.messages)


def test_what_is_found_twice_is_listed_once_with_all_its_targets(tmp_path: Path) -> None:
    put(tmp_path, {"films/a.mp4": "media 1", "films/list.pdf": "media 2"})
    rows: list[dict[str, object]] = [
        {"url": "films/a.mp4", "target_lang": "fr", "source_lang": "tr"},
        {"url": "films/a.mp4", "target_lang": "en", "source_lang": "de"},
        {"url": "films/list.pdf"},
    ]
    write_list(tmp_path / "l.jsonl", rows)
    ear = Ear()
    second, first = build(tmp_path / "films", tmp_path / "films" / "*", tmp_path / "l.jsonl", ear=ear)
    assert (first.name, first.language, first.targets) == ("a.mp4", "tr", ("fr", "en"))
    assert (second.name, second.failure) == ("list.pdf", None), "named by the list, so it was opened"
    assert any("as tr and as de" in message for message in ear.messages)


def test_the_id_follows_url_size_and_version_and_no_signature() -> None:
    url = "https://h/a.mp4?v=2"
    plain = medium_id(url, 1, "e")
    assert len(plain) == 20
    assert int(plain, 16) >= 0
    signed = "&X-Amz-Signature=1&x-amz-date=2&Expires=3&sig=4&token=5&se=6&Signature=7"
    assert medium_id(url + signed, 1, "e") == medium_id(url + "#t=1", 1, "e") == plain
    others = [("https://h/a.mp4?v=3", 1, "e"), ("https://h/a.mp4", 1, "e"), (url, 2, "e"), (url, 1, "f")]
    assert len({plain, *(medium_id(*other) for other in others)}) == 5
    assert medium_id("/a?sig=1", 1, "e") != medium_id("/a", 1, "e"), "on disk this is part of the name"


def test_a_changed_file_is_another_medium(tmp_path: Path, s3_url: str) -> None:
    file = put(tmp_path, {"a.mp4": "media 1"}) / "a.mp4"
    (before,) = build(tmp_path)
    os.utime(file, ns=(1, 1))
    (after,) = build(tmp_path)
    assert before.id != after.id
    fs = fsspec.filesystem("s3", use_listings_cache=False)
    fs.pipe_file(f"{s3_url}/a.mp4", b"media 1")
    (before,) = build(s3_url)
    fs.pipe_file(f"{s3_url}/a.mp4", b"media 2")
    (after,) = build(s3_url)
    assert before.id != after.id
    assert before.size == after.size


def test_equal_lengths_are_sorted_by_name(tmp_path: Path) -> None:
    put(tmp_path, {f"{letter}.mp4": "media 5" for letter in "dbca"} | {"z.mp4": "media 6"})
    assert names(build(tmp_path)) == ["z.mp4", "a.mp4", "b.mp4", "c.mp4", "d.mp4"]


def test_the_stream_is_chosen_by_list_language_then_run_language_or_index(tmp_path: Path) -> None:
    put(tmp_path, {"a.mp4": "media 1", "b.mp4": "media 2"})
    write_list(tmp_path / "l.jsonl", [{"url": "a.mp4", "source_lang": "tr"}, {"url": "b.mp4"}])
    assert [m.audio_stream for m in build(tmp_path / "l.jsonl", source="fr")] == [2, 1]
    assert [m.audio_stream for m in build(tmp_path / "l.jsonl", source="fr", audio_stream=7)] == [7, 7]


def test_real_media_are_known_by_their_content(tmp_path: Path, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "probe", decode.probe)
    put(tmp_path / "in", {"text.mp4": "no media at all", "empty.wav": ""})
    sound = (np.sin(np.arange(24_000) / 20) * 9000).astype(np.int16)
    for name in ("one", "sound é\n.bin"):
        soundfile.write(tmp_path / "in" / name, sound, 16_000, format="WAV")
    fs = fsspec.filesystem("s3", use_listings_cache=False)
    fs.pipe_file(f"{s3_url}/in/three.mp4", (tmp_path / "in" / "one").read_bytes())
    with serve(tmp_path) as base:
        media = build(tmp_path / "in", s3_url, f"{base}/in/one?sig=1")
    lengths = [(m.name, m.duration_s, m.container, m.failure and m.failure.kind) for m in media]
    found = [
        ("in/three.mp4", 1.5, "wav", None),
        *[(n, 1.5, "wav", None) for n in ("one", "one", "sound é\n.bin")],
    ]
    assert lengths[:4] == found, media
    assert lengths[4:] == [("empty.wav", 0.0, "", "empty"), ("text.mp4", 0.0, "", "not_media")]


def test_media_that_have_not_changed_are_not_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"same.mp3": "media 5", "changed.mp3": "media 6"})
    known = build(tmp_path)
    put(tmp_path, {"changed.mp3": "media 7.5"})
    opened: list[str] = []

    def fake_probe_that_counts(url: str, *others: Any) -> FakeProbe:
        opened.append(Path(url).name)
        return fake_probe(url, *others)

    monkeypatch.setattr(manifest, "probe", fake_probe_that_counts)
    assert names(build(tmp_path, known=known)) == ["changed.mp3", "same.mp3"]
    assert opened == ["changed.mp3"]


def test_a_probe_that_fails_in_passing_is_made_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was busy must not leave a film to the next run."""
    opened: list[str] = []

    def fake_probe_that_is_late(url: str, *others: Any) -> FakeProbe:
        opened.append(url)
        if opened.count(url) == 1:
            raise MediaError(Failure(kind="timeout", detail="late", permanent=False))
        return fake_probe(url, *others)

    monkeypatch.setattr(manifest, "probe", fake_probe_that_is_late)
    (tmp_path / "a.wav").write_text("media 3")
    (medium,) = build_manifest([str(tmp_path)], MediaLimits(), Ear())
    assert (medium.failure, medium.duration_s, len(opened)) == (None, 3.0, 2)


def test_what_is_opened_of_a_large_archive_is_kept_while_more_is_to_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "_AT_ONCE", 2)
    for name in "abcde":
        (tmp_path / f"{name}.wav").write_text("media 3")
    kept: list[list[str]] = []
    build_manifest([str(tmp_path)], MediaLimits(), Ear(), keep=lambda media: kept.append([m.name for m in media]))
    assert kept == [["e.wav", "d.wav"], ["c.wav", "b.wav"]] or kept == [["a.wav", "b.wav"], ["c.wav", "d.wav"]]


def test_another_language_in_a_list_is_other_work(tmp_path: Path) -> None:
    put(
        tmp_path, {"a.mp3": "media 5", "fr.csv": "url,target_lang\na.mp3,fr\n", "en.csv": "url,target_lang\na.mp3,en\n"}
    )
    ids = {build(tmp_path / name)[0].id for name in ("a.mp3", "fr.csv", "en.csv")}
    assert len(ids) == 3


@pytest.mark.parametrize("name", ["film.fr.srt.edited", "a/film.fr.vtt.edited12"])
def test_edited_subtitles_that_were_kept_aside_are_no_media(name: str) -> None:
    skipped = Skipped()
    assert judge_name(name, skipped, "") == "skip"
    assert sum(skipped.companions.values()) == 1
    assert judge_name("my.edited-film", skipped, "") is None
