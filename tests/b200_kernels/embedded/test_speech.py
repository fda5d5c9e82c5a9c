"""Sentences are read aloud, and it is known when each of their words begins."""

import random
from itertools import pairwise

import numpy as np
import pytest

from b200_kernels.embedded.recipe import speech
from b200_kernels.embedded.recipe.corpus import draw_sentence
from b200_kernels.embedded.timed_windows import recorded, timed_windows

VOICE = speech.Voice("Alex", 150, 50, 50)


@pytest.mark.parametrize("seed", range(5))
def test_every_word_begins_after_the_one_before_and_the_first_at_once(seed):
    rng = random.Random(seed)
    text = draw_sentence(rng, held_out=False).tr
    samples, starts = speech.speak_timed(text, speech.draw_voice(rng, held_out=False))
    assert len(starts) == len(text.split())
    assert starts[0] == pytest.approx(0.0, abs=0.05)
    assert all(a < b for a, b in pairwise(starts))
    assert starts[-1] < len(samples) / speech.SAMPLE_RATE


def test_numbers_and_hyphens_are_one_word_each():
    _, starts = speech.speak_timed("Saat 1945 ile Ankara-İzmir arası.", VOICE)
    assert len(starts) == 5


def test_a_word_begins_where_the_sound_does_after_a_pause():
    samples, (_, second) = speech.speak_timed("Merhaba. Dünya.", VOICE)
    at = round(second * speech.SAMPLE_RATE)
    before, after = samples[at - 1600 : at - 160], samples[at + 320 : at + 1600]
    assert np.sqrt(np.mean(after**2)) > 20 * np.sqrt(np.mean(before**2))


def test_a_window_keeps_its_words_starts_and_its_length():
    windows = timed_windows(5, 12, held_out=True, window_s=9.0)
    assert sum(sum(map(window.text.count, ".?!")) for window in windows) >= 12
    for window in windows:
        assert window.seconds <= 9.0
        assert len(window.starts) == len(window.text.split())
        assert all(a < b for a, b in pairwise(window.starts))
        loud = np.flatnonzero(np.abs(window.samples) > 0.002) / speech.SAMPLE_RATE
        assert window.starts[0] == pytest.approx(loud[0], abs=0.05)


def test_windows_can_be_made_again():
    """All but the noise in espeak's consonants, which it draws itself."""
    first, again = (timed_windows(6, 3, held_out=False, window_s=15.0) for _ in range(2))
    assert [window.text for window in first] == [window.text for window in again]
    for a, b in zip(first, again, strict=True):
        assert a.starts == pytest.approx(b.starts, abs=0.01)
        assert a.seconds == pytest.approx(b.seconds, abs=0.05)


def test_another_microphone_changes_the_sound_and_not_the_times():
    windows = timed_windows(7, 3, held_out=True, window_s=15.0)
    for window, noisy in zip(windows, recorded(windows, 1), strict=True):
        assert noisy.starts == window.starts
        assert noisy.samples.shape == window.samples.shape
        assert not np.allclose(noisy.samples, window.samples, atol=1e-3)
