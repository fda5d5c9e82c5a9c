"""An optimized model is the same model in the right place, and goes on working where it cannot be compiled."""

import pytest
import torch

from b200_kernels import optimizer as module
from b200_kernels.optimizer import B200Config, B200Optimizer, get_b200_optimizer


class Net(torch.nn.Module):
    """A small model with a buffer in a format of its own."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.GELU(), torch.nn.Linear(16, 4)).to(dtype)
        self.register_buffer("exact", torch.ones(1, dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.exact.to(x.dtype)


class Writer(Net):
    def generate(self, x: torch.Tensor) -> torch.Tensor:
        return self(x)


@pytest.fixture
def cpu():
    return B200Optimizer(B200Config(device="cpu"))


@pytest.fixture
def compiler(monkeypatch):
    """A fake compiler: notes the modes that it was asked for, and hands graphs back as they are."""
    modes = []

    def take(graph, inputs, mode):
        modes.append(mode)
        return graph.forward

    monkeypatch.setattr(module, "_inductor", take)
    torch.compiler.reset()
    yield modes
    torch.compiler.reset()


def test_the_real_compiler_gives_the_same_numbers(cpu, monkeypatch):
    compiled = []
    real = module._inductor
    monkeypatch.setattr(module, "_inductor", lambda *given: compiled.append(given[2]) or real(*given))
    model, x = Net(), torch.randn(3, 8)
    expected = model(x).detach()
    optimized = cpu.optimize_model(model, "default")
    assert optimized is model
    torch.testing.assert_close(optimized(x), expected)
    assert compiled == ["default"]


def test_a_model_is_made_ready_for_inference(cpu, compiler):
    model = cpu.optimize_model(Net(torch.bfloat16).train())
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert not model(torch.ones(2, 8)).requires_grad
    assert compiler == ["max-autotune"]


def test_buffers_keep_their_format_where_the_weights_have_theirs(cpu, compiler):
    assert cpu.optimize_model(Net()).exact.dtype == torch.float64


def test_convolutions_keep_their_channels_last(compiler):
    for wanted in (True, False):
        config = B200Config(device="cpu", channels_last=wanted)
        model = B200Optimizer(config).optimize_model(torch.nn.Conv2d(4, 8, 3))
        assert model.weight.is_contiguous(memory_format=torch.channels_last) is wanted


def test_a_model_that_calls_itself_takes_the_compiled_way_without_cuda_graphs(cpu, compiler):
    model = cpu.optimize_model(Writer(), "max-autotune")
    model.generate(torch.ones(2, 8))
    assert compiler == ["max-autotune-no-cudagraphs"]


def test_modules_of_torchs_own_are_compiled_too(cpu, compiler):
    cpu.optimize_model(torch.nn.Sequential(torch.nn.Linear(8, 8)))(torch.ones(2, 8))
    assert compiler == ["max-autotune"]


def test_optimizing_again_compiles_anew(cpu, compiler):
    model = cpu.optimize_model(cpu.optimize_model(Net(), "default"), "reduce-overhead")
    model(torch.ones(2, 8))
    assert compiler == ["reduce-overhead"]


def test_it_can_be_told_not_to_compile(compiler):
    model = B200Optimizer(B200Config(device="cpu", compile=False)).optimize_model(Net())
    model(torch.ones(2, 8))
    assert compiler == []


def test_a_compiler_that_fails_is_told_and_the_model_works(cpu, compiler, monkeypatch):
    def fail(*_: object) -> None:
        raise KeyError("no such instruction")

    monkeypatch.setattr(module, "_inductor", fail)
    model, x = Net(), torch.randn(3, 8)
    expected = model(x).detach()
    cpu.optimize_model(model)
    with pytest.warns(RuntimeWarning, match=r"part of Net runs uncompiled: KeyError: 'no such instruction'"):
        torch.testing.assert_close(model(x), expected)


def test_a_missing_compiler_is_told_at_once_and_the_model_works(cpu, compiler, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    model, x = Net(), torch.randn(3, 8)
    expected = model(x).detach()
    with pytest.warns(RuntimeWarning, match="Net runs uncompiled: there is no C.. compiler .no-such-compiler."):
        cpu.optimize_model(model)
    torch.testing.assert_close(model(x), expected)
    assert compiler == []


def test_what_is_no_module_comes_back_untouched(cpu):
    handle = object()
    with pytest.warns(RuntimeWarning, match="object is no torch module"):
        assert cpu.optimize_model(handle) is handle


def test_bad_arguments(cpu):
    with pytest.raises(ValueError, match="unknown compile_mode 'fast': use one of default"):
        cpu.optimize_model(Net(), "fast")
    with pytest.raises(ValueError):
        B200Config(devise="cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_gpu_that_is_not_there():
    with pytest.raises(ValueError, match="no GPU"):
        B200Optimizer(B200Config(device="cuda"))


def test_tensors_take_the_optimizers_format():
    half = B200Optimizer(B200Config(device="cpu", dtype="bfloat16"))
    assert half.optimize_tensor(torch.randn(16_000)).dtype == torch.bfloat16
    assert half.optimize_tensor(torch.randn(4), torch.float64).dtype == torch.float64
    ids = torch.tensor([1, 2, 300])
    assert half.optimize_tensor(ids).tolist() == [1, 2, 300]
    assert half.optimize_tensor(ids).dtype == torch.int64


def test_tensors_are_laid_out_for_the_device(cpu):
    images = torch.randn(2, 3, 5, 7)
    laid = cpu.optimize_tensor(images)
    assert laid.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(laid, images)
    rows = torch.randn(4, 6).t()
    assert cpu.optimize_tensor(rows).is_contiguous()
    assert torch.equal(cpu.optimize_tensor(rows), rows)
    plain = B200Optimizer(B200Config(device="cpu", channels_last=False))
    assert plain.optimize_tensor(images).is_contiguous()


def test_one_optimizer_a_process():
    assert get_b200_optimizer() is get_b200_optimizer()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu():
    optimizer = get_b200_optimizer()
    tensor = optimizer.optimize_tensor(torch.randn(16_000))
    assert tensor.device.type == "cuda"
    model, x = Net(), torch.randn(3, 8)
    expected = model(x).detach()
    found = optimizer.optimize_model(model)(optimizer.optimize_tensor(x))
    torch.testing.assert_close(found.float().cpu(), expected, atol=0.05, rtol=0.05)
