"""Copies a medium with subtitles added as soft tracks, in a child process; nothing is decoded or encoded.

Which container holds what is known here: mp4 and mov take ``mov_text``, webm ``webvtt``, matroska ``srt`` or ``ass``;
it also takes what none of the others does. It does not know where the copy will lie.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import langcodes

from pipelines.media.ask_child import ask_child
from pipelines.media.media_error import MediaError
from pipelines.records import Medium
from pipelines.settings import MediaLimits

_SHARD_S = 600.0
"""Limits of time are meant for so many seconds of a medium."""

_MATROSKA = "mkv"
_FORMATS = {"mp4": "mp4", "mov": "mov", "webm": "webm", _MATROSKA: "matroska"}
_CODECS = {"mp4": "mov_text", "mov": "mov_text", "webm": "webvtt"}
SUFFIXES = tuple(_FORMATS)


@dataclass(frozen=True)
class SoftTrack:
    """A subtitle track: its language (ISO 639-1), a title, the content of its SRT file, and of an ASS file if there
    is one.
    """

    language: str
    title: str
    srt: str
    ass: str = ""


def copy_with_subtitles(medium: Medium, tracks: list[SoftTrack], folder: Path, limits: MediaLimits) -> Path:
    """Write the copy into ``folder``; returns its path, whose suffix says which container it became.

    Every stream of the medium is in it, packet by packet; data streams (time codes and the like) only where the
    container takes them. The first track is the default one unless the medium has a default of its own.

    Raises:
        MediaError: the medium cannot be read, or no container holds its streams.
    """
    wanted = _suffix(medium)
    tries = dict.fromkeys([(wanted, True), (wanted, False), (_MATROSKA, False)])
    refused: MediaError | None = None
    for suffix, data in tries:
        out = folder / f"copy.{suffix}"
        try:
            _ask(medium, tracks, out, data, limits)
            return out
        except MediaError as error:
            out.unlink(missing_ok=True)
            if error.failure.kind != "container":
                raise
            refused = error
    assert refused is not None
    raise refused


def _ask(medium: Medium, tracks: list[SoftTrack], out: Path, data: bool, limits: MediaLimits) -> None:
    suffix = out.suffix.removeprefix(".")
    with_styles = suffix == _MATROSKA and all(track.ass for track in tracks)
    codec = _CODECS.get(suffix, "ass" if with_styles else "subrip")
    longer = max(1.0, math.ceil(medium.duration_s / _SHARD_S))
    request = {
        "url": medium.url,
        "out": str(out),
        "format": _FORMATS[suffix],
        "codec": codec,
        "data": data,
        "tracks": [
            {"language": _tag(t.language), "title": t.title, "file": t.ass if codec == "ass" else t.srt} for t in tracks
        ],
    }
    more_time = {"wall_s": limits.wall_s * longer, "cpu_s": limits.cpu_s * longer}
    ask_child("remux_child", request, limits.model_copy(update=more_time), 0)


def _suffix(medium: Medium) -> str:
    """The copy's suffix by the medium's container; its name tells those apart that libavformat reads alike."""
    named = medium.name.rpartition(".")[2].lower()
    if medium.container in ("mov", "mp4"):
        return "mov" if named in ("mov", "qt") else "mp4"
    return "webm" if medium.container in ("matroska", "webm") and named == "webm" else _MATROSKA


def _tag(language: str) -> str:
    """ISO 639-2: ``fra``."""
    try:
        return langcodes.Language.get(language).to_alpha3()
    except LookupError:
        return "und"
