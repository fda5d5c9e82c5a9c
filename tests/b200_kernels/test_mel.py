"""Our features are WhisperFeatureExtractor's."""

import numpy as np
import torch
from transformers import WhisperFeatureExtractor

from b200_kernels.mel import log_mel

CHUNK = 480_000


def chirp(seconds: float) -> np.ndarray:
    t = np.arange(int(seconds * 16_000)) / 16_000
    noise = np.random.default_rng(0).standard_normal(len(t)) * 0.02
    return (0.4 * np.sin(2 * np.pi * (100 + 200 * t) * t) + noise).astype(np.float32)


def padded(samples: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.pad(samples, (0, CHUNK - len(samples))))


def theirs(samples: np.ndarray) -> torch.Tensor:
    extractor = WhisperFeatureExtractor(feature_size=128)
    return extractor(samples, sampling_rate=16_000, return_tensors="pt")["input_features"][0]


def test_equals_whispers_extractor():
    for samples in (chirp(7.3), chirp(30.0), np.zeros(16_000, np.float32)):
        ours = log_mel(padded(samples)[None])[0]
        assert ours.shape == (128, 3000)
        assert ours.dtype == torch.float32
        assert (ours - theirs(samples)).abs().max() < 1e-4


def test_a_window_is_normalised_by_itself():
    quiet, loud = padded(chirp(5.0) * 0.001), padded(chirp(5.0))
    together = log_mel(torch.stack([quiet, loud]))
    assert torch.allclose(together[0], log_mel(quiet[None])[0], atol=1e-5)
    assert torch.allclose(together[1], log_mel(loud[None])[0], atol=1e-5)
