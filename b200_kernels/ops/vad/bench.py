"""Contenders of the VAD benchmark: each gives the probabilities of streams of 36 s, on one thread.

36 s is what the product asks at a time: a block of 32 s after a lead-in of 4 s.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from b200_kernels.ops.vad.network import SileroVad
from b200_kernels.ops.vad.reference import CONTEXT, FRAME, HIDDEN

STREAM_S = 36
SAMPLE_RATE = 16_000


def contenders() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """By name, what to do with int16 streams of shape (streams, n); probabilities (streams, n / 512)."""
    vad = SileroVad()
    return {
        "frame loop": _each(_frame_loop()),
        "sequence model": _each(_sequence_model()),
        "vad": lambda streams: np.stack(vad.batch(list(streams))),
    }


def streams(count: int) -> np.ndarray:
    """Noise whose loudness comes and goes."""
    frames = STREAM_S * SAMPLE_RATE // FRAME
    chance = np.random.default_rng(0)
    loudness = np.repeat(chance.random((count, frames)) ** 4 * 8000, FRAME, axis=1)
    return np.clip(chance.standard_normal(loudness.shape) * loudness, -32768, 32767).astype(np.int16)


def _each(one: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda found: np.stack([one(stream) for stream in found])


def _file(name: str) -> str:
    package = find_spec("silero_vad")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("silero-vad is not installed: pip install silero-vad")
    return str(Path(next(iter(package.submodule_search_locations))) / "data" / name)


def _frame_loop() -> Callable[[np.ndarray], np.ndarray]:
    """Silero's TorchScript model as its own examples call it, frame after frame."""
    model = torch.jit.load(_file("silero_vad.jit"), map_location="cpu")

    @torch.no_grad()
    def loop(stream: np.ndarray) -> np.ndarray:
        model.reset_states()
        samples = torch.from_numpy(stream.astype(np.float32) / 32768)
        return np.array([float(model(frame, SAMPLE_RATE)) for frame in samples.split(FRAME)], np.float32)

    return loop


def _sequence_model() -> Callable[[np.ndarray], np.ndarray]:
    """Silero's own model over a whole sequence, in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        _file("silero_vad_16k_sequence.onnx"), options, providers=["CPUExecutionProvider"]
    )
    state = np.zeros((1, 1, HIDDEN), np.float32)

    def run(stream: np.ndarray) -> np.ndarray:
        frames = (stream.astype(np.float32) / 32768).reshape(-1, FRAME)
        context = np.zeros((len(frames), CONTEXT), np.float32)
        context[1:] = frames[:-1, -CONTEXT:]
        inputs = {"input": np.concatenate((context, frames), axis=1), "h": state, "c": state}
        return np.asarray(session.run(["speech_probs"], inputs)[0], np.float32).reshape(-1)

    return run
