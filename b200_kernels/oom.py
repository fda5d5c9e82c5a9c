"""Work in batches that shrink until they fit into memory. Knows torch's errors; does not know the work."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, TypeVar

import torch

T = TypeVar("T")

_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of a GPU or the host, ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def handle_oom_with_recovery(
    process_func: Callable[..., T], initial_batch_size: int = 16, min_batch_size: int = 1, **kwargs: Any
) -> T | None:
    """``process_func(batch_size, **kwargs)`` with the largest batch size that fits.

    Begins with ``initial_batch_size`` and halves it each time memory runs out, down to ``min_batch_size``,
    which is itself tried: 32, 16, 8, 4, 2, 1. Returns what the function returned, or None when even the
    smallest did not fit. Every other error is raised unchanged. Raises ValueError for sizes below 1 or in the
    wrong order.
    """
    if not 1 <= min_batch_size <= initial_batch_size:
        raise ValueError(
            f"1 <= min_batch_size ({min_batch_size}) <= initial_batch_size ({initial_batch_size}) must hold"
        )
    size = initial_batch_size
    while True:
        try:
            return process_func(size, **kwargs)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler, so that the error's traceback no longer keeps the failed batch's tensors alive.
        _release()
        if size == min_batch_size:
            return None
        size = max(min_batch_size, size // 2)


def _release() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
