"""The seed's model utilities keep their signatures and do what the seed says."""

import pytest
import torch

from b200_kernels import model_manager, vllm_runtime
from b200_kernels.checkpoints import VOXTRAL, Checkpoint
from b200_kernels.engine import EngineError
from b200_kernels.model_manager import ModelManager, detect_optimal_dtype, get_transformers_generation_params
from b200_kernels.precision import detect_device, resolve_dtype


class Notes:
    """A Feedback that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def info(self, message: str) -> None:
        self.said.append(("info", message))

    def warning(self, message: str) -> None:
        self.said.append(("warning", message))

    def error(self, message: str) -> None:
        self.said.append(("error", message))

    def progress(self, **figures: float) -> None: ...


@pytest.fixture
def gpu(monkeypatch):
    """Pretend to be on a GPU of some compute capability."""

    def pretend(*capability: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)

    return pretend


@pytest.fixture(scope="module")
def loaded(blank):
    notes = Notes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vllm_runtime, "installed", lambda: False)
        pair = ModelManager(notes).load_voxtral_model(str(blank))
    assert pair is not None
    return *pair, notes


def test_processor_and_model_work_together(loaded):
    processor, model, notes = loaded
    text = processor.tokenizer("Merhaba", return_tensors="pt")
    generated = model.generate(input_ids=text["input_ids"], max_new_tokens=3, pad_token_id=11)
    assert isinstance(processor.tokenizer.decode(generated[0]), str)
    assert not model.training
    assert any(kind == "info" and "vLLM is not installed" in message for kind, message in notes.said)


def test_with_vllm_there_is_an_engine_and_no_processor(blank, monkeypatch):
    """The engine itself is tested in test_vllm_engine.py."""

    class FakeVllmEngine:
        def __init__(self, checkpoint: Checkpoint) -> None:
            self.checkpoint = checkpoint

    monkeypatch.setattr(vllm_runtime, "installed", lambda: True)
    monkeypatch.setattr(model_manager, "VllmEngine", FakeVllmEngine)
    notes = Notes()
    processor, model = ModelManager(notes).load_voxtral_model(str(blank))
    assert processor is None
    assert model.checkpoint.folder == blank
    assert any("in vLLM" in message for _, message in notes.said)


def test_a_vllm_that_does_not_start_is_told(blank, monkeypatch):
    def fail(*_: object) -> None:
        raise EngineError("vLLM did not start: no memory")

    monkeypatch.setattr(vllm_runtime, "installed", lambda: True)
    monkeypatch.setattr(model_manager, "VllmEngine", fail)
    notes = Notes()
    assert ModelManager(notes).load_voxtral_model(str(blank)) is None
    ((kind, message),) = notes.said
    assert kind == "error"
    assert "no memory" in message


def test_without_vllm_nothing_is_said_of_it(blank):
    notes = Notes()
    assert ModelManager(notes).load_voxtral_model(str(blank), use_vllm=False) is not None
    assert not any("vLLM" in message for _, message in notes.said)


def test_the_demo_model_is_announced():
    notes = Notes()
    assert ModelManager(notes).load_voxtral_model("embedded", use_vllm=False) is not None
    assert any(kind == "warning" and "demo" in message for kind, message in notes.said)


def test_a_model_that_is_not_there(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name in ("./no/such/folder", VOXTRAL):
        notes = Notes()
        assert ModelManager(notes).load_voxtral_model(name, use_vllm=False) is None
        ((kind, message),) = notes.said
        assert kind == "error"
        assert "--model" in message


@pytest.mark.parametrize("task", ["translation", "transcription"])
@pytest.mark.parametrize("quality", ["low", "medium", "high", "max"])
def test_generate_takes_the_parameters(loaded, task, quality):
    _, model, _ = loaded
    params = get_transformers_generation_params(task, quality) | {"max_new_tokens": 2}
    generated = model.generate(input_ids=torch.tensor([[1, 3, 100, 4]]), pad_token_id=11, **params)
    assert 5 <= generated.shape[1] <= 6


def test_quality_buys_beams_for_translations_only():
    def beams(task: str) -> list[int]:
        return [get_transformers_generation_params(task, q)["num_beams"] for q in ("low", "medium", "high", "max")]

    assert beams("translation") == [1, 1, 2, 4]
    assert beams("transcription") == [1, 1, 1, 1]
    assert get_transformers_generation_params() == get_transformers_generation_params("translation", "high")
    assert get_transformers_generation_params()["max_new_tokens"] > 500


@pytest.mark.parametrize(("task", "quality"), [("summary", "high"), ("translation", "best")])
def test_unknown_words(task, quality):
    with pytest.raises(ValueError, match="use"):
        get_transformers_generation_params(task, quality)


@pytest.mark.parametrize(
    ("capability", "dtype"),
    [((10, 0), torch.bfloat16), ((8, 0), torch.bfloat16), ((7, 5), torch.float16)],
)
def test_dtype_of_a_gpu(gpu, capability, dtype):
    gpu(*capability)
    assert detect_optimal_dtype() == detect_optimal_dtype("cuda") == dtype
    assert detect_optimal_dtype("cpu") == torch.float32


def test_dtype_of_a_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert detect_optimal_dtype() == torch.float32
    assert resolve_dtype("bfloat16", detect_device()) == torch.bfloat16
    with pytest.raises(ValueError, match="no GPU here"):
        detect_device("cuda")
    with pytest.raises(ValueError, match="unknown dtype"):
        resolve_dtype("int8", detect_device())
