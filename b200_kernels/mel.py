"""Log-mel features as Whisper defines them, in plain torch, always in float32: bf16 is not good enough.

What the reference engine and the recipe hear with. The numbers are those of :mod:`b200_kernels.ops.log_mel.reference`;
the compiled engine takes the fast forms beside it.
"""

from __future__ import annotations

import torch

from b200_kernels.ops.log_mel import reference
from b200_kernels.ops.log_mel.reference import HOP, N_FFT, SAMPLE_RATE

__all__ = ["HOP", "N_FFT", "SAMPLE_RATE", "log_mel"]


def log_mel(samples: torch.Tensor, mel_bins: int = 128) -> torch.Tensor:
    """(batch, n) samples to (batch, mel_bins, n // 160) float32 features."""
    return reference.log_mel(samples.to(torch.float32), mel_bins)
