"""Contenders of the log-mel benchmark: each makes the features of a batch of 30 s chunks, on one thread."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

CHUNK_S = 30
SAMPLE_RATE = 16_000


def contenders() -> dict[str, Callable[[np.ndarray], object]]:
    """By name, what to do with chunks of shape (batch, 480000), float32."""
    from transformers import WhisperFeatureExtractor

    from b200_kernels.ops.log_mel import log_mel, portable, reference

    extractor = WhisperFeatureExtractor(feature_size=128)
    return {
        "transformers": lambda chunks: extractor(list(chunks), sampling_rate=SAMPLE_RATE, return_tensors="pt"),
        "reference": lambda chunks: reference.log_mel(torch.from_numpy(chunks)),
        "portable": lambda chunks: portable.log_mel(torch.from_numpy(chunks), 128),
        "log_mel": lambda chunks: log_mel(torch.from_numpy(chunks)),
    }


def chunks(batch: int) -> np.ndarray:
    """Full chunks of noise in which something sweeps: no frame is silent, so none is cheaper than another."""
    t = np.arange(CHUNK_S * SAMPLE_RATE) / SAMPLE_RATE
    sweep = 0.3 * np.sin(2 * np.pi * (100 + 60 * t) * t)
    noise = np.random.default_rng(0).standard_normal((batch, len(t))) * 0.05
    return (sweep + noise).astype(np.float32)
