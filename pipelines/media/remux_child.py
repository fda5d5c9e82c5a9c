"""The process that copies a medium with soft subtitles added: ``python -m pipelines.media.remux_child``.

Like :mod:`pipelines.media.decode_child` it may be killed at any moment, limits itself, and reads nothing but the one
medium. No packet of the medium is decoded: all are written as they are, in a container of the same kind.

One JSON line on stdin, its answer as the last line of stderr::

    {"url": ..., "out": "/tmp/copy.mp4", "format": "mp4", "codec": "mov_text", "data": true, "limits": {...},
     "tracks": [{"language": "fra", "title": "", "file": "1\\n00:00:01,000 --> ..."}]}
"""

from __future__ import annotations

import errno
import html
import io
import json
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from pipelines.media.decode_child import answer, confine, die_with_parent
from pipelines.media.media_packets import demuxed
from pipelines.media.media_source import Limits, Refusal, Source, open_source

_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
_MILLISECOND = Fraction(1, 1000)
_READER = {"mov_text": "srt", "subrip": "srt", "webvtt": "srt", "ass": "ass"}
"""What a track's file is read as, by the codec that the container wants."""
_MOV_TEXT_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0
"""
"""The look that a mov_text track states once; players put their viewer's own in its place."""


@dataclass(frozen=True)
class _Track:
    """Packets of subtitles in order, and the stream that they belong to."""

    stream: Stream
    packets: list[Packet]


def remux(request: dict[str, Any], limits: Limits) -> None:
    """Write the copy. Raises :class:`Refusal` where the medium cannot be read, or the container not hold it."""
    with open_source(request["url"], limits) as source:
        try:
            with av.open(request["out"], "w", format=request["format"]) as out:
                streams = _same_streams(source, out, bool(request["data"]))
                has_default = any(s.disposition & Disposition.default for s in source.container.streams.subtitles)
                tracks = [_added(out, track, request["codec"]) for track in request["tracks"]]
                if not has_default:
                    tracks[0].stream.disposition = Disposition.default
                out.metadata.update(source.container.metadata)
                if chapters := source.container.chapters():
                    out.set_chapters(chapters)
                for packet in _in_order(_copied(source, streams), tracks):
                    out.mux(packet)
        except (av.FFmpegError, ValueError) as error:
            source.reader.check()
            if getattr(error, "errno", None) in _UNWRITABLE:
                raise Refusal("unwritable", f"the copy cannot be written: {error}", permanent=False) from error
            raise Refusal("container", f"{request['format']} cannot hold it: {error}") from error


def _same_streams(source: Source, out: OutputContainer, data: bool) -> dict[int, Stream]:
    """A stream in ``out`` for each of the medium's, by its index there; data streams only if wanted."""
    streams = {}
    for stream in source.container.streams:
        if stream.type == "data" and not data:
            continue
        copy = out.add_stream_from_template(stream, opaque=True)
        copy.metadata.update(stream.metadata)
        copy.disposition = stream.disposition
        streams[stream.index] = copy
    return streams


def _added(out: OutputContainer, track: dict[str, str], codec: str) -> _Track:
    with _opened(track["file"], _READER[codec]) as file:
        stream = _subtitle_stream(out, codec, file)
        stream.metadata["language"] = track["language"]
        if track["title"]:
            stream.metadata["title"] = track["title"]
        return _Track(stream, [_packet(read, codec, stream) for read in file.demux() if read.size])


def _subtitle_stream(out: OutputContainer, codec: str, file: InputContainer) -> Stream:
    if codec == "mov_text":
        stream: Any = out.add_stream(codec)
        stream.codec_context.subtitle_header = _MOV_TEXT_HEADER
        stream.codec_context.time_base = stream.time_base = _MILLISECOND
        return cast(Stream, stream)
    if codec == "webvtt":
        with _opened("WEBVTT\n\n00:00.000 --> 00:01.000\n.\n", "webvtt") as template:
            return out.add_stream_from_template(template.streams[0], opaque=True)
    return out.add_stream_from_template(file.streams[0], opaque=True)


def _opened(text: str, fmt: str) -> InputContainer:
    return av.open(io.BytesIO(text.encode()), "r", format=fmt)


def _packet(read: Packet, codec: str, stream: Stream) -> Packet:
    text = bytes(read)
    if codec == "mov_text":
        text = struct.pack(">H", len(text)) + text
    elif codec == "webvtt":
        text = html.escape(text.decode(), quote=False).encode()
    packet = Packet(text)
    packet.pts = packet.dts = read.pts
    packet.duration, packet.time_base, packet.stream = read.duration, read.time_base, stream
    return packet


def _copied(source: Source, streams: dict[int, Stream]) -> Iterator[Packet]:
    """The medium's packets on a clock that begins with the medium, as players have it, each stream's going forward."""
    last: dict[int, int] = {}
    for packet in demuxed(source):
        index = packet.stream.index
        if index not in streams or packet.time_base is None:
            continue
        shift = round(source.origin_s / packet.time_base)
        dts = packet.dts if packet.dts is not None else packet.pts
        dts = last.get(index, -1) + 1 if dts is None else dts - shift
        if index in last:
            dts = max(dts, last[index] + 1)
        pts = dts if packet.pts is None else max(dts, packet.pts - shift)
        last[index] = dts
        packet.dts, packet.pts, packet.stream = dts, pts, streams[index]
        yield packet


def _in_order(copied: Iterator[Packet], tracks: Sequence[_Track]) -> Iterator[Packet]:
    """Subtitles among the other packets, where their time comes."""
    waiting = sorted((packet for track in tracks for packet in track.packets), key=_seconds, reverse=True)
    for packet in copied:
        while waiting and _seconds(waiting[-1]) <= _seconds(packet):
            yield waiting.pop()
        yield packet
    yield from reversed(waiting)


def _seconds(packet: Packet) -> float:
    return float((packet.dts or 0) * (packet.time_base or _MILLISECOND))


def main() -> None:
    """Serve the one request on stdin."""
    request = json.loads(sys.stdin.readline())
    limits = Limits(**request["limits"])
    confine(limits)
    answer(lambda: remux(request, limits))


if __name__ == "__main__":
    die_with_parent()
    main()
