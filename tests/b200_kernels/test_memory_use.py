"""Memory is counted while it lives, once, and never more is free than the process may have."""

import torch

from b200_kernels.memory_use import free_bytes, live_bytes, peak_bytes
from cluster.limits import memory_limit

CPU = torch.device("cpu")
KB = 1024
GIVEN = torch.ones(256)  # one KB


def test_what_is_freed_counts_no_more():
    def chain() -> torch.Tensor:
        x = GIVEN * 2
        for _ in range(5):
            x = x + 1  # the one before and this one
        return x

    assert live_bytes(chain) == 2 * KB


def test_what_is_kept_counts_all_along():
    assert live_bytes(lambda: [GIVEN * i for i in range(5)]) == 5 * KB


def test_views_given_tensors_and_work_in_place_take_nothing():
    def call() -> torch.Tensor:
        x = GIVEN.clone()
        return x.view(16, 16).t()[:4].add_(1)

    assert live_bytes(call) == KB
    assert live_bytes(lambda: GIVEN[:10].view(2, 5)) == 0


def test_a_model_needs_memory_by_the_item():
    model = torch.nn.Sequential(torch.nn.Linear(256, 512), torch.nn.ReLU(), torch.nn.Linear(512, 8))
    with torch.inference_mode():
        one, four = (live_bytes(lambda n=n: model(torch.ones(n, 256))) for n in (1, 4))
    assert (one, four) == ((256 + 2 * 512) * 4, 4 * (256 + 2 * 512) * 4)  # given, hidden, activated


def test_free_memory():
    assert 0 < free_bytes(CPU) <= memory_limit()


def test_a_cpu_keeps_no_account_of_a_peak():
    called = []
    assert peak_bytes(lambda: called.append(1), CPU) is None
    assert called == [1]
