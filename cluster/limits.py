"""What this process may use of the machine: cores and memory, with the limits that a container sets.

Reads affinity, and the files of Linux's control groups, version 1 and 2, from the process's own group up to
the root: the tightest limit on that way holds. Where there are none (other systems, no container) the
machine's own figures are the answer. Knows nothing of GPUs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_UNLIMITED_BYTES = 2**60
"""Version 1 writes "no limit" as a number near 2**63."""


def cpu_limit(root: Path = Path("/")) -> float:
    """Cores that this process may use, possibly a fraction. ``root`` is where ``proc`` and ``sys`` are."""
    quotas = [*_v2_quotas(root), *_v1_quotas(root)]
    return min([float(_cores()), *quotas])


def memory_limit(root: Path = Path("/")) -> int:
    """Bytes of memory that this process may use."""
    limits = [_number(folder / "memory.max") for folder in _v2_groups(root)]
    limits += [_number(folder / "memory.limit_in_bytes") for folder in _v1_groups(root, "memory")]
    return min([_total_memory(), *(int(x) for x in limits if x is not None and 0 < x < _UNLIMITED_BYTES)])


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _total_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _v2_quotas(root: Path) -> Iterator[float]:
    """``cpu.max`` is "<quota> <period>" in µs, or "max <period>"."""
    for folder in _v2_groups(root):
        match _words(folder / "cpu.max"):
            case [quota, period] if quota.isdigit() and period.isdigit() and int(quota) and int(period):
                yield int(quota) / int(period)


def _v1_quotas(root: Path) -> Iterator[float]:
    """A quota of -1 is none."""
    for folder in _v1_groups(root, "cpu"):
        quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if quota and period and quota > 0 and period > 0:
            yield quota / period


def _v2_groups(root: Path) -> Iterator[Path]:
    for hierarchy, controllers, path in _memberships(root):
        if hierarchy == "0" and controllers == "":
            yield from _upwards(root / "sys/fs/cgroup", path)


def _v1_groups(root: Path, controller: str) -> Iterator[Path]:
    for _, controllers, path in _memberships(root):
        if controller in controllers.split(","):
            for mount in dict.fromkeys((controller, controllers)):
                yield from _upwards(root / "sys/fs/cgroup" / mount, path)


def _memberships(root: Path) -> Iterator[tuple[str, str, str]]:
    """(hierarchy, controllers, path) of each line of ``/proc/self/cgroup``."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        yield hierarchy, controllers, path


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    """The group's folder and all above it. A path that is the host's, not visible here, leaves the mount."""
    parts = [part for part in path.split("/") if part and part != ".."]
    for depth in range(len(parts), -1, -1):
        yield mount.joinpath(*parts[:depth])


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _number(file: Path) -> float | None:
    match _words(file):
        case [word] if word.lstrip("-").isdigit():
            return float(word)
    return None
