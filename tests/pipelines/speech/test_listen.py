"""Shards of a medium give the segments of the whole medium, and their windows its samples."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest

from cluster.feedback import SilentFeedback
from pipelines.media.decode import decode, probe
from pipelines.media.media_error import MediaError
from pipelines.records import SAMPLE_RATE, Medium, Segment, Shard
from pipelines.settings import MediaLimits, VadSettings, WindowSettings
from pipelines.speech.listen import enhanced_vad_segments, listen
from pipelines.speech.vad import SileroDetector
from tests.pipelines.media_samples import turkish_speech, write_media

LIMITS, VAD, WINDOWS, WINDOW_S = MediaLimits(), VadSettings(), WindowSettings(), 8.0


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Medium:
    path = tmp_path_factory.mktemp("listen") / "talk.mkv"
    write_media(path, turkish_speech(130.0, seed=5) / np.float32(32768), bit_rate=64_000)
    found = probe(str(path), LIMITS)
    return Medium(
        id="m",
        url=str(path),
        name=path.name,
        size=path.stat().st_size,
        version="",
        duration_s=found.duration_s,
        audio_stream=found.audio_stream,
    )


def shard_of(medium: Medium, start_s: float, end_s: float, index: int = 0) -> Shard:
    return Shard(medium=medium, index=index, start_s=start_s, end_s=end_s, source="tr", targets=("fr",))


def heard(medium: Medium, bounds: list[float], detector: SileroDetector) -> list[Segment]:
    segments: list[Segment] = []
    for start_s, end_s in itertools.pairwise(bounds):
        found = listen(shard_of(medium, start_s, end_s), LIMITS, VAD, WINDOWS, WINDOW_S, detector)
        segments += [s for w in found.windows for s in w.segments]
    return segments


def test_random_cuts_give_the_segments_of_the_whole(medium: Medium) -> None:
    detector = SileroDetector()
    whole = heard(medium, [0.0, medium.duration_s], detector)
    assert len(whole) > 10
    chance = random.Random(4)
    inside = whole[len(whole) // 2]
    cuts = sorted([chance.uniform(0, medium.duration_s) for _ in range(3)] + [(inside.start + inside.end) / 2])
    pieced = heard(medium, [0.0, *cuts, medium.duration_s], detector)
    assert [(s.start, s.end) for s in pieced] == [(s.start, s.end) for s in whole]
    assert [s.confidence for s in pieced] == pytest.approx([s.confidence for s in whole], abs=1e-3)


def test_windows_are_slices_of_the_medium(medium: Medium) -> None:
    found = listen(shard_of(medium, 40.0, 90.0), LIMITS, VAD, WINDOWS, WINDOW_S, SileroDetector())
    whole = decode(medium.url, 0, 0.0, 130.0, LIMITS)
    assert set(found.seconds) == {"decode", "vad", "windows"}
    for window in found.windows:
        assert 40.0 <= window.segments[0].start < 90.0
        assert len(window.samples) <= WINDOW_S * SAMPLE_RATE
        first = round(window.start_s * SAMPLE_RATE)
        np.testing.assert_array_equal(window.samples, whole[first : first + len(window.samples)])


def test_the_seeds_function(medium: Medium) -> None:
    segments = enhanced_vad_segments(Path(medium.url), SilentFeedback(), 1.0, 10.0)
    assert len(segments) > 5
    assert all(set(s) == {"start", "end", "confidence"} for s in segments)
    assert all(1.0 <= s["end"] - s["start"] <= 10.0 for s in segments)
    with pytest.raises(ValueError, match="must be below"):
        enhanced_vad_segments(Path(medium.url), SilentFeedback(), 5.0, 5.0)


def test_a_file_that_went_away_raises(medium: Medium) -> None:
    gone = medium.model_copy(update={"url": medium.url + ".gone"})
    with pytest.raises(MediaError, match="vanished"):
        listen(shard_of(gone, 0.0, 10.0), LIMITS, VAD, WINDOWS, WINDOW_S, SileroDetector())
