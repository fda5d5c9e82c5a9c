"""How fast this machine multiplies matrices and moves memory, measured: the limit that a model is held against.

Both functions take the best of several tries with every core that the process may use, whatever number of threads
torch was set to before. They know no model, and nothing of what a maker's data sheet promises.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from cluster.limits import cpu_limit

_BUDGET_S = 1.0
"""How long one rate is measured: long enough for a CPU to reach its clock and for a busy neighbour to pause."""
_MIN_TRIES = 3
_LONG_S = 0.05
"""A product that takes this long is large enough: eight times its work could take minutes in an emulated format."""
_GPU_CALLS = 10
"""Calls that a try queues on a GPU, so that the time of launching one does not count."""


@torch.no_grad()
def matmul_flops_a_second(device: torch.device | str, dtype: torch.dtype) -> float:
    """Floating-point operations a second (a multiply-add counts as two) of one square matrix product.

    Matrices are 2048 wide on a CPU and 8192 on a GPU, large enough to be bound by arithmetic; narrower in a format
    that is slow here. torch's settings for float32 (TF32 or not) stay as they are. Raises RuntimeError where torch
    cannot multiply this dtype on this device.
    """
    device = torch.device(device)
    size, widest = 256, 2048 if device.type == "cpu" else 8192
    call = _product(size, device, dtype)
    with every_core():
        while size < widest and _seconds(call, 1, device) < _LONG_S:
            size *= 2
            call = _product(size, device, dtype)
    return 2 * size**3 / _best_seconds(call, device)


def _product(size: int, device: torch.device, dtype: torch.dtype) -> Callable[[], object]:
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    out = torch.empty(size, size, device=device, dtype=dtype)
    return lambda: torch.mm(left, right, out=out)


@torch.no_grad()
def copy_bytes_a_second(device: torch.device | str) -> float:
    """Bytes a second that a copy moves inside the device's own memory, those read and those written added up.

    The two buffers of 256 MiB on a CPU, 1 GiB on a GPU, lie well beyond the caches.
    """
    device = torch.device(device)
    size = 2**28 if device.type == "cpu" else 2**30
    source = torch.ones(size // 4, dtype=torch.float32, device=device)
    target = torch.zeros_like(source)
    return 2 * size / _best_seconds(lambda: target.copy_(source), device)


def _best_seconds(call: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call, of the fastest try."""
    calls = 1 if device.type == "cpu" else _GPU_CALLS
    best = float("inf")
    with every_core():
        _seconds(call, 1, device)  # the first one pays for pages, workspaces and the choice of a kernel
        tries, end = 0, time.perf_counter() + _BUDGET_S
        while tries < _MIN_TRIES or time.perf_counter() < end:
            best = min(best, _seconds(call, calls, device) / calls)
            tries += 1
    return best


def _seconds(call: Callable[[], object], calls: int, device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    for _ in range(calls):
        call()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def every_core() -> Iterator[None]:
    """torch on all cores inside; afterwards on as many as before (Silero, for one, sets it to one)."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, int(cpu_limit())))
    try:
        yield
    finally:
        torch.set_num_threads(before)
