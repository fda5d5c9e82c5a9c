from __future__ import annotations

import os

import pytest

from cluster import limits
from cluster.limits import cpu_limit, memory_limit

GIB = 2**30


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A host with eight cores and 64 GiB."""
    monkeypatch.setattr(limits, "_cores", lambda: 8)
    monkeypatch.setattr(limits, "_total_memory", lambda: 64 * GIB)


def write(root, files):
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_without_control_groups_the_machine_counts(tmp_path):
    assert cpu_limit(tmp_path) == 8.0
    assert memory_limit(tmp_path) == 64 * GIB


def test_version_2_quota_may_be_a_fraction(tmp_path):
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/memory.max": f"{3 * GIB}\n",
        },
    )
    assert cpu_limit(tmp_path) == 1.5
    assert memory_limit(tmp_path) == 3 * GIB


def test_version_2_takes_the_tightest_on_the_way_up(tmp_path):
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/kubepods/pod1\n",
            "sys/fs/cgroup/kubepods/pod1/cpu.max": "max 100000\n",
            "sys/fs/cgroup/kubepods/cpu.max": "400000 100000\n",
            "sys/fs/cgroup/kubepods/pod1/memory.max": f"{8 * GIB}\n",
            "sys/fs/cgroup/kubepods/memory.max": "max\n",
        },
    )
    assert cpu_limit(tmp_path) == 4.0
    assert memory_limit(tmp_path) == 8 * GIB


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
def test_version_1(tmp_path, mount):
    write(
        tmp_path,
        {
            "proc/self/cgroup": "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n",
            f"sys/fs/cgroup/{mount}/cpu.cfs_quota_us": "250000\n",
            f"sys/fs/cgroup/{mount}/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": f"{2 * GIB}\n",
        },
    )
    assert cpu_limit(tmp_path) == 2.5
    assert memory_limit(tmp_path) == 2 * GIB


def test_version_1_without_limits(tmp_path):
    write(
        tmp_path,
        {
            "proc/self/cgroup": "5:memory:/\n4:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
    )
    assert cpu_limit(tmp_path) == 8.0
    assert memory_limit(tmp_path) == 64 * GIB


@pytest.mark.parametrize("nonsense", ["", "max", "abc def", "0 0", "1 2 3"])
def test_files_that_say_nothing_limit_nothing(tmp_path, nonsense):
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/../x\nrubbish\n",
            "sys/fs/cgroup/cpu.max": nonsense,
            "sys/fs/cgroup/memory.max": nonsense,
        },
    )
    assert cpu_limit(tmp_path) == 8.0
    assert memory_limit(tmp_path) == 64 * GIB


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is Linux's")
def test_affinity_counts(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3})
    assert cpu_limit(tmp_path) == 1.0
