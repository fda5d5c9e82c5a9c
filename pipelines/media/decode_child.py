"""The process that decodes one medium and may be killed at any moment: ``python -m pipelines.media.decode_child``.

One JSON line on stdin says what is wanted. Raw int16 samples go to stdout, and when all is said one JSON line
to stderr: the answer, or why there is none. It limits its own memory and CPU time and dies with its parent.
It is forked by :mod:`pipelines.media.warm_parent`, where imports are paid for once, or started afresh. Only PyAV, numpy
and fsspec are imported, so that both stay small.

Requests::

    {"do": "probe", "url": ..., "limits": {...}, "audio_stream": null, "language_tags": ["tr", "tur"]}
    {"do": "decode", "url": ..., "limits": {...}, "audio_stream": 1, "first": 0, "last": 9600000}
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np
from av.audio.stream import AudioStream

from pipelines.media.media_cells import CELL_S, LEAD_S, Decoding, Meter, decode_cells
from pipelines.media.media_packets import TimedPacket, packets_from
from pipelines.media.media_source import Limits, Refusal, Source, check_format, choose_audio, open_source
from pipelines.media.media_track import RATE, mono

_PROBE_PACKETS = 2000
_PROBE_TAIL_S = 5.0


def _prepare(source: Source, stream: AudioStream, limits: Limits) -> int:
    """Check what the header says of the stream, keep the decoder to one thread; returns the stated rate."""
    context = stream.codec_context
    rate = context.sample_rate or 0
    if source.container.format.name == "flac" and stream.time_base is not None:
        rate = stream.time_base.denominator  # what the header says; the context has seen a frame already
    check_format(rate, context.channels or 0, limits)
    context.thread_count = 1
    return rate


def probe(request: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Container, chosen audio stream, its language tag, and the second at which its sound really ends."""
    url, tags = request["url"], tuple(request["language_tags"])
    with open_source(url, limits) as source:
        stream = choose_audio(source, request["audio_stream"], tags)
        _must_decode(source, stream, limits)
        index = stream.index
        answer: dict[str, Any] = {
            "container": source.container.format.name.split(",")[0],
            "audio_stream": index,
            "language": stream.language or "",
        }
        stated_s = (source.container.duration or 0) / av.time_base
    end_s = None
    if stated_s > _PROBE_TAIL_S:  # a header may claim too much (truncated) or too little: look at the end itself
        end_s = _end(url, limits, index, stated_s - _PROBE_TAIL_S)
    if end_s is None:
        end_s = _end(url, limits, index, 0.0)
    if (end_s or 0.0) > limits.decoded_s:
        raise Refusal("too_long", f"{end_s:.0f} s of sound, {limits.decoded_s:.0f} s allowed")
    return {**answer, "duration_s": end_s or 0.0}


def _must_decode(source: Source, stream: AudioStream, limits: Limits) -> None:
    """Make sure that a first frame comes out: names, headers and guesses prove nothing."""
    stated_rate, meter, seen = _prepare(source, stream, limits), Meter(limits), 0
    for timed in packets_from(source, stream, 0.0):
        seen += 1
        try:
            for frame in stream.codec_context.decode(timed.packet):
                meter.count(frame, stated_rate)
                mono(frame)
        except (av.FFmpegError, ValueError):
            pass  # a damaged packet: the next one may do
        if meter.frames or seen >= _PROBE_PACKETS:
            break
    if not seen:
        raise Refusal("no_audio", "its audio stream is empty")
    if not meter.frames:
        raise Refusal("undecodable", f"nothing decodes in its {stream.codec_context.name} audio stream")


def _end(url: str, limits: Limits, index: int, start_s: float) -> float | None:
    """Where the sound ends, from the packets after ``start_s``; None if none are found there."""
    with open_source(url, limits) as source:
        stream = choose_audio(source, index, ())
        end_s, before_s = None, None
        try:
            for timed in packets_from(source, stream, start_s):
                # Matroska does not say how long a packet is: as long as the one before
                length_s = timed.duration_s or (0.0 if before_s is None else max(0.0, timed.time_s - before_s))
                end_s = max(end_s or 0.0, timed.time_s + length_s)
                before_s = timed.time_s
        except LookupError:
            return None
        return end_s


def decode(request: dict[str, Any], limits: Limits) -> Iterator[bytes]:
    """Samples ``first`` to ``last`` of the medium as int16 bytes, less where the medium ends before."""
    first, last = int(request["first"]), int(request["last"])
    cell = first // (CELL_S * RATE)
    at = cell * CELL_S * RATE
    for samples in _cells(request, limits, cell):
        piece = samples[max(0, first - at) : last - at]
        at += len(samples)
        if len(piece):
            yield piece.tobytes()
        if at >= last:
            return


def _cells(request: dict[str, Any], limits: Limits, cell: int) -> Iterator[np.ndarray]:
    start_s = max(0.0, cell * CELL_S - LEAD_S)
    try:
        yield from _cells_from(request, limits, cell, start_s)
    except LookupError:  # the container cannot be sought: read it from its start
        yield from _cells_from(request, limits, cell, 0.0)


def _cells_from(request: dict[str, Any], limits: Limits, cell: int, start_s: float) -> Iterator[np.ndarray]:
    with open_source(request["url"], limits) as source:
        stream = choose_audio(source, request["audio_stream"], ())
        stated_rate = _prepare(source, stream, limits)
        packets = _within(packets_from(source, stream, start_s), limits)
        base = stream.time_base or Fraction(1, RATE)
        yield from decode_cells(packets, Decoding(stream.codec_context, base, stated_rate, Meter(limits)), cell)


def _within(packets: Iterator[TimedPacket], limits: Limits) -> Iterator[TimedPacket]:
    for timed in packets:
        if timed.time_s > limits.decoded_s:
            raise Refusal("too_long", f"sound after {timed.time_s:.0f} s, {limits.decoded_s:.0f} s allowed")
        yield timed


def confine(limits: Limits) -> None:
    """Own limits of memory and CPU time, and no core files."""
    cpu_s = math.ceil(limits.cpu_s)
    for kind, soft, hard in (
        (resource.RLIMIT_CPU, cpu_s, cpu_s + 5),
        (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        ceiling = resource.getrlimit(kind)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(kind, (soft, hard))


def die_with_parent() -> None:
    """Be killed when the thread that started this process has ended, in whatever way."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def main() -> None:
    """Serve the one request on stdin."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not get between the samples
    request = json.loads(sys.stdin.readline())
    limits = Limits(**request["limits"])
    confine(limits)
    if request["do"] == "probe":
        answer(lambda: probe(request, limits))
    else:
        answer(lambda: _write(output, decode(request, limits)))


def _write(output: BinaryIO, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        output.write(piece)
    output.flush()


def answer(work: Callable[[], dict[str, Any] | None]) -> None:
    """Do the work; the last line on stderr is its answer, or why there is none."""
    told: dict[str, Any]
    try:
        told = {"answer": work() or {}}
    except Refusal as refusal:
        told = {"kind": refusal.kind, "detail": refusal.detail, "permanent": refusal.permanent}
    except MemoryError:
        told = {"kind": "limit", "detail": "takes more memory than allowed", "permanent": True}
    sys.stderr.write("\n" + json.dumps(told) + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    die_with_parent()
    main()
