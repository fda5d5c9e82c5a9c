"""The seed's benchmark: in seconds, what this machine gives the parts that a Voxtral rests on.

It measures arithmetic, memory, log-mel, VAD and the embedded checkpoint's encoder, each alone. How fast the engines
translate is `voxtral benchmark`'s to say. Its recommendations follow from what it measured here, and from nothing else.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from b200_kernels.batch_processor import B200BatchProcessor
from b200_kernels.checkpoints import EMBEDDED, open_checkpoint
from b200_kernels.loading import load_model
from b200_kernels.machine_rates import copy_bytes_a_second, every_core, matmul_flops_a_second
from b200_kernels.mel import HOP, SAMPLE_RATE
from b200_kernels.ops.log_mel import log_mel, native
from b200_kernels.ops.native import library
from b200_kernels.ops.vad.network import SileroVad
from b200_kernels.optimizer import B200Config, B200Optimizer
from cluster.hardware import detect_hardware

_CHUNK_S = 30
_TRIES = 2
_FASTER = 1.2
"""A choice is recommended when it is at least this much faster: less may be the neighbours'."""


class B200BenchmarkResult(BaseModel):
    """What was measured, on what, and what follows.

    ``summary_stats``, all higher is better:

    - ``max_throughput_ops_per_sec``: floating-point operations a second (an op is one multiplication or one addition)
      of a matrix product, in the fastest number format; ``matmul_<dtype>_ops_per_sec`` are the formats.
    - ``memory_bytes_per_sec``: read and written by a copy.
    - ``log_mel_audio_s_per_sec``, ``vad_audio_s_per_sec``: seconds of audio a second, on all cores or the GPU.
    - ``encoder_windows_per_sec``, ``encoder_windows_per_sec_one_by_one``: windows of 30 s a second through the embedded
      checkpoint's encoder, ``optimal_batch_size`` at once and alone.

    ``hardware`` is :func:`cluster.hardware.detect_hardware`'s; ``versions`` of what computed; ``seconds`` that it took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str
    dtype: str
    summary_stats: dict[str, float]
    recommendations: list[str]
    hardware: dict[str, Any]
    versions: dict[str, str]
    seconds: float


class B200Benchmarker:
    """Measures on the first GPU, else the CPU."""

    def __init__(self) -> None:
        # Uncompiled: compiling the encoder would take longer than all the rest.
        self._optimizer = B200Optimizer(B200Config(compile=False))

    def run_comprehensive_benchmark(self) -> B200BenchmarkResult:
        """Measure everything, in about ten seconds; other work on the machine meanwhile makes it look slower."""
        start = time.perf_counter()
        rates = {_short(dtype): self._matmul(dtype) for dtype in self._dtypes()}
        stats = {f"matmul_{name}_ops_per_sec": rate for name, rate in rates.items()}
        stats["max_throughput_ops_per_sec"] = max(rates.values())
        stats["memory_bytes_per_sec"] = copy_bytes_a_second(self._optimizer.device)
        with every_core():
            stats |= {"log_mel_audio_s_per_sec": self._log_mel(), "vad_audio_s_per_sec": self._vad(), **self._encoder()}
        return B200BenchmarkResult(
            device=str(self._optimizer.device),
            dtype=_short(self._optimizer.dtype),
            summary_stats=stats,
            recommendations=_recommendations(stats, rates, _short(self._optimizer.dtype), self._optimizer.device),
            hardware=detect_hardware(),
            versions={"torch": str(torch.__version__), "python": platform.python_version()},
            seconds=time.perf_counter() - start,
        )

    def save_benchmark_results(self, results: B200BenchmarkResult, path: Path) -> None:
        """Write a result as JSON, which ``B200BenchmarkResult.model_validate_json`` reads back."""
        path.write_text(results.model_dump_json(indent=2) + "\n", encoding="utf-8")

    def _dtypes(self) -> list[torch.dtype]:
        return list(dict.fromkeys((torch.float32, torch.bfloat16, self._optimizer.dtype)))

    def _matmul(self, dtype: torch.dtype) -> float:
        return matmul_flops_a_second(self._optimizer.device, dtype)

    def _log_mel(self) -> float:
        samples = torch.randn(16, _CHUNK_S * SAMPLE_RATE, device=self._optimizer.device) * 0.1
        return 16 * _CHUNK_S / self._seconds(lambda: log_mel(samples))

    def _vad(self) -> float:
        streams = list(np.random.default_rng(0).normal(0, 800, (16, _CHUNK_S * SAMPLE_RATE)).astype(np.int16))
        vad = SileroVad(self._optimizer.device.type)
        return 16 * _CHUNK_S / self._seconds(lambda: vad.batch(streams))

    def _encoder(self) -> dict[str, float]:
        model = load_model(open_checkpoint(EMBEDDED), self._optimizer.device, self._optimizer.dtype)
        encoder = _Encoder(self._optimizer.optimize_model(model.model.audio_tower))
        shape = (model.config.audio_config.num_mel_bins, _CHUNK_S * SAMPLE_RATE // HOP)
        batches = B200BatchProcessor(self._optimizer)
        best = batches.find_optimal_batch_size(encoder, shape)
        rates = []
        for size in (1, best):
            given = torch.randn(size, *shape)
            rates.append(size / self._seconds(partial(batches.process_batch, encoder, given)))
        return {
            "optimal_batch_size": float(best),
            "encoder_windows_per_sec": max(rates),
            "encoder_windows_per_sec_one_by_one": rates[0],
        }

    def _seconds(self, work: Callable[[], object]) -> float:
        """Of the fastest of several calls, after one that warms up."""
        found = []
        for _ in range(1 + _TRIES):
            start = time.perf_counter()
            work()
            if self._optimizer.device.type == "cuda":
                torch.cuda.synchronize(self._optimizer.device)
            found.append(time.perf_counter() - start)
        return min(found[1:])


class _Encoder(torch.nn.Module):
    """The encoder as a model of one tensor to one tensor: (windows, mel bins, frames) to (windows, frames, width)."""

    def __init__(self, tower: torch.nn.Module) -> None:
        super().__init__()
        self._tower = tower

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        heard: torch.Tensor = self._tower(mel).last_hidden_state
        return heard


def _recommendations(stats: dict[str, float], rates: dict[str, float], dtype: str, device: torch.device) -> list[str]:
    """What to do about what was measured; nothing where nothing would help."""
    found = []
    fastest = max(rates, key=lambda name: rates[name])
    if rates[fastest] > rates[dtype] * _FASTER:
        times = rates[fastest] / rates[dtype]
        found.append(
            f"{fastest} multiplies {times:.1f} times as fast as {dtype} here: try --dtype {fastest}, and compare texts"
        )
    gain = stats["encoder_windows_per_sec"] / stats["encoder_windows_per_sec_one_by_one"]
    if gain > _FASTER:
        size = int(stats["optimal_batch_size"])
        found.append(f"encode {size} windows at once: {gain:.1f} times the throughput of one by one")
    if device.type == "cpu":
        found.append("no GPU was found: the real Voxtral, of three billion parameters or more, wants one")
        if library(native.SOURCE) is None:
            found.append("install a C compiler (cc): log-mel and attention then run as compiled kernels")
    return found


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
