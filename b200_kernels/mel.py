"""Log-mel features as Whisper defines them, for a batch of windows at once.

Shapes and numbers after ``WhisperFeatureExtractor``: 16 kHz, Hann window of 400 samples, hop 160, slaney mel
scale, log10 floored 8 below the maximum *of each window*, then ``(x + 4) / 4``. Always float32: bf16 is not
good enough.
"""

from __future__ import annotations

import functools

import torch

SAMPLE_RATE = 16_000
N_FFT, HOP = 400, 160


@functools.cache
def _filters(mel_bins: int) -> torch.Tensor:
    from transformers.audio_utils import mel_filter_bank

    bank = mel_filter_bank(1 + N_FFT // 2, mel_bins, 0.0, 8000.0, SAMPLE_RATE, norm="slaney", mel_scale="slaney")
    return torch.from_numpy(bank).to(torch.float32)


def log_mel(samples: torch.Tensor, mel_bins: int = 128) -> torch.Tensor:
    """(batch, n) float32 samples to (batch, mel_bins, n // 160) features."""
    samples = samples.to(torch.float32)
    window = torch.hann_window(N_FFT, device=samples.device)
    spectrum = torch.stft(samples, N_FFT, HOP, window=window, return_complex=True)
    power = spectrum[..., :-1].abs() ** 2
    mel = _filters(mel_bins).to(samples.device).T @ power
    log = mel.clamp(min=1e-10).log10()
    log = torch.maximum(log, log.amax(dim=(1, 2), keepdim=True) - 8.0)
    return (log + 4.0) / 4.0
