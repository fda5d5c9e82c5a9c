"""Silero VAD (v6, 16 kHz) frame by frame, as its authors run it: what the batched form is checked against.

Computes in the type of the samples and weights, float64 too.
"""

from __future__ import annotations

import torch
from torch.nn.functional import conv1d, pad

SAMPLE_RATE = 16_000
FRAME, CONTEXT = 512, 64
"""Samples a frame (32 ms), and samples before it that the model also looks at."""
STFT, STFT_HOP, BINS = 256, 128, 129
HIDDEN = 128

Weights = dict[str, torch.Tensor]
"""Silero's own names to its tensors, as in the wheel's ``silero_vad_16k.safetensors``."""


def speech_probabilities(samples: torch.Tensor, weights: Weights) -> torch.Tensor:
    """Samples in [-1, 1], shape (n,), to probabilities of shape (ceil(n / 512),), from a fresh state."""
    count = -(-len(samples) // FRAME)
    stream = pad(samples, (CONTEXT, count * FRAME - len(samples)))
    h = c = samples.new_zeros(1, HIDDEN)
    found = []
    for index in range(count):
        features = frame_features(stream[index * FRAME : (index + 1) * FRAME + CONTEXT], weights)
        h, c = torch.lstm_cell(
            features,
            (h, c),
            weights["lstm_cell.weight_ih"],
            weights["lstm_cell.weight_hh"],
            weights["lstm_cell.bias_ih"],
            weights["lstm_cell.bias_hh"],
        )
        head = conv1d(h.relu()[:, :, None], weights["final_conv.weight"], weights["final_conv.bias"])
        found.append(head.sigmoid().reshape(()))
    return torch.stack(found) if found else samples.new_zeros(0)


def frame_features(window: torch.Tensor, weights: Weights) -> torch.Tensor:
    """One frame with its context, shape (576,), to what the LSTM hears of it, shape (1, 128)."""
    padded = pad(window[None, None], (0, CONTEXT), mode="reflect")
    spectrum = conv1d(padded, weights["stft_conv.weight"], stride=STFT_HOP)
    x = (spectrum[:, :BINS] ** 2 + spectrum[:, BINS:] ** 2).sqrt()
    for layer, stride in (("conv1", 1), ("conv2", 2), ("conv3", 2), ("conv4", 1)):
        x = conv1d(x, weights[f"{layer}.weight"], weights[f"{layer}.bias"], stride=stride, padding=1).relu()
    return x[:, :, 0]


def lstm(
    x: torch.Tensor, w_ih: torch.Tensor, w_hh: torch.Tensor, b_ih: torch.Tensor, b_hh: torch.Tensor
) -> torch.Tensor:
    """One LSTM layer over time from a zero state: (time, streams, features) to (time, streams, hidden).

    Gates in torch's order: input, forget, cell, output.
    """
    h = c = x.new_zeros(x.shape[1], w_hh.shape[1])
    steps = []
    for step in x:
        i, f, g, o = (step @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        steps.append(h)
    return torch.stack(steps) if steps else x.new_zeros(0, x.shape[1], w_hh.shape[1])
