"""Decoding: exact times in every container, and a clear failure for everything that is no speech recording."""

from __future__ import annotations

import os
import random
import sys
from dataclasses import replace
from pathlib import Path

import av
import fsspec
import numpy as np
import pytest
from fsspec.implementations.local import LocalFileSystem

from pipelines.media import decode_child
from pipelines.media.decode import decode, probe
from pipelines.media.media_error import MediaError
from pipelines.media.media_source import Limits, Refusal
from pipelines.settings import MediaLimits
from tests.pipelines.media_samples import speech_like, write_media

LIMITS = MediaLimits()
CHILD_LIMITS = Limits(**LIMITS.model_dump())
RATE = 16_000
FAKE = Path(__file__).with_name("fake_decoder.py")


def look(path: Path | str, limits: Limits = CHILD_LIMITS, stream: int | None = None) -> dict:
    """Probe without starting a process."""
    request = {"url": str(path), "audio_stream": stream, "language_tags": []}
    return decode_child.probe(request, limits)


def hear(path: Path | str, start_s: float = 0.0, end_s: float = 1e5, stream: int | None = None) -> np.ndarray:
    """Decode without starting a process."""
    request = {
        "url": str(path),
        "audio_stream": stream,
        "first": round(start_s * RATE),
        "last": round(end_s * RATE),
    }
    return np.frombuffer(b"".join(decode_child.decode(request, CHILD_LIMITS)), np.int16)


def lag(heard: np.ndarray, source: np.ndarray, at_s: float) -> int:
    """By how many samples ``heard`` is later than ``source`` around ``at_s`` (both at 16 kHz)."""
    begin, count, reach = round(at_s * RATE), RATE, 100
    piece = heard[begin : begin + count].astype(np.float64)
    scores = [float(piece @ source[begin - k : begin - k + count].astype(np.float64)) for k in range(-reach, reach)]
    return int(np.argmax(scores)) - reach


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


KINDS = [
    (".wav", 22050, 1, {}),
    (".mp3", 44100, 2, {}),
    (".m4a", 44100, 2, {}),
    (".mp4", 48000, 1, {"video_s": 36}),
    (".aac", 48000, 1, {}),
    (".opus", 48000, 1, {}),
    (".flac", 44100, 1, {}),
    (".mkv", 44100, 1, {"video_s": 36}),
    (".webm", 48000, 2, {}),
    (".mka", 48000, 1, {"codec": "libmp3lame"}),
    (".ts", 44100, 1, {}),
    (".avi", 44100, 1, {"video_s": 36}),
    (".ac3", 48000, 1, {}),
]


@pytest.mark.parametrize(("suffix", "rate", "channels", "more"), KINDS, ids=[kind[0] for kind in KINDS])
def test_pieces_equal_the_slices_of_the_whole(folder: Path, suffix: str, rate: int, channels: int, more: dict) -> None:
    path = folder / f"piece{suffix}"
    write_media(path, speech_like(36, 1, rate), rate, channels=channels, **more)
    whole = hear(path)
    assert abs(len(whole) / RATE - 36) < 0.1
    assert abs(look(path)["duration_s"] - 36) < 0.1
    for start_s, length_s in [(31.9, 0.2), (32.0, 20.0), (random.Random(suffix).uniform(5, 34), 1.5)]:
        piece = hear(path, start_s, start_s + length_s)
        wanted = whole[round(start_s * RATE) : round((start_s + length_s) * RATE)]
        np.testing.assert_array_equal(piece, wanted, f"{start_s} + {length_s}")


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".m4a", ".mkv", ".opus", ".mp3"])
def test_sound_is_where_it_was_written(folder: Path, suffix: str) -> None:
    rate = 48000
    source = speech_like(36, 2, rate)
    path = write_media(folder / f"place{suffix}", source, rate)
    at_16k = np.interp(np.arange(36 * RATE) / RATE, np.arange(len(source)) / rate, source)
    heard = hear(path)
    assert abs(lag(heard, at_16k, 3.0)) <= 8
    assert abs(lag(heard, at_16k, 34.0)) <= 8


def test_missing_packets_become_silence_and_later_sound_keeps_its_time(folder: Path) -> None:
    source = speech_like(80, 3)
    path = write_media(folder / "gap.mkv", source, gap=(10, 14))
    with_long_gap = write_media(folder / "long_gap.mkv", source, gap=(20, 70))
    heard, heard_long = hear(path), hear(with_long_gap)
    assert np.abs(heard[round(10.2 * RATE) : round(13.8 * RATE)]).max() == 0
    assert abs(lag(heard, source, 15.0)) <= 16
    assert np.abs(heard_long[25 * RATE : 65 * RATE]).max() == 0
    assert abs(lag(heard_long, source, 75.0)) <= 16
    assert len(hear(with_long_gap, 30, 60)) == 30 * RATE


def test_audio_that_begins_after_the_pictures_is_heard_late(folder: Path) -> None:
    source = speech_like(10, 4)
    path = write_media(folder / "late.mkv", source, start_s=3.0, video_s=13)
    heard = hear(path)
    assert np.abs(heard[: round(2.9 * RATE)]).max() == 0
    assert abs(lag(heard[3 * RATE :], source, 5.0)) <= 32


def test_a_call_in_a_child_gives_the_same_samples(folder: Path) -> None:
    path = write_media(folder / "child.m4a", speech_like(5, 5), video_s=0)
    found = probe(str(path), LIMITS)
    assert (found.container, found.audio_stream, found.language) == ("mov", 0, None)
    np.testing.assert_array_equal(decode(str(path), 0, 1.0, 3.5, LIMITS), hear(path, 1.0, 3.5))
    assert len(decode(str(path), 0, 4.5, 60.0, LIMITS)) == len(hear(path)) - round(4.5 * RATE)
    assert len(decode(str(path), 0, 2.0, 2.0, LIMITS)) == 0


def test_192_khz_8_channels(folder: Path) -> None:
    path = write_media(folder / "wide.wav", speech_like(2, 6, 192_000), 192_000, channels=8)
    heard = hear(path)
    assert len(heard) == 2 * RATE
    assert np.abs(heard).max() > 1000


def test_full_scale_of_every_sample_format_is_alike(folder: Path) -> None:
    source = speech_like(1, 7)
    loud = [
        np.abs(hear(write_media(folder / f"{codec}.wav", source, codec=codec))).max()
        for codec in ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le")
    ]
    assert max(loud) - min(loud) < 300


def test_a_stream_that_changes_its_rate_goes_on(folder: Path) -> None:
    parts = [
        write_media(folder / f"part{i}.aac", speech_like(5, i, rate), rate) for i, rate in enumerate((48000, 32000))
    ]
    both = folder / "both.aac"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert len(hear(both)) > 8 * RATE


def test_the_stream_is_chosen_by_language_or_index(folder: Path) -> None:
    tracks = [speech_like(3, 8), np.zeros(3 * RATE, np.float32), speech_like(3, 9)]
    path = write_media(folder / "two.mkv", tracks, languages=["eng", "tur", "fre"], video_s=3)
    turkish, french = probe(str(path), LIMITS, language="tr"), probe(str(path), LIMITS, language="fr")
    assert (turkish.language, french.language) == ("tr", "fr")
    assert np.abs(hear(path, stream=turkish.audio_stream)).max() < 10
    assert np.abs(hear(path, stream=french.audio_stream)).max() > 1000
    assert probe(str(path), LIMITS, audio_stream=french.audio_stream).language == "fr"
    with pytest.raises(MediaError, match="stream 0 is no audio stream") as raised:
        probe(str(path), LIMITS, audio_stream=0)
    assert raised.value.failure.kind == "no_audio"


def test_surround_sound_in_planes(folder: Path) -> None:
    source = speech_like(2, 19, 48_000)
    heard = hear(write_media(folder / "planes.flac", source, 48_000, channels=8))
    assert len(heard) == 2 * RATE
    assert np.abs(heard / 32768.0).max() == pytest.approx(np.abs(source).max(), abs=0.1)


@pytest.mark.parametrize("name", ["new\nline.wav", 'it\'s "quoted".wav', "şarkı 🎵.wav", "..hidden.wav", "%41#?.wav"])
def test_odd_names(folder: Path, name: str) -> None:
    path = write_media(folder / "odd.wav", speech_like(1)).rename(folder / name)
    assert len(hear(path)) == RATE


def cut_short(path: Path, part: float) -> Path:
    data = path.read_bytes()
    short = path.with_name(f"short_{path.name}")
    short.write_bytes(data[: int(len(data) * part)])
    return short


@pytest.mark.parametrize("suffix", [".mkv", ".opus", ".mp3", ".wav", ".flac", ".ts"])
def test_a_truncated_file_gives_what_is_there(folder: Path, suffix: str) -> None:
    path = cut_short(write_media(folder / f"whole{suffix}", speech_like(20, 10, 48000), 48000), 0.5)
    assert 8 < look(path)["duration_s"] < 12
    heard = hear(path)
    assert 8 * RATE < len(heard) < 12 * RATE


def test_a_truncated_mp4_gives_what_is_there_if_its_index_is_and_a_failure_if_not(folder: Path) -> None:
    with pytest.raises(Refusal) as raised:
        look(cut_short(write_media(folder / "end.mp4", speech_like(20, 11)), 0.5))
    assert raised.value.kind == "not_media"
    path = folder / "front.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(speech_like(20, 11)[None], "fltp", "mono")
        frame.sample_rate = RATE
        out.mux(stream.encode(frame) + stream.encode(None))
    heard = hear(cut_short(path, 0.5))
    assert 6 * RATE < len(heard) < 14 * RATE


def test_damaged_packets_are_skipped_and_the_rest_keeps_its_time(folder: Path) -> None:
    source = speech_like(30, 12, 48000)
    path = write_media(folder / "damaged.mkv", source, 48000)
    data = bytearray(path.read_bytes())
    at = len(data) // 3
    data[at : at + 2000] = os.urandom(2000)
    path.write_bytes(data)
    at_16k = np.interp(np.arange(30 * RATE) / RATE, np.arange(len(source)) / 48000, source)
    assert abs(lag(hear(path), at_16k, 25.0)) <= 16


def write_bytes(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def silent_film(folder: Path) -> Path:
    path = folder / "film.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
        out.mux(stream.encode(None))
    return path


def header_alone(path: Path) -> Path:
    data = path.read_bytes()
    return write_bytes(path, data[: data.index(b"data") + 8])


BAD = {
    "empty": lambda folder: write_bytes(folder / "e.mp4", b""),
    "not_media text": lambda folder: write_bytes(folder / "t.mp4", b"Dear reader, this is no film.\n" * 500),
    "not_media noise": lambda folder: write_bytes(folder / "n.mp3", random.Random(0).randbytes(50_000)),
    "not_media folder": lambda folder: folder,
    "vanished": lambda folder: folder / "gone.wav",
    "no_audio film": silent_film,
    "no_audio header": lambda folder: header_alone(write_media(folder / "h.wav", speech_like(1))),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_has_a_clear_failure(folder: Path, case: str) -> None:
    with pytest.raises(Refusal) as raised:
        look(BAD[case](folder))
    assert raised.value.kind == case.split()[0]
    assert len(raised.value.detail) > 10


def test_a_failure_of_the_child_reaches_the_caller(folder: Path) -> None:
    with pytest.raises(MediaError) as raised:
        probe(str(write_bytes(folder / "f.mp4", b"no film at all" * 99)), LIMITS)
    assert (raised.value.failure.kind, raised.value.failure.permanent) == ("not_media", True)


def test_nothing_opens_a_second_file(folder: Path) -> None:
    inner = write_media(folder / "inner.ts", speech_like(5, 13))
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5.0,\n{inner.name}\n#EXT-X-ENDLIST\n"
    lists = {
        "list.m3u8": text,
        "list.mp4": text,
        "absolute.m3u8": text.replace(inner.name, f"file://{inner}"),
        "script.ffconcat": f"ffconcat version 1.0\nfile '{inner}'\n",
        "play.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
        "dash.mpd": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        f"<AdaptationSet><Representation><BaseURL>{inner}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    }
    for name, content in lists.items():
        with pytest.raises(Refusal) as raised:
            look(write_bytes(folder / name, content.encode()))
        assert raised.value.kind == "not_media", name


def test_a_film_cannot_name_a_second_file_for_its_sound(folder: Path) -> None:
    path = write_media(folder / "refers.mov", speech_like(5, 14), codec="pcm_s16le")
    own = hear(path)
    (folder / "other.raw").write_bytes(bytes(path.stat().st_size))
    path.write_bytes(_with_alias(path.read_bytes(), str(folder / "other.raw")))
    np.testing.assert_array_equal(hear(path), own)


def _with_alias(movie: bytes, target: str) -> bytes:
    """The movie with its data reference replaced by a Macintosh alias to another file."""
    name, full = Path(target).name.encode(), target.encode()
    alias = bytes(10) + b"\0" + bytes(27) + bytes(12) + bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16)
    alias += (1).to_bytes(2, "big") * 2 + bytes(16)
    padded = full + bytes(len(full) % 2)
    alias += (18).to_bytes(2, "big") + len(full).to_bytes(2, "big") + padded + b"\xff\xff\0\0"
    entry = (len(alias) + 12).to_bytes(4, "big") + b"alis" + bytes(4) + alias
    at = movie.index(b"dref") - 4
    size = int.from_bytes(movie[at : at + 4], "big")
    box = (16 + len(entry)).to_bytes(4, "big") + b"dref" + bytes(4) + (1).to_bytes(4, "big") + entry
    grown = bytearray(movie[:at] + box + movie[at + size :])
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        place = movie.index(parent) - 4
        old = int.from_bytes(movie[place : place + 4], "big")
        grown[place : place + 4] = (old + len(box) - size).to_bytes(4, "big")
    return bytes(grown)


def test_limits(folder: Path) -> None:
    wide = write_media(folder / "limits.wav", speech_like(3, 15, 48000), 48000, channels=6)
    many = write_media(folder / "many.mkv", [speech_like(1, i) for i in range(4)])
    for limits, path, kind in (
        (replace(CHILD_LIMITS, channels=2), wide, "limit"),
        (replace(CHILD_LIMITS, sample_rate=44100), wide, "limit"),
        (replace(CHILD_LIMITS, decoded_s=2), wide, "too_long"),
        (replace(CHILD_LIMITS, streams=3), many, "limit"),
    ):
        with pytest.raises(Refusal) as raised:
            look(path, limits)
        assert raised.value.kind == kind
    request = {"url": str(wide), "audio_stream": 0, "first": 0, "last": 10**6}
    with pytest.raises(Refusal) as raised:
        list(decode_child.decode(request, replace(CHILD_LIMITS, decoded_bytes=10**6)))
    assert raised.value.kind == "too_large"


def test_a_flac_header_that_lies_about_its_rate_is_refused(folder: Path) -> None:
    data = bytearray(write_media(folder / "lie.flac", speech_like(3, 16, 44100), 44100).read_bytes())
    at = data.index(b"fLaC") + 8 + 10
    data[at : at + 3] = (655350 << 4 | data[at + 2] & 0x0F).to_bytes(3, "big")
    with pytest.raises(Refusal, match="655350 Hz") as raised:
        look(write_bytes(folder / "lied.flac", bytes(data)))
    assert raised.value.kind == "limit"


class FlakyFileSystem(LocalFileSystem):
    """Local files whose bytes after the first 100 000 cannot be read."""

    protocol = "flaky"

    def _open(self, path, mode="rb", **options):  # type: ignore[no-untyped-def]
        file = super()._open(path, mode, **options)
        read = file.f.read

        class Broken:
            def read(self, count: int) -> bytes:
                if file.f.tell() > 100_000:
                    raise TimeoutError("the store is away")
                return read(count)

            def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
                return getattr(file.f, name)

            def __enter__(self):  # type: ignore[no-untyped-def]
                return self

            def __exit__(self, *_: object) -> None:
                file.close()

        return Broken()


def test_a_store_that_fails_in_the_middle_is_transient(folder: Path) -> None:
    fsspec.register_implementation("flaky", FlakyFileSystem, clobber=True)
    path = write_media(folder / "flaky.wav", speech_like(20, 17))
    with pytest.raises(Refusal, match="the store is away") as raised:
        hear(f"flaky://{path}")
    assert (raised.value.kind, raised.value.permanent) == ("unreadable", False)


@pytest.mark.parametrize(
    ("way", "kind", "permanent"),
    [
        ("segfault", "crashed", True),
        ("killed", "crashed", False),
        ("cpu", "limit", True),
        ("hang", "timeout", False),
        ("hang_closed", "timeout", False),
        ("endless", "crashed", True),
        ("mute", "crashed", False),
        ("nonsense", "crashed", False),
        ("status", "crashed", False),
    ],
)
def test_whatever_becomes_of_the_child_is_a_failure(way: str, kind: str, permanent: bool) -> None:
    limits = MediaLimits(wall_s=0.7 if "hang" in way else 20)
    with pytest.raises(MediaError) as raised:
        decode("any", 0, 0.0, 1.0, limits, command=[sys.executable, "-S", str(FAKE), way])
    assert (raised.value.failure.kind, raised.value.failure.permanent) == (kind, permanent)


def test_the_child_limits_its_own_memory(folder: Path) -> None:
    path = write_media(folder / "memory.wav", speech_like(30, 18))
    with pytest.raises(MediaError) as raised:
        decode(str(path), 0, 0.0, 30.0, MediaLimits(memory_bytes=2**20))
    assert raised.value.failure.kind in ("limit", "crashed")


def test_a_bucket_is_read_like_a_disk(folder: Path, s3_url: str) -> None:
    path = write_media(folder / "cloud.m4a", speech_like(40, 20, 48000), 48000)
    with fsspec.open(f"{s3_url}/a b/cloud.m4a", "wb") as file:
        file.write(path.read_bytes())
    url = f"{s3_url}/a b/cloud.m4a"
    assert probe(url, LIMITS).duration_s == pytest.approx(40, abs=0.1)
    np.testing.assert_array_equal(decode(url, 0, 33.0, 36.0, LIMITS), hear(path, 33.0, 36.0))
    with pytest.raises(MediaError) as raised:
        probe(f"{s3_url}/gone.m4a", LIMITS)
    assert (raised.value.failure.kind, raised.value.failure.permanent) == ("vanished", False)


def test_a_name_with_two_colons_is_a_name(folder: Path) -> None:
    path = write_media(folder / "part::one.wav", speech_like(2, 5))
    assert look(path)["container"] == "wav"
    assert len(hear(path)) == 32000


def test_a_folder_is_no_medium(folder: Path) -> None:
    with pytest.raises(Refusal, match="folder") as caught:
        look(folder)
    assert caught.value.kind == "not_media"
