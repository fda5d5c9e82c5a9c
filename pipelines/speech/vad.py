"""Where is speech: a probability for every 32 ms of a medium, which depends on the medium alone.

A :class:`SpeechDetector` gives probabilities for samples; Silero VAD is the default. Its memory makes a
frame's probability depend on all that came before, so a file cut elsewhere would be heard elsewhere.
Therefore :func:`frame_probabilities` listens in blocks of 32 s that are aligned to the medium's absolute
time, each from a fresh state after a lead-in of 4 s: every shard gives a frame the same probability.

It does not know what a segment, a shard or a file is.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime

FRAME = 512
"""Samples a frame: 32 ms at 16 kHz, Silero's own."""
BLOCK_FRAMES = 1000
LEAD_FRAMES = 125
_CONTEXT = 64
"""Samples before a frame that Silero also looks at."""


class SpeechDetector(Protocol):
    """Speech probabilities, from a fresh state at the first sample."""

    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        """int16 samples at 16 kHz, shape (n,), to float32 probabilities of shape (ceil(n / 512),)."""


class SileroDetector:
    """Silero VAD's sequence model: all frames in one call, the same probabilities as its frame loop.

    Runs the ONNX file of the ``silero-vad`` wheel without importing the package, whose import loads torch and
    sets it to one thread for the whole process. A decoding worker stays small that way.
    """

    def __init__(self) -> None:
        package = find_spec("silero_vad")
        if package is None or not package.submodule_search_locations:
            raise RuntimeError("silero-vad is not installed: pip install silero-vad")
        path = Path(next(iter(package.submodule_search_locations))) / "data" / "silero_vad_16k_sequence.onnx"
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        """See :class:`SpeechDetector`."""
        count = -(-len(samples) // FRAME)
        if count == 0:
            return np.zeros(0, np.float32)
        frames = np.zeros((count, FRAME), np.float32)
        frames.reshape(-1)[: len(samples)] = samples.astype(np.float32) / 32768.0
        context = np.zeros((count, _CONTEXT), np.float32)
        context[1:] = frames[:-1, -_CONTEXT:]
        state = np.zeros((1, 1, 128), np.float32)
        inputs = {"input": np.concatenate((context, frames), axis=1), "h": state, "c": state}
        return np.asarray(self._session.run(["speech_probs"], inputs)[0], np.float32).reshape(-1)


def first_sample_needed(frame: int) -> int:
    """The absolute sample from which on :func:`frame_probabilities` must be given samples, to judge this
    frame.
    """
    return max(0, frame // BLOCK_FRAMES * BLOCK_FRAMES - LEAD_FRAMES) * FRAME


def frame_probabilities(detector: SpeechDetector, samples: np.ndarray, first_sample: int, frame: int) -> np.ndarray:
    """Probabilities of the medium's frames from ``frame`` to the end of the samples.

    ``samples`` begin at the absolute sample ``first_sample``, which :func:`first_sample_needed` gave for
    ``frame``.
    """
    end = -(-(first_sample + len(samples)) // FRAME)
    found = [np.zeros(0, np.float32)]
    for block in range(frame // BLOCK_FRAMES * BLOCK_FRAMES, end, BLOCK_FRAMES):
        lead = max(0, block - LEAD_FRAMES)
        begin, stop = lead * FRAME - first_sample, (block + BLOCK_FRAMES) * FRAME - first_sample
        heard = detector.probabilities(samples[begin:stop])[block - lead :]
        found.append(heard[max(0, frame - block) :])
    return np.concatenate(found)
