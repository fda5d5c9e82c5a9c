"""Packets of one audio stream with their times in the medium, in order, whatever the container wrote.

A medium's time 0 is the container's start, as players count. Seeking is used only where the container's
timestamps can be trusted to be the same after it; everywhere else the packets before are read and dropped,
which is still far cheaper than decoding them. It does not know samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Discard, Stream

from pipelines.media.media_source import Source

SEEKABLE = frozenset({"mov", "matroska", "ogg", "wav", "w64", "flac", "mp3", "aac", "aiff", "au", "caf", "avi", "flv"})
"""After a seek these give the timestamps that reading from the start gives: from an index, from the packets
themselves, or (mp3, aac, flac) because libavformat then reads all packets on the way. Transport and program
streams (mpegts, mpeg) may restart their clocks anywhere, so they are always read from the start.
"""

_JUMP_S = 1.0
_SEEK_MARGIN_S = 1.0
_MOST_ERRORS = 100


@dataclass(frozen=True)
class TimedPacket:
    """A packet whose pts has been set to ``time_s`` of the medium (in the stream's time base)."""

    packet: Packet[AudioStream]
    time_s: float
    duration_s: float

    @property
    def end_s(self) -> float:
        return self.time_s + self.duration_s


def packets_from(source: Source, stream: AudioStream, start_s: float) -> Iterator[TimedPacket]:
    """All packets from ``start_s`` on or some earlier time; call once on a freshly opened source.

    Raises :class:`LookupError` before the first packet if the container was sought and landed too late:
    open it again and use ``packets_from(..., 0)``.
    """
    for other in source.container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    sought = start_s > 0 and _seek(source, stream, start_s)
    timed = _timed(source, stream)
    first = next(timed, None)
    if sought and (first is None or first.time_s > start_s):
        raise LookupError("seeking landed too late")
    if first is not None:
        yield first
        yield from timed


def _seek(source: Source, stream: AudioStream, start_s: float) -> bool:
    if not SEEKABLE.intersection(source.container.format.name.split(",")) or stream.time_base is None:
        return False
    target = max(0.0, start_s - _SEEK_MARGIN_S)
    try:
        source.container.seek(int((target + source.origin_s) / stream.time_base), stream=stream)
    except av.FFmpegError as error:
        source.reader.check()
        raise LookupError("seeking failed") from error
    return True


def demuxed(source: Source, *streams: Stream) -> Iterator[Packet]:
    """Packets of these streams (none named: all) up to the end of what is there; damaged stretches are passed over."""
    errors = 0
    while errors < _MOST_ERRORS:
        try:
            for packet in source.container.demux(*streams):
                if packet.size:
                    errors = 0
                    yield packet
            source.reader.check()
            return
        except (av.FFmpegError, OSError):
            source.reader.check()
            errors += 1


def _timed(source: Source, stream: AudioStream) -> Iterator[TimedPacket]:
    base = stream.time_base
    if base is None:
        return
    origin, tick, ticks_a_second = round(source.origin_s / base), base.numerator, base.denominator
    jump = round(_JUMP_S / base)
    shift = 0  # added after the clock restarted
    expected: int | None = None
    for packet in demuxed(source, stream):
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            time = expected or 0
        else:
            time = stamp - origin + shift
            if expected is not None and time < expected - jump:
                shift += expected - time
                time = expected
        duration = packet.duration or 0
        expected = time + duration
        packet.pts = packet.dts = time
        yield TimedPacket(packet, time * tick / ticks_a_second, duration * tick / ticks_a_second)
