"""The seed's batch processor: how many items a model takes at once with most profit, and batches that always fit.

It knows torch models that map one tensor to one tensor; it does not know speech. The engines size their own batches.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from b200_kernels.memory_use import free_bytes, live_bytes, peak_bytes
from b200_kernels.oom import handle_oom_with_recovery
from b200_kernels.optimizer import B200Optimizer
from cluster.profiler import b200_performance_monitor

_GIB = 2**30
_WORTHWHILE = 1.05
"""A larger batch must bring this much more throughput than the best so far: less is noise, or nothing."""
_PATIENCE = 2
"""Doublings without such a gain after which there is none to come: one alone may be a neighbour's doing."""
_LONG_S = 0.5
"""A batch that takes this long keeps any device busy: what it costs to start one no longer counts."""
_MEASURED_S = 0.05
"""A batch is run again until it has been measured for this long; the fastest run counts."""


@dataclass
class _Memory:
    """A memory model: every item of a batch takes ``an_item`` bytes, of a budget."""

    budget: int
    an_item: float

    def holds(self, batch: int) -> bool:
        return batch * self.an_item <= self.budget


class B200BatchProcessor:
    """Runs models over batches on the optimizer's device."""

    def __init__(self, optimizer: B200Optimizer) -> None:
        self.optimizer = optimizer

    @torch.inference_mode()
    def find_optimal_batch_size(
        self, model: torch.nn.Module, input_shape: tuple[int, ...], max_memory_gb: float = 180.0
    ) -> int:
        """Items a batch with which the model gets through most items a second, a power of two. It measures.

        ``input_shape`` is one item's, without the batch. One item alone gives the memory model; then batches of 1, 2,
        4, ... are timed until the next one would not fit, two in a row brought no more throughput, or one took half a
        second. The weights and a batch never exceed ``max_memory_gb`` (GiB), nor a batch what is free on the device,
        whichever is less. On a GPU each batch's true peak corrects the model. Of two sizes within 5 % of each other
        the smaller wins. Raises TypeError for what is no torch module, ValueError for a budget that is not positive,
        MemoryError when not even one item fits.
        """
        if not isinstance(model, torch.nn.Module):
            raise TypeError(f"{type(model).__name__} is no torch module: an engine sizes its own batches")
        if max_memory_gb <= 0:
            raise ValueError(f"max_memory_gb must be more than 0, not {max_memory_gb}")
        memory = self._memory(model, input_shape, max_memory_gb)
        best, best_rate, vain, size = 0, 0.0, 0, 1
        while memory.holds(size) and vain < _PATIENCE:
            rate = handle_oom_with_recovery(self._rate, size, size, model=model, input_shape=input_shape, memory=memory)
            if rate is None:
                break
            if rate > best_rate * _WORTHWHILE:
                best, best_rate, vain = size, rate, 0
            else:
                vain += 1
            if size / rate >= _LONG_S:
                break
            size *= 2
        if not best:
            raise MemoryError(
                f"one item of shape {input_shape} needs {memory.an_item / _GIB:.3f} GiB beside the weights, "
                f"{memory.budget / _GIB:.3f} GiB are there: raise max_memory_gb, or take a smaller item"
            )
        return best

    @b200_performance_monitor
    @torch.inference_mode()
    def process_batch(self, model: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
        """``model(batch)`` for a batch of any size, shape (items, ...), moved to the device and in the model's dtype.

        Where memory runs out it goes in halves, quarters and so on; the result is put together again in order. Raises
        MemoryError when even one item does not fit, ValueError for a batch without items.
        """
        if batch.ndim == 0 or not len(batch):
            raise ValueError(f"a batch needs at least one item, not shape {tuple(batch.shape)}")
        given = self._given(model, batch)
        found = handle_oom_with_recovery(_in_pieces, len(given), model=model, given=given)
        if found is None:
            raise MemoryError(f"one item of shape {tuple(batch.shape[1:])} does not fit: take a smaller item or model")
        return found

    def _given(self, model: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
        """A batch as this model wants it, which need not be one that the optimizer made."""
        own = next((p.dtype for p in model.parameters() if p.is_floating_point()), None)
        return self.optimizer.optimize_tensor(batch, own if batch.is_floating_point() else None)

    def _random(self, model: torch.nn.Module, size: int, input_shape: tuple[int, ...]) -> torch.Tensor:
        return self._given(model, torch.randn(size, *input_shape, device=self.optimizer.device))

    def _memory(self, model: torch.nn.Module, input_shape: tuple[int, ...], max_memory_gb: float) -> _Memory:
        device = self.optimizer.device
        with torch.compiler.set_stance("force_eager"):  # compiled, it would hide its tensors
            an_item = live_bytes(lambda: model(self._random(model, 1, input_shape)))
        weights = sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers()))
        return _Memory(min(int(max_memory_gb * _GIB) - weights, free_bytes(device)), an_item)

    def _rate(self, size: int, model: torch.nn.Module, input_shape: tuple[int, ...], memory: _Memory) -> float:
        """Items a second; on a GPU the memory model learns what a batch of this size really took."""
        device = self.optimizer.device
        # The first run pays for compiling, workspaces and pages.
        peak = peak_bytes(lambda: model(self._random(model, size, input_shape)), device)
        if peak is not None:
            memory.an_item = peak / size
        given = self._random(model, size, input_shape)
        best, spent = float("inf"), 0.0
        while spent < _MEASURED_S:
            start = time.perf_counter()
            model(given)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds = time.perf_counter() - start
            best, spent = min(best, seconds), spent + seconds
        return size / best


def _in_pieces(size: int, model: torch.nn.Module, given: torch.Tensor) -> torch.Tensor:
    pieces = [model(piece) for piece in given.split(size)]
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces)
