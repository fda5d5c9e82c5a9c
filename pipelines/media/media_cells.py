"""Decode a medium in cells of absolute time, so that any piece equals the same slice of the whole.

Every cell of 32 s is decoded by itself: the decoder is reset, given the packets from a fixed lead-in before
the cell on, and its frames are placed by the timestamp of the first one. A cell is therefore a function of
its packets alone, wherever reading began: rounded timestamps (Matroska's milliseconds), prediction state
(Opus, bit reservoirs) and resamplers cannot carry anything across from what was read before. Small clock
errors are corrected once a cell.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from typing import cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame

from pipelines.media.media_packets import TimedPacket
from pipelines.media.media_source import Limits, Refusal, check_format
from pipelines.media.media_track import DRIFT_S, RATE, Track, mono

CELL_S = 32
LEAD_S = 2.0
TAIL_S = 0.5
_AFTER_LOSS_S = 0.005
_PRIMING_PACKETS = 32
_NOISE_MAKERS = frozenset({"aac", "aac_latm", "ac3", "eac3"})
"""Decoders that fill bands from a noise generator, which a flush does not set back: they are made anew."""
_RATE_LIE = 2.05  # HE-AAC doubles the rate that its header says; nothing honest goes beyond


class Meter:
    """What one child has decoded so far, held against the limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bytes = 0
        self.frames = 0

    def count(self, frame: AudioFrame, stated_rate: int) -> None:
        channels = frame.layout.nb_channels
        check_format(frame.sample_rate, channels, self._limits)
        if self.frames == 0 and stated_rate and not 1 / _RATE_LIE < frame.sample_rate / stated_rate < _RATE_LIE:
            raise Refusal("limit", f"its header says {stated_rate} Hz, its sound has {frame.sample_rate} Hz")
        self.frames += 1
        self._bytes += frame.samples * channels * frame.format.bytes
        if self._bytes > self._limits.decoded_bytes:
            raise Refusal("too_large", f"more than {self._limits.decoded_bytes} bytes of decoded samples")


@dataclass(frozen=True)
class Decoding:
    """What all cells of a stream share: its own decoder, its time base, and the sample rate that its header
    says.
    """

    decoder: AudioCodecContext
    time_base: Fraction
    stated_rate: int
    meter: Meter


class Cell:
    """One cell on its way: feed it packets in order, then take its samples."""

    def __init__(self, stream: Decoding, index: int) -> None:
        self._stream = stream
        self._decoder = _reset(stream.decoder, index)
        self._tick, self._ticks_a_second = stream.time_base.numerator, stream.time_base.denominator
        self._begin_s = float(index * CELL_S)
        self._out = np.zeros(CELL_S * RATE, np.int16)
        self._first = index * CELL_S * RATE
        self._track: Track | None = None
        self._end = 0
        self._lost = False

    def feed(self, timed: TimedPacket | None) -> None:
        """Decode one packet (None: the end of the stream). One that no decoder understands leaves a gap."""
        try:
            frames = self._decoder.decode(timed.packet if timed else None)
        except MemoryError as error:
            raise Refusal("limit", "decoding takes more memory than allowed") from error
        except (av.FFmpegError, ValueError):
            self._lost = True
            return
        for frame in frames:
            if isinstance(frame, AudioFrame) and frame.samples:
                self._place(frame, timed.time_s if timed else None)

    def _place(self, frame: AudioFrame, packet_s: float | None) -> None:
        self._stream.meter.count(frame, self._stream.stated_rate)
        time_s = None if frame.pts is None else frame.pts * self._tick / self._ticks_a_second
        if time_s is None or abs(time_s - self._begin_s - CELL_S / 2) > CELL_S:  # a decoder's invention
            time_s = packet_s if self._track is None else None
        if self._track is None or self._track.rate != frame.sample_rate:
            if self._track is not None:
                time_s = self._track.end_s
                self._track.finish()
            self._track = Track(frame.sample_rate, self._out, self._first)
        self._track.put(mono(frame), time_s, _AFTER_LOSS_S if self._lost else DRIFT_S)
        self._lost = False
        self._end = self._track.end

    def finish(self, more: bool) -> np.ndarray:
        """The cell's samples; with ``more`` to come after it they are whole, else they end with the sound."""
        if self._track is not None:
            self._end = self._track.finish()
        return self._out if more else self._out[: max(0, min(len(self._out), self._end - self._first))]


def decode_cells(packets: Iterable[TimedPacket], stream: Decoding, first: int) -> Iterator[np.ndarray]:
    """Samples of cell ``first`` and all after it, int16 at 16 kHz, each of shape (512000,) but the last.

    A cell without packets between others is silence: missing sound keeps its place in time.
    """
    index = first
    if first > 0:
        packets = _primed(stream.decoder, packets)
    cell = Cell(stream, index)
    kept: deque[TimedPacket] = deque()  # what the next cell needs again
    last_s = 0.0
    for timed in packets:
        if timed.time_s < index * CELL_S - LEAD_S:
            continue
        while timed.time_s >= (index + 1) * CELL_S + TAIL_S:
            yield cell.finish(more=True)
            index += 1
            cell = _next_cell(stream, index, kept)
        cell.feed(timed)
        last_s = timed.end_s
        if timed.time_s >= (index + 1) * CELL_S - LEAD_S:
            kept.append(timed)
    cell.feed(None)
    samples = cell.finish(more=False)
    yield samples
    if len(samples) == CELL_S * RATE and last_s > (index + 1) * CELL_S:
        cell = _next_cell(stream, index + 1, kept)
        cell.feed(None)
        yield cell.finish(more=False)


def _reset(decoder: AudioCodecContext, index: int) -> AudioCodecContext:
    """A decoder for the same stream that remembers nothing. The first cell needs the stream's own, which
    knows how much of the medium's begin to skip.
    """
    if index == 0 or decoder.name not in _NOISE_MAKERS:
        decoder.flush_buffers()
        return decoder
    fresh = cast(AudioCodecContext, AudioCodecContext.create(decoder.name, "r"))
    fresh.extradata = decoder.extradata
    if decoder.sample_rate:
        fresh.sample_rate = decoder.sample_rate
        fresh.layout = decoder.layout
    fresh.thread_count = 1
    return fresh


def _primed(decoder: AudioCodecContext, packets: Iterable[TimedPacket]) -> Iterator[TimedPacket]:
    """Decode some packets for nothing: a decoder skips its codec's delay once, when it is new, and not in the
    middle of a medium, where it may find itself.
    """
    rest = iter(packets)
    early = list(islice(rest, _PRIMING_PACKETS))
    for timed in early:
        with suppress(av.FFmpegError, ValueError):
            decoder.decode(timed.packet)
    yield from chain(early, rest)


def _next_cell(stream: Decoding, index: int, kept: deque[TimedPacket]) -> Cell:
    cell = Cell(stream, index)
    while kept and kept[0].time_s < index * CELL_S - LEAD_S:
        kept.popleft()
    for timed in kept:
        cell.feed(timed)
    kept_again = [timed for timed in kept if timed.time_s >= (index + 1) * CELL_S - LEAD_S]
    kept.clear()
    kept.extend(kept_again)
    return cell
