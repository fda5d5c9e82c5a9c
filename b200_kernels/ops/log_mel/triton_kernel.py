"""Log-mel in Triton: framing, window, DFT, power, filters and logarithm in one kernel, the floor in a second.

The DFT is a product with a matrix that has the window in it, in 3xTF32: float32-grade on tensor cores. Tiles are 64
frames high, because Triton 3.6 compiles 128 of them for sm_100 to a trap. The second kernel waits for the maximum of
the whole window.
"""

from __future__ import annotations

import functools
import math

import torch
import triton
import triton.language as tl

from b200_kernels.ops.log_mel.reference import BINS, HOP, N_FFT, mel_filters

FRAMES, SAMPLES_AT_ONCE, BINS_AT_ONCE = 64, 16, 32
PADDED_BINS = 224
FLOOR_BLOCK = 1024


@triton.jit
def spectrum_kernel(
    samples_ptr: tl.tensor,
    cosines_ptr: tl.tensor,
    sines_ptr: tl.tensor,
    filters_ptr: tl.tensor,
    out_ptr: tl.tensor,
    highest_ptr: tl.tensor,
    length: tl.tensor,
    frames: tl.tensor,
    mel_bins: tl.tensor,
    PRECISION: tl.constexpr,
    N_FFT: tl.constexpr,
    HOP: tl.constexpr,
    PADDED_BINS: tl.constexpr,
    FRAMES: tl.constexpr,
    SAMPLES_AT_ONCE: tl.constexpr,
    BINS_AT_ONCE: tl.constexpr,
    MELS: tl.constexpr,
) -> None:
    row, block = tl.program_id(0).to(tl.int64), tl.program_id(1)
    frame, mel_bin = block * FRAMES + tl.arange(0, FRAMES), tl.arange(0, MELS)
    step, bin_ = tl.arange(0, SAMPLES_AT_ONCE), tl.arange(0, BINS_AT_ONCE)
    mel = tl.zeros((FRAMES, MELS), tl.float32)
    for low in range(0, PADDED_BINS, BINS_AT_ONCE):
        real = tl.zeros((FRAMES, BINS_AT_ONCE), tl.float32)
        imaginary = tl.zeros((FRAMES, BINS_AT_ONCE), tl.float32)
        for n in range(0, N_FFT, SAMPLES_AT_ONCE):
            at = tl.abs(frame[:, None] * HOP + n + step[None, :] - N_FFT // 2)
            at = tl.where(at < length, at, 2 * (length - 1) - at)
            x = tl.load(samples_ptr + row * length + at, mask=(frame < frames)[:, None] & (at >= 0), other=0.0)
            table = (n + step)[:, None] * PADDED_BINS + low + bin_[None, :]
            real = tl.dot(x, tl.load(cosines_ptr + table), real, input_precision=PRECISION)
            imaginary = tl.dot(x, tl.load(sines_ptr + table), imaginary, input_precision=PRECISION)
        weights = tl.load(
            filters_ptr + (low + bin_)[:, None] * mel_bins + mel_bin[None, :],
            mask=(mel_bin < mel_bins)[None, :],
            other=0.0,
        )
        mel = tl.dot(real * real + imaginary * imaginary, weights, mel, input_precision=PRECISION)
    there = (frame < frames)[:, None] & (mel_bin < mel_bins)[None, :]
    log = tl.log2(tl.maximum(mel, 1e-10)) * 0.30102999566398120
    tl.store(out_ptr + (row * mel_bins + mel_bin[None, :]) * frames + frame[:, None], log, mask=there)
    highest = tl.max(tl.max(tl.where(there, log, -10.0), axis=1), axis=0)
    tl.store(highest_ptr + row * tl.num_programs(1) + block, highest)


@triton.jit
def floor_kernel(
    out_ptr: tl.tensor,
    highest_ptr: tl.tensor,
    size: tl.tensor,
    blocks: tl.tensor,
    BLOCKS: tl.constexpr,
    SIZE: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64)
    block = tl.arange(0, BLOCKS)
    highest = tl.max(tl.load(highest_ptr + row * blocks + block, mask=block < blocks, other=-10.0), axis=0)
    index = tl.program_id(1) * SIZE + tl.arange(0, SIZE)
    at = out_ptr + row * size + index
    log = tl.load(at, mask=index < size, other=0.0)
    tl.store(at, tl.maximum(log, highest - 8.0) * 0.25 + 1.0, mask=index < size)


@functools.cache
def tables(mel_bins: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Cosines and sines (400, 224) with the Hann window in them, and the filters (224, mel_bins); zeros beyond
    the 201 bins.
    """
    n = torch.arange(N_FFT, dtype=torch.float64)[:, None]
    bins = torch.arange(BINS, dtype=torch.float64)
    window = torch.hann_window(N_FFT, dtype=torch.float64)[:, None]
    angle = n * bins * (2 * math.pi / N_FFT)
    beyond = (0, PADDED_BINS - BINS)
    cosines = torch.nn.functional.pad(window * angle.cos(), beyond)
    sines = torch.nn.functional.pad(window * angle.sin(), beyond)
    filters = torch.nn.functional.pad(torch.from_numpy(mel_filters(mel_bins)), (0, 0, *beyond))
    cosines, sines, filters = (table.to(device, torch.float32).contiguous() for table in (cosines, sines, filters))
    return cosines, sines, filters


def launch(samples: torch.Tensor, mel_bins: int, precision: str = "tf32x3") -> torch.Tensor:
    """See :func:`b200_kernels.ops.log_mel.reference.log_mel`; float32. The interpreter wants ``ieee``."""
    batch, length = samples.shape
    frames = length // HOP
    blocks = triton.cdiv(frames, FRAMES)
    out = torch.empty(batch, mel_bins, frames, device=samples.device)
    highest = torch.empty(batch, blocks, device=samples.device)
    spectrum_kernel[(batch, blocks)](
        samples.contiguous(),
        *tables(mel_bins, samples.device),
        out,
        highest,
        length,
        frames,
        mel_bins,
        PRECISION=precision,
        N_FFT=N_FFT,
        HOP=HOP,
        PADDED_BINS=PADDED_BINS,
        FRAMES=FRAMES,
        SAMPLES_AT_ONCE=SAMPLES_AT_ONCE,
        BINS_AT_ONCE=BINS_AT_ONCE,
        MELS=triton.next_power_of_2(mel_bins),
        num_warps=4,
    )
    size = mel_bins * frames
    floor_kernel[(batch, triton.cdiv(size, FLOOR_BLOCK))](
        out, highest, size, blocks, BLOCKS=triton.next_power_of_2(blocks), SIZE=FLOOR_BLOCK
    )
    return out
