"""Speech probabilities depend on the medium alone, and tell speech from what is none."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest

from pipelines.speech.vad import FRAME, SileroDetector, first_sample_needed, frame_probabilities
from tests.pipelines.media_samples import turkish_speech


@pytest.fixture(scope="module")
def detector() -> SileroDetector:
    return SileroDetector()


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return turkish_speech(75.0, seed=1)


def test_speech_and_silence_are_told_apart(detector: SileroDetector, speech: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    assert (detector.probabilities(speech) > 0.5).mean() > 0.4
    for nothing in (np.zeros(160_000, np.int16), (rng.standard_normal(160_000) * 300).astype(np.int16)):
        assert detector.probabilities(nothing).max() < 0.4


def test_a_frame_is_512_samples(detector: SileroDetector) -> None:
    assert [len(detector.probabilities(np.zeros(n, np.int16))) for n in (0, 1, 512, 513)] == [0, 1, 1, 2]


def test_any_cut_gives_the_same_probabilities(detector: SileroDetector, speech: np.ndarray) -> None:
    whole = frame_probabilities(detector, speech, 0, 0)
    assert len(whole) == -(-len(speech) // FRAME)
    chance = random.Random(3)
    for frame in [0, 999, 1000, 1001, *(chance.randrange(len(whole)) for _ in range(4))]:
        first = first_sample_needed(frame)
        stop = min(len(speech), (frame + chance.randrange(1, 800)) * FRAME)
        piece = frame_probabilities(detector, speech[first:stop], first, frame)
        np.testing.assert_allclose(piece, whole[frame : frame + len(piece)], atol=1e-5)


def test_blocks_hear_what_one_long_listening_hears(detector: SileroDetector, speech: np.ndarray) -> None:
    blocks, stream = frame_probabilities(detector, speech, 0, 0), detector.probabilities(speech)
    assert ((blocks > 0.4) == (stream > 0.4)).mean() > 0.99


def test_listening_needs_no_torch() -> None:
    code = "import sys, pipelines.speech.listen as m; m.SileroDetector(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
