"""Batches shrink when memory runs out, and for no other reason."""

import pytest
import torch

from b200_kernels.oom import handle_oom_with_recovery


class Worker:
    """Fits ``room`` items; notes every size that it was asked for."""

    def __init__(self, room: int, error: BaseException) -> None:
        self.room, self.error, self.sizes = room, error, []

    def __call__(self, batch_size: int, data: torch.Tensor) -> torch.Tensor:
        self.sizes.append(batch_size)
        if batch_size > self.room:
            raise self.error
        return data[:batch_size] * 2


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
    MemoryError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_the_seeds_example(error):
    my_processing = Worker(4, error)
    result = handle_oom_with_recovery(my_processing, initial_batch_size=32, data=torch.arange(100))
    assert my_processing.sizes == [32, 16, 8, 4]
    assert result.tolist() == [0, 2, 4, 6]


def test_nothing_fits():
    worker = Worker(0, ERRORS[0])
    assert handle_oom_with_recovery(worker, 8, data=torch.arange(9)) is None
    assert worker.sizes == [8, 4, 2, 1]


def test_the_smallest_size_is_tried_before_giving_up():
    worker = Worker(3, ERRORS[0])
    assert len(handle_oom_with_recovery(worker, 10, 3, data=torch.arange(9))) == 3
    assert worker.sizes == [10, 5, 3]


def test_other_errors_pass():
    worker = Worker(0, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        handle_oom_with_recovery(worker, data=torch.arange(9))
    assert worker.sizes == [16]


@pytest.mark.parametrize(("first", "least"), [(0, 0), (4, 8), (4, 0)])
def test_impossible_sizes(first, least):
    with pytest.raises(ValueError, match="must hold"):
        handle_oom_with_recovery(Worker(9, MemoryError()), first, least, data=None)
