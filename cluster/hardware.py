"""What this machine has, and settings derived from it (the seed's ``config.py``).

Honest values: a container's limits count, not the host's size, and a GPU counts only where torch can use it.
Torch is imported when asked, and a torch that is missing or broken means no GPU. One machine only; a
cluster's totals are Ray's to tell.
"""

from __future__ import annotations

from typing import Any

from cluster.limits import cpu_limit, memory_limit
from cluster.resources import plan

GIB = 2**30


def detect_hardware() -> dict[str, Any]:
    """What this process may use, with the seed's keys.

    ``device``: ``cuda:0`` or ``cpu``. ``has_gpu``. ``gpu_name``: None without a GPU. ``gpu_memory_gb``: of
    that one GPU, GiB, 0.0 without. ``cpu_count``: whole cores, at least 1, by affinity and the container's
    quota. ``total_ram_gb``: GiB, within the container's limit. ``is_b200``: a B200 or a GB200.
    """
    name, memory = _gpu()
    return {
        "device": "cpu" if name is None else "cuda:0",
        "has_gpu": name is not None,
        "gpu_name": name,
        "gpu_memory_gb": round(memory / GIB, 1),
        "cpu_count": max(1, int(cpu_limit())),
        "total_ram_gb": round(memory_limit() / GIB, 1),
        "is_b200": name is not None and "B200" in name.upper(),
    }


def gpu_count() -> int:
    """GPUs that torch can use here."""
    torch = _torch()
    return int(torch.cuda.device_count()) if torch is not None and torch.cuda.is_available() else 0


def get_optimal_config() -> dict[str, Any]:
    """Settings for this machine alone.

    ``device``: as in :func:`detect_hardware`. ``dtype``: ``bfloat16`` on a GPU from Ampere on, ``float16`` on
    an older one, ``float32`` on a CPU. ``batch_size``: windows that one model takes at once, the seed's
    figures: 128 on a B200, 32 on another GPU; 1 on a CPU. ``actors``, ``actor_cpus``, ``actor_gpus``,
    ``listen_tasks``, ``listen_cpus``, ``torch_threads``: see :class:`cluster.resources.ResourcePlan`.
    """
    hardware = detect_hardware()
    shares = plan(hardware["cpu_count"], gpu_count(), hardware["total_ram_gb"])
    return {
        "device": hardware["device"],
        "dtype": _dtype(),
        "batch_size": 128 if hardware["is_b200"] else 32 if hardware["has_gpu"] else 1,
        "actors": shares.max_actors,
        "actor_cpus": shares.actor_cpus,
        "actor_gpus": shares.actor_gpus,
        "listen_tasks": shares.listen_tasks,
        "listen_cpus": shares.listen_cpus,
        "torch_threads": shares.torch_threads,
    }


def _torch() -> Any | None:
    """Torch, or None where it is missing or does not load (libraries of another CUDA, for one)."""
    try:
        import torch
    except (ImportError, OSError):
        return None
    return torch


def _gpu() -> tuple[str | None, int]:
    """Name and bytes of the first GPU."""
    torch = _torch()
    if torch is None or not torch.cuda.is_available():
        return None, 0
    properties = torch.cuda.get_device_properties(0)
    return str(properties.name), int(properties.total_memory)


def _dtype() -> str:
    torch = _torch()
    if torch is None or not torch.cuda.is_available():
        return "float32"
    return "bfloat16" if torch.cuda.get_device_capability(0) >= (8, 0) else "float16"
