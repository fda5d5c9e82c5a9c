"""Speech under a little noise."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.speech.under_noise import under_noise


def test_the_noise_is_twenty_decibels_below_the_speech_and_always_the_same() -> None:
    speech = (8000 * np.sin(np.arange(48_000) * 0.05)).astype(np.int16)
    noisy = under_noise(speech)
    noise = noisy.astype(float) - speech
    assert 20 * np.log10(speech.astype(float).std() / noise.std()) == pytest.approx(20, abs=0.2)
    assert (noisy.dtype, len(noisy)) == (np.int16, len(speech))
    assert np.array_equal(noisy, under_noise(speech))


def test_silence_stays_silent_and_the_loudest_speech_does_not_wrap_around() -> None:
    assert not under_noise(np.zeros(100, np.int16)).any()
    assert len(under_noise(np.zeros(0, np.int16))) == 0
    loud = np.full(1000, 32767, np.int16)
    assert under_noise(loud).min() > 0
