"""The best batch follows from throughput and memory, and a batch that does not fit goes in pieces."""

import pytest
import torch

from b200_kernels import batch_processor as module
from b200_kernels.batch_processor import B200BatchProcessor
from b200_kernels.optimizer import B200Config, B200Optimizer
from cluster.profiler import get_profiler

MIB = 2**20


class Fake(torch.nn.Module):
    """Takes ``seconds(batch)`` of a fake clock; fails above ``room`` items; an item needs ``item_bytes``."""

    def __init__(self, clock, seconds, room: int = 10**9, item_bytes: int = 4) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.clock, self.seconds, self.room, self.item_bytes = clock, seconds, room, item_bytes
        self.sizes: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(x))
        if len(x) > self.room:
            raise torch.OutOfMemoryError("fake")
        self.clock[0] += self.seconds(len(x))
        torch.empty(len(x), self.item_bytes // 4)
        return x * 2


@pytest.fixture
def processor():
    return B200BatchProcessor(B200Optimizer(B200Config(device="cpu", compile=False)))


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    return now


def test_it_stops_where_throughput_no_longer_grows(processor, clock):
    """Up to 16 items go through in the time of one."""
    model = Fake(clock, lambda n: max(0.06, 0.06 * n / 16))
    assert processor.find_optimal_batch_size(model, (3,)) == 16
    assert max(model.sizes) == 64


def test_a_long_batch_is_long_enough(processor, clock):
    model = Fake(clock, lambda n: 0.1 * n**0.5)
    assert processor.find_optimal_batch_size(model, (3,)) == 32
    assert max(model.sizes) == 32


def test_one_slow_doubling_does_not_stop_it(processor, clock):
    model = Fake(clock, lambda n: 0.4 if n == 8 else max(0.06, 0.06 * n / 32))
    assert processor.find_optimal_batch_size(model, (3,)) == 32


def test_the_budget_is_kept_weights_included(processor, clock):
    model = Fake(clock, lambda n: 0.1, item_bytes=MIB)
    assert processor.find_optimal_batch_size(model, (3,), 10 / 1024) == 8
    assert max(model.sizes) == 8
    model.heavy = torch.nn.Parameter(torch.ones(7 * MIB // 4))
    assert processor.find_optimal_batch_size(model, (3,), 10 / 1024) == 2


def test_what_is_free_is_never_exceeded(processor, clock, monkeypatch):
    monkeypatch.setattr(module, "free_bytes", lambda device: 5 * MIB)
    model = Fake(clock, lambda n: 0.1, item_bytes=MIB)
    assert processor.find_optimal_batch_size(model, (3,), 180.0) == 4
    assert max(model.sizes) == 4


def test_the_true_peak_of_a_gpu_corrects_the_memory_model(processor, clock, monkeypatch):
    def peak(call, device):
        call()
        return 4 * MIB * model.sizes[-1]

    monkeypatch.setattr(module, "peak_bytes", peak)
    model = Fake(clock, lambda n: 0.1, item_bytes=MIB)
    assert processor.find_optimal_batch_size(model, (3,), 17 / 1024) == 4


def test_memory_that_runs_out_all_the_same_ends_the_search(processor, clock):
    assert processor.find_optimal_batch_size(Fake(clock, lambda n: 0.1, room=8), (3,)) == 8


def test_on_the_real_clock(processor):
    model = torch.nn.Linear(64, 64)
    found = processor.find_optimal_batch_size(model, (64,))
    assert found & (found - 1) == 0


def test_what_cannot_be_measured(processor, clock):
    with pytest.raises(TypeError, match="sizes its own batches"):
        processor.find_optimal_batch_size(object(), (3,))
    with pytest.raises(ValueError, match="max_memory_gb"):
        processor.find_optimal_batch_size(torch.nn.Linear(1, 1), (1,), 0)
    with pytest.raises(MemoryError, match="raise max_memory_gb"):
        processor.find_optimal_batch_size(Fake(clock, lambda n: 0.1, item_bytes=MIB), (3,), 0.5 / 1024)


def test_a_batch_that_does_not_fit_goes_in_pieces_and_in_order(processor, clock):
    model, batch = Fake(clock, lambda n: 0.0, room=3), torch.arange(10.0)
    assert processor.process_batch(model, batch).tolist() == (batch * 2).tolist()
    assert model.sizes == [10, 5, 2, 2, 2, 2, 2]


def test_a_batch_of_which_nothing_fits(processor, clock):
    with pytest.raises(MemoryError, match="does not fit"):
        processor.process_batch(Fake(clock, lambda n: 0.0, room=0), torch.ones(4))


@pytest.mark.parametrize("batch", [torch.ones(0, 3), torch.tensor(1.0)])
def test_a_batch_without_items(processor, batch):
    with pytest.raises(ValueError, match="at least one item"):
        processor.process_batch(torch.nn.Identity(), batch)


def test_a_batch_comes_in_the_models_own_format(processor):
    model = torch.nn.Linear(4, 2).to(torch.bfloat16)
    assert processor.process_batch(model, torch.ones(3, 4)).dtype == torch.bfloat16


def test_ids_stay_whole_numbers(processor):
    assert processor.process_batch(torch.nn.Embedding(5, 2), torch.tensor([[1, 4]])).shape == (1, 2, 2)


def test_batches_are_monitored(processor):
    get_profiler().clear()
    processor.process_batch(torch.nn.Identity(), torch.ones(2))
    (name,) = get_profiler().summary()
    assert name.endswith("B200BatchProcessor.process_batch")
