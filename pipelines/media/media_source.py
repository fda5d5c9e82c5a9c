"""Opening a medium of any store, so that nothing but that one file is ever read.

Runs in the decoding child. PyAV is given an opened fsspec file and never a name; the demuxers are listed one
by one, and a demuxer that asks for a second file (a playlist, a concat script, an external track) is refused.
It knows containers and streams; it does not know time, samples or who asks.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, NoReturn

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from pipelines.archive.filesystems import open_for_reading
from pipelines.archive.url_rules import UrlRefused, UrlRules

DEMUXERS = (
    "mov",
    "matroska",
    "ogg",
    "wav",
    "w64",
    "flac",
    "mp3",
    "aac",
    "ac3",
    "eac3",
    "aiff",
    "au",
    "caf",
    "amr",
    "avi",
    "flv",
    "asf",
    "mpegts",
    "mpeg",
    "rm",
    "wv",
    "ape",
    "tta",
    "tak",
    "mpc",
    "mpc8",
    "dts",
    "dv",
    "mxf",
    "nut",
    "dsf",
)
"""Containers whose demuxer reads the one file that it is given. No hls, concat, dash, image2, sdp, lavfi."""

_OPTIONS = {"format_whitelist": ",".join(DEMUXERS), "protocol_whitelist": "none"}
_SECOND_RATE = Disposition.comment | Disposition.visual_impaired | Disposition.karaoke
_READ_BYTES = 128 * 1024


class Refusal(Exception):
    """Why this medium gives no sound: the child's side of :class:`pipelines.records.Failure`."""

    def __init__(self, kind: str, detail: str, permanent: bool = True) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.permanent = kind, detail, permanent


@dataclass(frozen=True)
class Limits:
    """The fields of :class:`pipelines.settings.MediaLimits`, without pydantic: a child holds no more than it needs."""

    decoded_s: float
    decoded_bytes: int
    channels: int
    sample_rate: int
    streams: int
    memory_bytes: int
    cpu_s: float
    wall_s: float
    urls: dict[str, Any] | None = None

    @property
    def rules(self) -> UrlRules | None:
        return UrlRules(**self.urls) if self.urls is not None else None


class Reader:
    """The file object that PyAV reads. It remembers the store's error, which libavformat may swallow while
    probing.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: Exception | None = None

    def read(self, count: int) -> bytes:
        try:
            return self._file.read(count)
        except Exception as error:  # any store has exceptions of its own
            self.error = self.error or error
            raise

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._file.seek(offset, whence)
        except ValueError as error:  # before the file's begin, asked for by a damaged index
            raise OSError(errno.EINVAL, str(error)) from error
        except Exception as error:
            self.error = self.error or error
            raise

    def tell(self) -> int:
        return self._file.tell()

    def check(self) -> None:
        """Raise what the store said, if it ever failed."""
        if self.error is not None:
            _store_failed(self.error)


def _store_failed(error: Exception) -> NoReturn:
    detail = f"{type(error).__name__}: {error}"
    if isinstance(error, UrlRefused):
        raise Refusal("not_allowed", str(error)) from error
    if isinstance(error, FileNotFoundError):
        raise Refusal("vanished", f"the file is not there: {detail}", permanent=False) from error
    if isinstance(error, IsADirectoryError):
        raise Refusal("not_media", "this is a folder") from error
    raise Refusal("unreadable", f"the store does not give the file: {detail}", permanent=False) from error


@dataclass(frozen=True)
class Source:
    """An opened medium. ``origin_s`` is the container's time at which the medium begins."""

    reader: Reader
    container: InputContainer

    @property
    def origin_s(self) -> float:
        start = self.container.start_time
        return 0.0 if start is None else start / av.time_base


@contextmanager
def open_source(url: str, limits: Limits) -> Iterator[Source]:
    """Open ``url`` and read its headers. Raises :class:`Refusal`."""
    try:
        file = open_for_reading(url, limits.rules)
    except Exception as error:  # noqa: BLE001  any store has exceptions of its own
        _store_failed(error)
    with file:
        reader = Reader(file)
        if not _has_bytes(reader):
            raise Refusal("empty", "the file is empty")
        with _open_container(reader) as container:
            if len(container.streams) > limits.streams:
                raise Refusal("limit", f"{len(container.streams)} streams, {limits.streams} allowed")
            yield Source(reader, container)


def _has_bytes(reader: Reader) -> bool:
    try:
        first = reader.read(1)
        reader.seek(0)
    except Exception as error:  # noqa: BLE001  any store has exceptions of its own
        _store_failed(error)
    return bool(first)


def _open_container(reader: Reader) -> InputContainer:
    try:
        return av.open(
            reader,
            "r",
            options=_OPTIONS,
            io_open=_refuse_second_file,
            metadata_errors="replace",
            buffer_size=_READ_BYTES,
        )
    except MemoryError as error:
        raise Refusal("limit", "reading its header takes more memory than allowed") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        reader.check()
        raise Refusal("not_media", f"no known audio or video file ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _refuse_second_file(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError(f"a medium must not open another file: {url}")


def choose_audio(source: Source, index: int | None, language_tags: tuple[str, ...]) -> AudioStream:
    """The audio stream with this index in the file; else the best with one of these tags; else the best.

    The best is what libavformat would play, but a commentary or an audio description only if there is nothing
    else.
    """
    audio = source.container.streams.audio
    source.reader.check()
    if not audio:
        raise Refusal("no_audio", "the file has no audio stream")
    if index is not None:
        chosen = [stream for stream in audio if stream.index == index]
        if not chosen:
            there = ", ".join(str(stream.index) for stream in audio)
            raise Refusal("no_audio", f"stream {index} is no audio stream of this file; its audio streams: {there}")
        return _decodable(chosen[0])
    best = source.container.streams.best("audio")

    def rank(stream: AudioStream) -> tuple[bool, bool, bool, int]:
        tag = (stream.language or "").lower()
        second_rate = bool(stream.disposition & _SECOND_RATE)
        return (
            tag not in language_tags,
            second_rate,
            best is None or stream.index != best.index,
            stream.index,
        )

    readable = [stream for stream in audio if stream.codec_context is not None]
    return _decodable(min(readable or audio, key=rank))


def _decodable(stream: AudioStream) -> AudioStream:
    if stream.codec_context is None:
        raise Refusal("undecodable", f"no decoder for the codec of audio stream {stream.index}")
    return stream


def check_format(rate: int, channels: int, limits: Limits) -> None:
    """Refuse a sample rate or a number of channels beyond the limits."""
    if rate > limits.sample_rate:
        raise Refusal("limit", f"{rate} Hz, {limits.sample_rate} allowed")
    if channels > limits.channels:
        raise Refusal("limit", f"{channels} channels, {limits.channels} allowed")
