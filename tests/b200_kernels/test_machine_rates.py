"""The machine's rates: the fastest try counts, on every core, and leaves torch as it was."""

import pytest
import torch

from b200_kernels import machine_rates
from b200_kernels.machine_rates import copy_bytes_a_second, every_core, matmul_flops_a_second
from cluster.limits import cpu_limit

CPU = torch.device("cpu")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(machine_rates, "_BUDGET_S", 0.01)


def test_the_fastest_try_counts_and_the_first_call_never(monkeypatch):
    now, durations = [0.0], iter([0.1, 9.0, 2.0, 5.0])

    def call() -> None:
        now[0] += next(durations)

    monkeypatch.setattr(machine_rates.time, "perf_counter", lambda: now[0])
    assert machine_rates._best_seconds(call, CPU) == pytest.approx(2.0)


def test_a_multiply_add_is_two_operations_and_a_copied_byte_two_bytes(quick, monkeypatch):
    monkeypatch.setattr(machine_rates, "_seconds", lambda call, calls, device: 0.01)
    assert matmul_flops_a_second("cpu", torch.float32) == 2 * 2048**3 / 0.01
    assert copy_bytes_a_second("cpu") == 2 * 2**28 / 0.01


def test_a_slow_format_multiplies_smaller_matrices(quick, monkeypatch):
    monkeypatch.setattr(machine_rates, "_seconds", lambda call, calls, device: 2.0)
    assert matmul_flops_a_second("cpu", torch.float32) == 2 * 256**3 / 2.0


def test_every_core_works_and_the_threads_are_as_before(quick, monkeypatch):
    seen, before = [], torch.get_num_threads()
    real = torch.mm
    monkeypatch.setattr(torch, "mm", lambda *a, **k: seen.append(torch.get_num_threads()) or real(*a, **k))
    torch.set_num_threads(1)
    try:
        assert matmul_flops_a_second("cpu", torch.float32) > 1e8
        assert set(seen) == {max(1, int(cpu_limit()))}
        assert torch.get_num_threads() == 1
        with pytest.raises(KeyError), every_core():
            raise KeyError
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_memory_moves(quick):
    assert copy_bytes_a_second("cpu") > 1e7


def test_a_format_that_torch_cannot_multiply(quick):
    with pytest.raises(RuntimeError):
        matmul_flops_a_second("cpu", torch.bool)
