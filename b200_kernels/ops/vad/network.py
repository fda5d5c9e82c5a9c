"""Silero VAD over all frames of many streams at once.

Everything before the LSTM looks at one frame alone, so it is a handful of matrix products over all frames: the
windowed DFT and the convolutions read their input through strides, and nothing is copied or padded with zeros.
Then one LSTM runs over time for all streams together. The probabilities are Silero's own to 1e-6.

It does not know what a segment or a medium is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from b200_kernels.ops.vad.op import lstm
from b200_kernels.ops.vad.reference import BINS, CONTEXT, FRAME, STFT, STFT_HOP, Weights
from b200_kernels.ops.vad.weights import shipped_weights

_FRAMES_AT_ONCE = {"cpu": 512, "cuda": 1 << 16}
"""Frames that go through the front end together: on a CPU their spectra (2 MB) stay in a core's cache."""
_COLUMNS = FRAME // STFT_HOP


class SileroVad:
    """A detector of speech for one stream or many; it satisfies the pipelines' ``SpeechDetector`` by shape.

    Keeps no state between calls, so threads may share one.
    """

    def __init__(self, device: str = "cpu", weights: Weights | None = None) -> None:
        found = {k: v.to(device, torch.float32) for k, v in (weights or shipped_weights()).items()}
        self._device = torch.device(device)
        self._frames_at_once = _FRAMES_AT_ONCE[self._device.type]
        basis = found["stft_conv.weight"][:, 0]
        self._dft = (*(basis.T.contiguous() for _ in range(_COLUMNS - 1)), _reflected(basis).T.contiguous())
        self._convs = [_as_matrix(found, f"conv{layer}") for layer in (1, 2, 3, 4)]
        self._lstm = [found[f"lstm_cell.{name}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        self._head = found["final_conv.weight"][0, :, 0], found["final_conv.bias"]

    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        """int16 samples at 16 kHz, shape (n,), to float32 probabilities of shape (ceil(n / 512),), from a fresh
        state at the first sample.
        """
        return self.batch([samples])[0]

    @torch.inference_mode()
    def batch(self, streams: Sequence[np.ndarray]) -> list[np.ndarray]:
        """:meth:`probabilities` of every stream, each from a fresh state, all in one pass over time.

        Streams of like length cost least: all run as long as the longest. float32 samples in [-1, 1] are taken
        too.
        """
        counts = [-(-len(samples) // FRAME) for samples in streams]
        if not any(counts):
            return [np.zeros(0, np.float32) for _ in streams]
        starts = np.cumsum([0, *(count + 1 for count in counts)])
        features = self._features_of_all(_one_after_another(streams, starts))
        # A stream that has ended goes on with whatever stands there: it changes nothing that came before.
        step = np.minimum(np.arange(max(counts))[:, None], counts)
        over_time = features[torch.from_numpy(starts[:-1] + step).to(self._device)]
        weight, bias = self._head
        found = torch.sigmoid(lstm(over_time, *self._lstm).relu_() @ weight + bias).T.cpu().numpy()
        return [row[:count] for row, count in zip(found, counts, strict=True)]

    def _features_of_all(self, sound: np.ndarray) -> torch.Tensor:
        """What the LSTM hears of every frame of :func:`_one_after_another`, shape (frames, 128)."""
        heard = torch.from_numpy(sound).to(self._device)
        total = len(sound) // FRAME - 1
        blocks = []
        for first in range(0, total, self._frames_at_once):
            count = min(self._frames_at_once, total - first)
            blocks.append(self._features(heard[(first + 1) * FRAME - CONTEXT :], count))
        return torch.cat(blocks)

    def _features(self, padded: torch.Tensor, count: int) -> torch.Tensor:
        """What the LSTM hears of ``count`` frames, shape (count, 128); ``padded`` begins at the first one's
        context.
        """
        spectrum = padded.new_empty(count, _COLUMNS, 2 * BINS)
        for column, dft in enumerate(self._dft):
            windows = padded.as_strided((count, len(dft)), (FRAME, 1), padded.storage_offset() + column * STFT_HOP)
            torch.mm(windows, dft, out=spectrum[:, column])
        real, imaginary = spectrum[..., :BINS], spectrum[..., BINS:]
        x = torch.addcmul(real.square(), imaginary, imaginary).sqrt_()
        for (weight, bias), stride in zip(self._convs, (1, 2, 2, 1), strict=True):
            x = _convolve(x, weight, bias, stride)
        return x[:, 0]


def _one_after_another(streams: Sequence[np.ndarray], starts: np.ndarray) -> np.ndarray:
    """All streams in one array of float32 samples, each behind a frame of zeros in which its context lies; stream i
    has that frame at ``starts[i]``.
    """
    sound = np.zeros((starts[-1] + 1) * FRAME, np.float32)
    for samples, start in zip(streams, starts[:-1], strict=True):
        at = (start + 1) * FRAME
        sound[at : at + len(samples)] = samples
        if samples.dtype == np.int16:
            sound[at : at + len(samples)] /= 32768
    return sound


def _reflected(basis: torch.Tensor) -> torch.Tensor:
    """The DFT of a frame's last window, whose final 64 samples are the reflection of those before them, as one
    of the 192 samples that exist.
    """
    length = STFT - CONTEXT
    folded = basis[:, :length].clone()
    folded[:, length - 1 - CONTEXT : length - 1] += basis[:, length:].flip(1)
    return folded


def _as_matrix(weights: Weights, layer: str) -> tuple[torch.Tensor, torch.Tensor]:
    """A width-3 convolution as a matrix of shape (3 * channels in, channels out), and its bias."""
    weight = weights[f"{layer}.weight"]
    return weight.permute(2, 1, 0).reshape(-1, len(weight)).contiguous(), weights[f"{layer}.bias"]


def _convolve(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int) -> torch.Tensor:
    """Width-3 convolution with zeros around, then ReLU: (frames, columns, channels in) to (frames, columns /
    stride, channels out). Only the taps that fall on a column are multiplied.
    """
    frames, columns, channels = x.shape
    out = x.new_empty(frames, columns // stride or 1, len(bias))
    for position in range(out.shape[1]):
        first, last = max(0, position * stride - 1), min(columns, position * stride + 2)
        skipped = first - (position * stride - 1)
        taps = x[:, first:last].flatten(1)
        rows = weight[skipped * channels : (skipped + last - first) * channels]
        torch.addmm(bias, taps, rows, out=out[:, position])
    return out.relu_()
