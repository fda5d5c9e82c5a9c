"""A step recorded once and played again (CUDA graphs): a GPU is then told once a step, not some hundred times.

A recording reads and writes the same memory each time, so there is one for every number of rows that is asked for,
rounded up. It does not know what is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Outputs = tuple[Tensor, ...]
"""Each (rows, …)."""
Compute = Callable[[int, bool], Outputs]
"""A computation over the first so many rows of memory that stays where it is, with or without listening."""


class Recording(Protocol):
    """``outputs`` are overwritten by every :meth:`replay`."""

    @property
    def outputs(self) -> Outputs:
        """What was computed last."""

    def replay(self) -> None:
        """Compute again, from what lies in the inputs' memory now."""


@dataclass(frozen=True)
class CudaRecording:
    """A CUDA graph."""

    graph: torch.cuda.CUDAGraph
    outputs: Outputs

    def replay(self) -> None:
        self.graph.replay()


class CudaRecorder:
    """Records on the current device; all recordings share one pool of memory."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, compute: Callable[[], Outputs]) -> Recording:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            compute()  # kernels are compiled and buffers made outside of the recording
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the GPU meanwhile.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            outputs = compute()
        return CudaRecording(graph, outputs)


class Recorded:
    """``compute`` for up to ``most`` rows, from recordings that are made when they are first asked for."""

    def __init__(self, compute: Compute, most: int, record: Callable[[Callable[[], Outputs]], Recording]) -> None:
        self._compute, self._most, self._record = compute, most, record
        self._recordings: dict[tuple[int, bool], Recording] = {}

    def __call__(self, rows: int, listen: bool) -> Outputs:
        """What ``compute`` would give, in memory of its own."""
        recording = self._recording(min(rounded_up(rows), self._most), listen)
        recording.replay()
        return tuple(output[:rows].clone() for output in recording.outputs)

    def record_all(self, listen: bool) -> None:
        """Every size, the largest first: what it needs is then there for the smaller ones."""
        for size in sorted({min(rounded_up(rows), self._most) for rows in range(1, self._most + 1)}, reverse=True):
            for listening in {False, listen}:
                self._recording(size, listening)

    def _recording(self, size: int, listen: bool) -> Recording:
        if (size, listen) not in self._recordings:
            self._recordings[size, listen] = self._record(lambda: self._compute(size, listen))
        return self._recordings[size, listen]


def rounded_up(rows: int) -> int:
    """The next of 1, 2, 4, 8, 16, 32, 64, 96, 128, …: few recordings, and few rows in vain; a step of less than some
    hundred rows costs what reading the weights costs.
    """
    return 1 << (rows - 1).bit_length() if rows <= 32 else -(-rows // 32) * 32
