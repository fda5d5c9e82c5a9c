"""A copy holds every packet of the medium, and subtitles that any player shows."""

from __future__ import annotations

import av
import fsspec
import pytest
from av.stream import Disposition

from pipelines.media.media_error import MediaError
from pipelines.media.remux import SoftTrack, copy_with_subtitles
from pipelines.records import Medium
from pipelines.settings import MediaLimits
from tests.pipelines.media_samples import speech_like, write_media

SRT = "1\n00:00:00,500 --> 00:00:01,750\nBonjour & <ça> va ?\nOui.\n\n2\n00:00:02,000 --> 00:00:03,000\nשלום 🌳\n\n"
ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: House,Georgia,54

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.50,0:00:01.75,House,,0,0,0,,Bonjour
"""
TRACKS = [SoftTrack("fr", "", SRT), SoftTrack("en", "[demo-model]", SRT)]
CODECS = {"mp4": "mov_text", "mov": "mov_text", "mkv": "srt", "webm": "webvtt"}


def medium_of(path, **more) -> Medium:
    kinds = {".mp4": "mov", ".mov": "mov", ".m4a": "mov", ".mkv": "matroska", ".webm": "matroska"}
    fields = {"url": str(path), "name": path.name, "container": kinds.get(path.suffix, path.suffix[1:])}
    return Medium(**{"id": "x", "size": 1, "version": "1", "duration_s": 4.0} | fields | more)


def payloads(path: str, kind: str) -> list[list[bytes]]:
    with av.open(path) as container:
        wanted = [stream for stream in container.streams if stream.type == kind]
        found: list[list[bytes]] = [[] for _ in wanted]
        for packet in container.demux():
            if packet.size and packet.stream in wanted:
                found[wanted.index(packet.stream)].append(bytes(packet))
        return found


def shown(path: str, index: int) -> list[tuple[int, int, str]]:
    """Subtitles as FFmpeg decodes them: milliseconds, plain text."""
    with av.open(path) as container:
        stream = container.streams.subtitles[index]
        found = []
        for packet in container.demux(stream):
            for subtitle in stream.codec_context.decode(packet) if packet.size else []:
                text = subtitle.ass.decode().split(",", 8)[-1]
                begin = round(packet.pts * packet.time_base * 1000)
                if text:
                    found.append((begin, begin + round(packet.duration * packet.time_base * 1000), text))
        return found


@pytest.mark.parametrize(
    ("suffix", "into"),
    [
        *((same, same) for same in ("mp4", "mov", "mkv", "webm")),
        *((other, "mkv") for other in ("avi", "mp3", "ts", "opus", "wav")),
        ("m4a", "mp4"),
    ],
)
def test_a_copy_has_all_packets_and_the_subtitles(tmp_path, suffix, into):
    pictures = 4.0 if suffix in ("mp4", "mov", "mkv", "webm", "avi") else 0.0
    codec = {"mov": "aac"}.get(suffix)
    path = write_media(tmp_path / f"film.{suffix}", speech_like(4.0), video_s=pictures, languages=["tur"], codec=codec)
    before = path.read_bytes()
    copy = str(copy_with_subtitles(medium_of(path), TRACKS, tmp_path, MediaLimits()))
    assert copy.endswith(f".{into}")
    assert path.read_bytes() == before
    for kind in ("video", "audio"):
        written, read = payloads(copy, kind), payloads(str(path), kind)
        if suffix == "ts":  # a transport stream says before each packet what others say once
            read = [[packet[7:] for packet in stream] for stream in read]
        assert written == read
    with av.open(copy) as container:
        tracks = container.streams.subtitles
        assert [(t.codec_context.name, t.language) for t in tracks] == [(CODECS[into], "fra"), (CODECS[into], "eng")]
        assert [bool(t.disposition & Disposition.default) for t in tracks] == [True, False]
        start_ms = round((container.start_time or 0) / 1000)
    for index in (0, 1):
        (first, end, text), (second, _, other) = shown(copy, index)
        assert (first, end - first, second) == (pytest.approx(500, abs=70), 1250, pytest.approx(2000, abs=70))
        assert text.replace("\\N", " ").replace("&amp;", "&") == "Bonjour & <ça> va ? Oui."
        assert other == "שלום 🌳"
    assert abs(start_ms) <= 70


def test_existing_streams_keep_their_tags_and_their_default(tmp_path):
    path = write_media(tmp_path / "film.mkv", [speech_like(3.0), speech_like(3.0, 1)], languages=["tur", "eng"])
    first = copy_with_subtitles(medium_of(path), TRACKS[:1], tmp_path, MediaLimits())
    again = first.rename(tmp_path / "with.mkv")
    copy = copy_with_subtitles(medium_of(again), TRACKS[1:], tmp_path, MediaLimits())
    with av.open(str(copy)) as container:
        assert [s.language for s in container.streams] == ["tur", "eng", "fra", "eng"]
        assert [bool(s.disposition & Disposition.default) for s in container.streams.subtitles] == [True, False]
        assert container.streams.subtitles[1].metadata["title"] == "[demo-model]"


def test_matroska_takes_styles_where_there_are_some(tmp_path):
    path = write_media(tmp_path / "film.mkv", speech_like(3.0))
    copy = copy_with_subtitles(medium_of(path), [SoftTrack("fr", "", SRT, ASS)], tmp_path, MediaLimits())
    with av.open(str(copy)) as container:
        assert container.streams.subtitles[0].codec_context.name in ("ass", "ssa")
        assert b"Georgia" in container.streams.subtitles[0].codec_context.extradata


def test_a_medium_in_a_store_is_copied_from_there(tmp_path, s3_url):
    path = write_media(tmp_path / "film.mp4", speech_like(2.0))
    url = f"{s3_url}/film.mp4"
    with fsspec.open(url, "wb") as file:
        file.write(path.read_bytes())
    copy = copy_with_subtitles(medium_of(path, url=url), TRACKS[:1], tmp_path, MediaLimits())
    assert payloads(str(copy), "audio") == payloads(str(path), "audio")


def test_what_is_no_medium_or_is_gone_is_told_and_leaves_nothing(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "film.mp4").write_text("hello")
    with pytest.raises(MediaError, match="not_media"):
        copy_with_subtitles(medium_of(tmp_path / "film.mp4"), TRACKS, folder, MediaLimits())
    with pytest.raises(MediaError, match="vanished"):
        copy_with_subtitles(medium_of(tmp_path / "gone.mp4"), TRACKS, folder, MediaLimits())
    assert list(folder.iterdir()) == []
