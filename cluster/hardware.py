"""What this machine has, and settings derived from it (the seed's ``config.py``).

Honest values: a container's limits count, not the host's size, a slice of a GPU counts as a slice, and a GPU counts
only where torch can use it. Torch is imported when asked, and a torch that is missing or broken means no GPU. One
machine only; a cluster's totals are Ray's to tell.
"""

from __future__ import annotations

from typing import Any

from cluster.derived import Machine, derive
from cluster.limits import cpu_limit, memory_limit

GIB = 2**30


def detect_hardware() -> dict[str, Any]:
    """What this process may use, with the seed's keys.

    ``device``: ``cuda:0`` or ``cpu``. ``has_gpu``. ``gpu_name``: None without a GPU; a MIG slice's says so.
    ``gpu_memory_gb``: of that one GPU or slice, GiB, 0.0 without. ``cpu_count``: whole cores, at least 1, by affinity
    and the container's quota. ``total_ram_gb``: GiB, within the container's limit. ``is_b200``: a B200 or a GB200, or
    a slice of one.
    """
    return as_hardware(detect_machine())


def as_hardware(machine: Machine) -> dict[str, Any]:
    """A machine in the seed's words, see :func:`detect_hardware`."""
    return {
        "device": "cuda:0" if machine.gpus else "cpu",
        "has_gpu": machine.gpus > 0,
        "gpu_name": machine.gpu,
        "gpu_memory_gb": round(machine.gpu_bytes / GIB, 1),
        "cpu_count": max(1, int(machine.cores)),
        "total_ram_gb": round(machine.memory_bytes / GIB, 1),
        "is_b200": machine.chip is not None and machine.chip.name in ("B200", "GB200"),
    }


def get_optimal_config() -> dict[str, Any]:
    """Settings for this machine alone, for Voxtral Mini; ``voxtral doctor`` tells the reason of each.

    ``device``: as in :func:`detect_hardware`. ``dtype``: ``bfloat16`` on a GPU from Ampere on, ``float16`` on
    an older one, ``float32`` on a CPU. ``batch_size``: windows that one model takes at once, 128 on a B200; 1 on a CPU.
    ``rows``: texts in flight on a GPU, two a window; ``kv_pages``: pages of keys and values for them; both 0 on a CPU,
    where the engine's lanes go by cores. ``actors``, ``actor_cpus``, ``actor_gpus``, ``actor_shards``,
    ``listen_tasks``, ``listen_cpus``, ``torch_threads``: see :class:`cluster.resources.ResourcePlan`.
    ``cores_to_feed_gpu``: CPU cores that must listen for each GPU, whether they are there or not; 0 without a GPU. The
    arithmetic is in :mod:`cluster.derived`.
    """
    return {name: setting.value for name, setting in derive(detect_machine()).settings.items()}


def detect_machine() -> Machine:
    """This machine, as this process may use it."""
    cores, memory = cpu_limit(), memory_limit()
    torch = _torch()
    if torch is None or not torch.cuda.is_available():
        return Machine(cores, memory)
    first = torch.cuda.get_device_properties(0)
    return Machine(
        cores,
        memory,
        gpu=str(first.name),
        gpus=int(torch.cuda.device_count()),
        gpu_bytes=int(first.total_memory),
        gpu_processors=int(first.multi_processor_count),
        capability=torch.cuda.get_device_capability(0),
    )


def _torch() -> Any | None:
    """Torch, or None where it is missing or does not load (libraries of another CUDA, for one)."""
    try:
        import torch
    except (ImportError, OSError):
        return None
    return torch
