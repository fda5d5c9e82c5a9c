"""Speech that is 40 dB too quiet is heard: what VAD loses is lost for good, what it hears too much the gate drops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.media.decode import probe
from pipelines.records import Medium, Shard
from pipelines.settings import MediaLimits, VadSettings, WindowSettings
from pipelines.speech.listen import listen
from pipelines.speech.vad import SileroDetector
from tests.pipelines.media_samples import turkish_speech, write_media

LIMITS = MediaLimits()
SILERO_OWN = VadSettings(onset=0.5, offset=0.35, pad_s=0.03)
"""What the silero-vad package takes by default."""


def heard(folder: Path, samples: np.ndarray, vad: VadSettings) -> np.ndarray:
    """Which hundredths of a second of a medium with these samples are in a segment."""
    path = folder / "talk.flac"
    write_media(path, samples)
    found = probe(str(path), LIMITS)
    medium = Medium(
        id="m", url=str(path), name="talk.flac", size=1, version="", duration_s=found.duration_s, audio_stream=0
    )
    shard = Shard(medium=medium, index=0, start_s=0.0, end_s=found.duration_s, source="tr", targets=("fr",))
    windows = listen(shard, LIMITS, vad, WindowSettings(), 15.0, SileroDetector()).windows
    mask = np.zeros(int(found.duration_s * 100) + 1, bool)
    for segment in (s for window in windows for s in window.segments):
        mask[int(segment.start * 100) : int(segment.end * 100)] = True
    return mask


@pytest.mark.parametrize("noise_db", [None, -20.0])
def test_quiet_speech_is_heard(tmp_path, noise_db) -> None:
    loud = turkish_speech(60.0, seed=5) / np.float32(32768)
    quiet = loud * np.float32(10 ** (-40 / 20))
    if noise_db is not None:
        rms = np.sqrt(np.mean(quiet**2)) * 10 ** (noise_db / 20)
        quiet = quiet + np.random.default_rng(0).standard_normal(len(quiet)).astype(np.float32) * rms
    speech = heard(tmp_path, loud, VadSettings())
    ours, usual = (heard(tmp_path, quiet, settings) for settings in (VadSettings(), SILERO_OWN))
    assert (ours & speech).sum() / speech.sum() > 0.88
    assert (ours & speech).sum() > (usual & speech).sum()
