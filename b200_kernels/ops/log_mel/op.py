"""``b200::log_mel``: on a CPU the compiled kernel or plain torch, on a GPU the Triton kernel."""

from __future__ import annotations

import torch

from b200_kernels.ops.log_mel import native, portable
from b200_kernels.ops.log_mel.reference import HOP, N_FFT
from b200_kernels.ops.native import library
from b200_kernels.ops.registration import register


def _fake(samples: torch.Tensor, mel_bins: int) -> torch.Tensor:
    return samples.new_empty(samples.shape[0], mel_bins, samples.shape[1] // HOP)


def _cpu(samples: torch.Tensor, mel_bins: int) -> torch.Tensor:
    compiled = library(native.SOURCE)
    if compiled is None:
        return portable.log_mel(samples, mel_bins)
    return native.log_mel(compiled, samples, mel_bins)


def _cuda(samples: torch.Tensor, mel_bins: int) -> torch.Tensor:
    from b200_kernels.ops.log_mel.triton_kernel import launch

    return launch(samples, mel_bins)


_op = register("log_mel", _cpu, _cuda, _fake)


def log_mel(samples: torch.Tensor, mel_bins: int = 128) -> torch.Tensor:
    """(batch, n) float32 samples at 16 kHz, zeros after a window's end, to (batch, mel_bins, n // 160) features.

    Each row is normalised by itself. A row with a sample that is not finite becomes NaN. Raises ValueError for
    windows of 200 samples or fewer, and for other shapes and types.
    """
    if samples.ndim != 2 or samples.dtype != torch.float32:
        raise ValueError(f"log_mel takes (batch, n) float32 samples, not {tuple(samples.shape)} {samples.dtype}")
    if samples.shape[1] <= N_FFT // 2:
        raise ValueError(f"log_mel takes windows longer than {N_FFT // 2} samples, not {samples.shape[1]}")
    features: torch.Tensor = _op(samples, mel_bins)
    return features
