from __future__ import annotations

from types import SimpleNamespace

import pytest

from cluster.profile import process_figures as module
from cluster.profile.process_figures import process_figures

BUSY = {0: 100, 1: 50}


class FakeNvml:
    """Three GPUs: two whole ones, and a MIG slice that has no utilisation."""

    class NVMLError(Exception):
        pass

    def nvmlDeviceGetHandleByIndex(self, index):
        if index not in BUSY:
            raise self.NVMLError
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid):
        if uuid != "MIG-1":
            raise self.NVMLError
        return uuid

    def nvmlDeviceGetUtilizationRates(self, handle):
        if handle == "MIG-1":
            raise self.NVMLError
        return SimpleNamespace(gpu=BUSY[handle])

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(used=2 * 2**30)


@pytest.fixture
def nvml(monkeypatch):
    monkeypatch.setattr(module, "_opened", [FakeNvml()])


def test_memory_is_told_and_a_gpu_only_where_one_was_given(nvml):
    figures = process_figures(())
    assert set(figures) == {"memory_gb"}
    assert 0.001 < figures["memory_gb"] < 100


def test_figures_of_the_gpus_that_were_given(nvml):
    assert process_figures(("1",)).items() >= {"gpu_busy": 0.5, "gpu_memory_gb": 2.0}.items()
    assert process_figures(("0", "1")).items() >= {"gpu_busy": 0.75, "gpu_memory_gb": 4.0}.items()


def test_what_is_not_known_is_left_out(nvml):
    assert set(process_figures(("MIG-1",))) == {"memory_gb", "gpu_memory_gb"}
    assert set(process_figures(("9", "GPU-unknown"))) == {"memory_gb"}


def test_without_the_library_there_are_no_gpu_figures(monkeypatch):
    monkeypatch.setattr(module, "_opened", [None])
    assert set(process_figures(("0",))) == {"memory_gb"}
