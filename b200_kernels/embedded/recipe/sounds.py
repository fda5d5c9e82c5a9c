"""What is heard besides speech: silence, noise, music; and what a room and a microphone do to speech.

All of it is made with numpy from a seed. Samples are float32 at 16 kHz in [-1, 1].
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

SAMPLE_RATE = 16_000


def coloured_noise(rng: np.random.Generator, n: int) -> np.ndarray:
    """Noise between white and brown, unit RMS."""
    pole = rng.uniform(0.0, 0.98)
    noise = lfilter([1.0], [1.0, -pole], rng.standard_normal(n))
    return (noise / (np.sqrt(np.mean(noise**2)) + 1e-9)).astype(np.float32)


def music(rng: np.random.Generator, n: int) -> np.ndarray:
    """Chords and a melody of decaying harmonic tones, unit RMS."""
    out = np.zeros(n, np.float32)
    beat = int(SAMPLE_RATE * rng.uniform(0.18, 0.6))
    root = 110.0 * 2 ** (rng.integers(0, 12) / 12)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12] if rng.random() < 0.5 else [0, 2, 3, 5, 7, 8, 10, 12])
    for start in range(0, n, beat):
        for _ in range(int(rng.integers(1, 4))):
            length = min(n - start, int(beat * rng.uniform(0.8, 4)))
            t = np.arange(length, dtype=np.float32) / SAMPLE_RATE
            pitch = root * 2 ** (scale[rng.integers(len(scale))] / 12 + rng.integers(0, 3))
            harmonics = sum(
                np.sin(2 * np.pi * pitch * k * t + rng.uniform(0, 6)) / k ** rng.uniform(0.8, 2) for k in range(1, 6)
            )
            out[start : start + length] += harmonics * np.exp(-t * rng.uniform(1, 8)) * np.minimum(1, t * 200)
        if rng.random() < 0.3:
            hit = min(n - start, 1600)
            out[start : start + hit] += rng.standard_normal(hit) * np.exp(-np.arange(hit) / 300) * 1.5
    return (out / (np.sqrt(np.mean(out**2)) + 1e-9)).astype(np.float32)


def non_speech(rng: np.random.Generator, n: int) -> np.ndarray:
    """A stretch in which nobody speaks: digital silence, hiss, hum, noise or music at any level."""
    kind = rng.integers(0, 5)
    level = 10 ** rng.uniform(-3.5, -0.7)
    if kind == 0:
        return np.zeros(n, np.float32)
    if kind == 1:
        hum = np.sin(2 * np.pi * rng.choice([50.0, 60.0, 100.0, 440.0, 1000.0]) * np.arange(n) / SAMPLE_RATE)
        return (level * (hum + 0.05 * rng.standard_normal(n))).astype(np.float32)
    if kind == 2:
        return np.clip(level * music(rng, n) + level * 0.1 * coloured_noise(rng, n), -1, 1)
    if kind == 3:
        return np.clip(level * music(rng, n), -1, 1)
    return np.clip(level * coloured_noise(rng, n), -1, 1)


def record(rng: np.random.Generator, speech: np.ndarray) -> np.ndarray:
    """The same speech as another microphone in another room would have it: tilt, echo, background, level."""
    n = len(speech)
    if rng.random() < 0.4:
        speech = lfilter([1.0, -rng.uniform(-0.5, 0.5)], [1.0], speech).astype(np.float32)
    if rng.random() < 0.25:
        tail = int(SAMPLE_RATE * rng.uniform(0.02, 0.12))
        impulse = rng.standard_normal(tail) * np.exp(-np.arange(tail) / (tail / 4)) * rng.uniform(0.02, 0.12)
        impulse[0] = 1.0
        speech = np.convolve(speech, impulse)[:n].astype(np.float32)
    rms = np.sqrt(np.mean(speech**2)) + 1e-9
    speech = speech / rms * 10 ** rng.uniform(-1.9, -0.75)
    rms = np.sqrt(np.mean(speech**2)) + 1e-9
    chance = rng.random()
    if chance < 0.3:
        speech = speech + coloured_noise(rng, n) * rms * 10 ** (-rng.uniform(14, 45) / 20)
    elif chance < 0.37:
        speech = speech + music(rng, n) * rms * 10 ** (-rng.uniform(14, 30) / 20)
    return np.clip(speech, -1, 1).astype(np.float32)
