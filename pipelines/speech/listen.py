"""A shard's speech: decode it, find segments, cut windows. What the job's first stage and the server's do.

It decodes more than the shard: enough before and after that the segments which begin inside it are those of
the whole medium. Raises MediaError for whatever the decoder could not do.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cluster.feedback import Feedback
from pipelines.media.decode import decode, probe
from pipelines.media.stop import Stop
from pipelines.records import SAMPLE_RATE, TO_IDENTIFY, Medium, Segment, Shard, Window
from pipelines.settings import MediaLimits, VadSettings, WindowSettings
from pipelines.speech.segments import context_s, find_segments
from pipelines.speech.shards import cut_into_shards
from pipelines.speech.vad import FRAME, SileroDetector, SpeechDetector, first_sample_needed, frame_probabilities
from pipelines.speech.windows import merge_into_windows


@dataclass(frozen=True)
class Listened:
    """A shard's windows, and the seconds that ``decode``, ``vad`` and ``windows`` took."""

    windows: tuple[Window, ...]
    seconds: dict[str, float]


@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - began


def listen(
    shard: Shard,
    limits: MediaLimits,
    vad: VadSettings,
    windows: WindowSettings,
    window_s: float,
    detector: SpeechDetector,
    stop: Stop | None = None,
) -> Listened:
    """The windows of the speech that begins in the shard. Raises MediaError, and Stopped where ``stop`` said so."""
    clock = _Clock()
    with clock.stage("decode"):
        samples, first_sample, frame = _decoded(shard, limits, context_s(vad, window_s), stop)
    with clock.stage("vad"):
        probabilities = frame_probabilities(detector, samples, first_sample, frame)
        segments = _owned(shard, probabilities, frame, vad, window_s)
    with clock.stage("windows"):
        cut = merge_into_windows(segments, samples, first_sample, window_s, windows.max_gap_s)
    return Listened(tuple(cut), clock.seconds)


def _decoded(
    shard: Shard, limits: MediaLimits, around_s: float, stop: Stop | None = None
) -> tuple[np.ndarray, int, int]:
    """Samples with what must be heard around the shard, their first absolute sample, and the first frame to
    judge.
    """
    medium = shard.medium
    frame = max(0, int((shard.start_s - around_s) * SAMPLE_RATE) // FRAME)
    first_sample = first_sample_needed(frame)
    # Whole frames, so that the last one is heard as it would be in the whole medium.
    last_frame = -(-int((shard.end_s + around_s) * SAMPLE_RATE) // FRAME)
    end_s = min(last_frame * FRAME / SAMPLE_RATE, medium.duration_s)
    stream = medium.audio_stream if medium.audio_stream is not None else 0
    samples = decode(medium.url, stream, first_sample / SAMPLE_RATE, end_s, limits, stop=stop)
    return samples, first_sample, frame


def _owned(shard: Shard, probabilities: np.ndarray, frame: int, vad: VadSettings, longest_s: float) -> list[Segment]:
    found = find_segments(probabilities, frame, vad, longest_s, shard.medium.duration_s)
    return [s for s in found if shard.start_s <= s.start < shard.end_s]


def enhanced_vad_segments(
    audio_path: Path,
    feedback: Feedback,
    min_segment_duration: float = 0.5,
    max_segment_duration: float = 30.0,
) -> list[dict[str, float]]:
    """Speech in a file, as the API reference has it: dicts of ``start``, ``end`` (seconds) and ``confidence``
    (0 to 1).

    Segments shorter than ``min_segment_duration`` are left out, none is longer than ``max_segment_duration``.
    A file of any length is heard a shard at a time. Raises MediaError for what cannot be decoded, ValueError
    for lengths that make no sense.
    """
    if not 0 <= min_segment_duration < max_segment_duration:
        raise ValueError(f"min_segment_duration {min_segment_duration} must be below max {max_segment_duration}")
    limits, vad, detector = MediaLimits(), VadSettings(), SileroDetector()
    found = probe(str(audio_path), limits)
    medium = Medium(
        id="file",
        url=str(audio_path),
        name=audio_path.name,
        size=audio_path.stat().st_size,
        version="",
        duration_s=found.duration_s,
        audio_stream=found.audio_stream,
    )
    segments: list[Segment] = []
    shards = cut_into_shards(medium, WindowSettings().shard_s, TO_IDENTIFY, ())
    for shard in shards:
        samples, first_sample, frame = _decoded(shard, limits, context_s(vad, max_segment_duration))
        probabilities = frame_probabilities(detector, samples, first_sample, frame)
        segments += _owned(shard, probabilities, frame, vad, max_segment_duration)
        feedback.progress(shards_done=shard.index + 1, shards_total=len(shards), audio_s=shard.end_s)
    return [s.model_dump() for s in segments if s.end - s.start >= min_segment_duration]
