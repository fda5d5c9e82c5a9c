"""Log-mel features as Whisper defines them, in plain torch: what the fast forms are checked against.

Shapes and numbers after transformers' ``WhisperFeatureExtractor``: 16 kHz, Hann window of 400 samples, hop 160,
slaney mel scale and norm, the last frame dropped, log10 floored 8 below the maximum *of each window*, then
``(x + 4) / 4``. Computes in the type of the samples, float64 too; bf16 and tf32 are not good enough for it.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch

SAMPLE_RATE = 16_000
N_FFT, HOP = 400, 160
BINS = 1 + N_FFT // 2
LEAST = 1e-10
"""The least power that is told from silence."""


@functools.cache
def mel_filters(mel_bins: int) -> np.ndarray:
    """Weights of shape (201, mel_bins), float64: triangles on Slaney's scale (linear up to 1 kHz, 15 mels there,
    then a factor of 6.4 every 27), each of unit area.
    """
    top = 15.0 + 27.0 * math.log(SAMPLE_RATE / 2 / 1000.0) / math.log(6.4)
    mels = np.linspace(0.0, top, mel_bins + 2)
    edges = np.where(mels < 15.0, mels * 200.0 / 3.0, 1000.0 * np.exp((mels - 15.0) * math.log(6.4) / 27.0))
    bins = np.linspace(0.0, SAMPLE_RATE / 2, BINS)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * 2.0 / (edges[2:] - edges[:-2]))


def log_mel(samples: torch.Tensor, mel_bins: int = 128) -> torch.Tensor:
    """(batch, n) samples, n > 200, to (batch, mel_bins, n // 160) features."""
    window = torch.hann_window(N_FFT, dtype=samples.dtype, device=samples.device)
    spectrum = torch.stft(samples, N_FFT, HOP, window=window, return_complex=True)
    power = spectrum[..., : samples.shape[1] // HOP].abs() ** 2
    mel = torch.from_numpy(mel_filters(mel_bins)).to(samples).T @ power
    log = mel.clamp(min=LEAST).log10()
    log = torch.maximum(log, log.amax(dim=(1, 2), keepdim=True) - 8.0)
    return (log + 4.0) / 4.0
