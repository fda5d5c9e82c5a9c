"""What this process takes of its machine: memory, and how busy its GPU is, by NVML.

A GPU's figures are told only where this process was given one and NVML tells them; nothing is guessed elsewhere
(a MIG slice, for one, has no utilisation).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

GIB = 2**30


def process_figures(gpus: Sequence[str]) -> dict[str, float]:
    """``memory_gb`` (GiB in memory), and of the process's GPUs ``gpu_busy`` (0 to 1) and ``gpu_memory_gb`` (GiB, of all
    their users), where they are known.

    ``gpus``: indices or UUIDs as Ray and ``CUDA_VISIBLE_DEVICES`` name them; of several, busy is the mean.
    """
    figures = {} if (memory := _resident()) is None else {"memory_gb": memory / GIB}
    looks = [look for gpu in gpus if (look := _gpu(gpu))]
    busy = [look["busy"] for look in looks if "busy" in look]
    if busy:
        figures["gpu_busy"] = sum(busy) / len(busy)
    used = [look["memory"] for look in looks if "memory" in look]
    if used:
        figures["gpu_memory_gb"] = sum(used)
    return figures


def _resident() -> int | None:
    """Bytes of this process in memory; None where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _gpu(name: str) -> dict[str, float]:
    """``busy`` and ``memory`` (GiB) of one GPU, as far as they are known."""
    nvml = _nvml()
    if nvml is None:
        return {}
    try:
        by_index, by_uuid = nvml.nvmlDeviceGetHandleByIndex, nvml.nvmlDeviceGetHandleByUUID
        handle = by_index(int(name)) if name.isdigit() else by_uuid(name)
    except nvml.NVMLError:
        return {}
    return dict(_looked_at(nvml, handle))


def _looked_at(nvml: Any, handle: Any) -> Iterator[tuple[str, float]]:
    with suppress(nvml.NVMLError):  # a MIG slice has none
        yield "busy", nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    with suppress(nvml.NVMLError):  # nor have chips whose memory is the host's
        yield "memory", nvml.nvmlDeviceGetMemoryInfo(handle).used / GIB


_opened: list[Any] = []
"""The library once it is open; None where there is none."""


def _nvml() -> Any | None:
    if not _opened:
        _opened.append(_open_nvml())
    return _opened[0]


def _open_nvml() -> Any | None:
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml
