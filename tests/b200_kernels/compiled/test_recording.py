"""Steps from recordings give what computing gives; that CUDA records truly is for a machine with a GPU."""

from dataclasses import dataclass

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from b200_kernels.compiled.batch import Batch
from b200_kernels.compiled.decoder import Listening
from b200_kernels.compiled.engine import CompiledEngine
from b200_kernels.compiled.pages import Pages
from b200_kernels.compiled.recording import CudaRecorder, Outputs, Recorded, rounded_up
from b200_kernels.compiled.weights import random
from b200_kernels.embedded.held_out import spoken_windows
from b200_kernels.engine import SpeechRequest
from b200_kernels.prompts import Transcribe, Translate
from tests.b200_kernels.benchmark.test_shapes import SMALL
from tests.b200_kernels.compiled.test_engine import ask


@dataclass
class FakeRecording:
    """Computes again at every replay, into the memory of the first time, as a CUDA graph does."""

    compute: object
    outputs: Outputs

    def replay(self) -> None:
        for output, new in zip(self.outputs, self.compute(), strict=True):
            output.copy_(new)


def fake_record(compute):
    return FakeRecording(compute, compute())


def test_a_recording_serves_all_rows_up_to_its_size_and_reads_the_inputs_anew():
    inputs, computed = torch.arange(20.0), []

    def compute(rows, listen):
        computed.append((rows, listen))
        return (inputs[:rows] * (2 if listen else 1),)

    recorded = Recorded(compute, 20, fake_record)
    assert recorded(3, False)[0].tolist() == [0, 1, 2]
    first = recorded(4, False)[0]
    inputs += 1
    assert recorded(4, False)[0].tolist() == [1, 2, 3, 4]
    assert first.tolist() == [0, 1, 2, 3]
    assert recorded(20, True)[0].tolist() == [2 * i for i in range(1, 21)]
    assert set(computed) == {(4, False), (20, True)}


def test_all_sizes_can_be_recorded_before_they_are_asked_for():
    computed = []
    recorded = Recorded(lambda *asked: computed.append(asked) or (torch.zeros(asked[0]),), 40, fake_record)
    recorded.record_all(listen=True)
    assert sorted(computed) == [(size, listen) for size in (1, 2, 4, 8, 16, 32, 40) for listen in (False, True)]


def test_few_sizes_are_recorded():
    assert {rounded_up(rows) for rows in range(1, 33)} == {1, 2, 4, 8, 16, 32}
    assert all(rounded_up(rows) >= rows for rows in range(1, 300))


def test_recorded_steps_write_the_same_texts_and_timings(embedded):
    engine = CompiledEngine(embedded, device="cpu", dtype="float32", threads=1, rows=6)
    tasks = (Transcribe("tr"), Translate("tr", "fr"))
    requests = [SpeechRequest(w.samples, tasks, len(w.samples) / 16_000) for w in spoken_windows(12)[:3]]
    sampled = SpeechRequest(requests[0].samples, tasks, 5.0, temperature=0.7, seed=3)
    try:
        expected = ask(engine, [*requests, sampled])
        (lane,) = engine._lanes
        lane.batch._recorded = Recorded(lane.batch._compute, 6, fake_record)
        found = ask(engine, [*requests, sampled])
    finally:
        engine.close()
    for one, other in zip(found, expected, strict=True):
        for mine, theirs in zip(one.results, other.results, strict=True):
            assert mine.tokens == theirs.tokens
            assert len(mine.timings) == len(theirs.timings)
            assert [t[1:] for t in mine.timings] == [pytest.approx(t[1:], abs=0.05) for t in theirs.timings]


class NoTransfers(TorchDispatchMode):
    """Fails where a CUDA graph could not be recorded: a number fetched from the device, or a list sent to it."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func.overloadpacket not in (torch.ops.aten._local_scalar_dense, torch.ops.aten.lift_fresh), func
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("form", [None, "fp8", "mxfp8", "nvfp4"])
@pytest.mark.parametrize("cache", [torch.float32, torch.float8_e4m3fn])
def test_a_step_neither_waits_for_the_device_nor_sends_it_lists(form, cache):
    cpu = torch.device("cpu")
    batch = Batch(
        random(SMALL, cpu, torch.float32, form),
        Pages(SMALL.decoder, 20, cpu, cache),
        rows=4,
        longest=64,
        listening=Listening.to([(0, 1)], 0, 4, cpu),
    )
    with torch.inference_mode(), NoTransfers():
        outputs = batch._compute(4, True)
    assert [output.shape[0] for output in outputs] == [4] * 4


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cuda_recording_reads_its_inputs_anew():
    inputs = torch.arange(8.0, device="cuda")
    recording = CudaRecorder()(lambda: (inputs * 2,))
    inputs += 1
    recording.replay()
    assert recording.outputs[0].tolist() == [2 * i for i in range(1, 9)]
