"""The reference engine answers like plain transformers, from the request alone, and fails in words."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
import torch
from mistral_common.tokens.tokenizers.tekken import Tekkenizer
from transformers import VoxtralForConditionalGeneration

from b200_kernels import reference_engine
from b200_kernels.checkpoints import Checkpoint, CheckpointError, open_checkpoint
from b200_kernels.engine import EngineError, SpeechRequest, SpeechResult
from b200_kernels.mel import log_mel
from b200_kernels.prompts import EOS, Task, Transcribe, Translate, TranslateText, prompt_ids
from b200_kernels.reference_engine import ReferenceEngine

TRANSCRIBE, FRENCH, ENGLISH = Transcribe("tr"), Translate("tr", "fr"), Translate("tr", "en", "strict")
TEXT = TranslateText("tr", "fr", "Yarın akşam İzmir'e gidiyorum.")

Ask = Callable[..., SpeechResult]


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    """Two seconds that sound a little like speech: a hum with syllables."""
    t = np.arange(32_000) / 16_000
    return (0.3 * np.sin(2 * np.pi * 140 * t) * (1 + np.sin(2 * np.pi * 4 * t)) / 2).astype(np.float32)


@pytest.fixture(scope="module")
def checkpoint(blank) -> Checkpoint:
    return open_checkpoint(str(blank))


@pytest.fixture(scope="module")
def tiny(checkpoint):
    engine = ReferenceEngine(checkpoint, device="cpu", threads=1)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def ask(tiny, samples) -> Ask:
    """Ask the tiny engine; by default about the samples, which last two seconds."""

    def ask(*tasks: Task, heard: np.ndarray | None = samples, **kwargs: object) -> SpeechResult:
        return asyncio.run(tiny.generate(SpeechRequest(heard, tasks, **({"speech_s": 2.0} | kwargs))))

    return ask


@torch.inference_mode()
def plainly(checkpoint: Checkpoint, samples: np.ndarray, task: Task, most: int) -> tuple[list[int], float]:
    """Tokens and mean log-probability by transformers' own forward, the whole sequence anew at every step."""
    model = VoxtralForConditionalGeneration.from_pretrained(checkpoint.folder, dtype=torch.float32).eval()
    mel = log_mel(torch.from_numpy(np.pad(samples, (0, 480_000 - len(samples))))[None])
    ids = prompt_ids(task, Tekkenizer.from_file(checkpoint.folder / "tekken.json"), 375)
    tokens: list[int] = []
    total = 0.0
    while len(tokens) < most and (not tokens or tokens[-1] != EOS):
        logits = model(input_ids=torch.tensor([ids + tokens]), input_features=mel).logits[0, -1]
        tokens.append(int(logits.argmax()))
        total += float(logits.log_softmax(dim=-1)[tokens[-1]])
    return tokens, total / len(tokens)


@pytest.mark.parametrize("task", [TRANSCRIBE, FRENCH])
def test_equals_a_plain_forward_pass(checkpoint, samples, ask, task):
    tokens, logprob = plainly(checkpoint, samples, task, 12)
    result = ask(task).results[0]
    assert list(result.tokens[: len(tokens)]) == tokens
    tokens, logprob = plainly(checkpoint, samples, task, len(result.tokens))
    assert list(result.tokens) == tokens
    assert result.logprob == pytest.approx(logprob, abs=1e-3)


def test_tasks_asked_together_answer_as_if_asked_alone(ask):
    tasks = (TRANSCRIBE, FRENCH, TEXT, ENGLISH)
    together = ask(*tasks).results
    alone = [ask(task).results[0] for task in tasks]
    assert [r.task for r in together] == list(tasks)
    assert [r.tokens for r in together] == [r.tokens for r in alone]
    assert [r.logprob for r in together] == pytest.approx([r.logprob for r in alone], abs=1e-3)


def test_many_requests_at_once_answer_exactly_as_one_by_one(tiny, samples):
    requests = [SpeechRequest(samples[: 8000 * i], (TRANSCRIBE, FRENCH), 2.0) for i in (1, 2, 3, 4)]

    async def all_at_once() -> list[SpeechResult]:
        return await asyncio.gather(*map(tiny.generate, requests))

    assert asyncio.run(all_at_once()) == [asyncio.run(tiny.generate(r)) for r in reversed(requests)][::-1]


def test_the_audio_is_encoded_once(tiny, ask, monkeypatch):
    calls = []
    encode = tiny._model.get_audio_features
    monkeypatch.setattr(tiny._model, "get_audio_features", lambda *a, **k: calls.append(1) or encode(*a, **k))
    ask(TRANSCRIBE, FRENCH, ENGLISH)
    assert len(calls) == 1


def test_what_is_heard_matters(tiny, ask, samples):
    assert ask(TRANSCRIBE).results[0].logprob != ask(TRANSCRIBE, heard=samples[::-1].copy()).results[0].logprob


def test_integers_sound_like_floats(ask, samples):
    pcm = (samples * 32768).astype(np.int16)
    assert ask(TRANSCRIBE, heard=pcm).results[0].tokens == ask(TRANSCRIBE).results[0].tokens


def test_text_needs_no_audio(tiny, ask):
    windows = tiny.stats().windows
    assert ask(TEXT, heard=None).results == ask(TEXT).results
    assert tiny.stats().windows == windows


def test_the_budget_follows_the_speech_and_the_models_positions(ask):
    """A model that knows nothing never says that it is done."""
    short, long = (ask(TRANSCRIBE, speech_s=s).results[0] for s in (0.0, 4.0))
    assert {short.finish_reason, long.finish_reason} <= {"length", "loop"}
    assert len(short.tokens) <= 48
    assert len(long.tokens) <= 120
    text = TranslateText("tr", "fr", "ev " * 900)
    with pytest.raises(ValueError, match="give less text"):
        ask(TranslateText("tr", "fr", "ev " * 2000), heard=None)
    assert len(ask(text, heard=None).results[0].tokens) < 2048


def test_sampling_repeats_with_its_seed(ask):
    drawn = [ask(TRANSCRIBE, temperature=1.0, seed=seed).results[0].tokens for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert ask(TRANSCRIBE, temperature=1.0, seed=2**64 + 1).results[0].tokens == drawn[0]
    assert ask(FRENCH, TRANSCRIBE, temperature=1.0, seed=1).results[1].tokens == drawn[0]


def test_too_long_a_window_says_what_to_do(ask):
    with pytest.raises(ValueError, match=r"30\.1 s is longer.*cut it at a pause"):
        ask(TRANSCRIBE, heard=np.zeros(int(30.1 * 16_000), np.int16))
    assert ask(TRANSCRIBE, heard=np.zeros(30 * 16_000, np.int16)).results


@pytest.mark.parametrize(
    ("heard", "tasks", "message"),
    [
        (np.zeros(16_000, np.float32), (), "at least one task"),
        (None, (TRANSCRIBE,), "needs samples"),
        (np.zeros((2, 16_000), np.float32), (TRANSCRIBE,), "mono"),
        (np.zeros(0, np.float32), (TRANSCRIBE,), "n > 0"),
        (np.zeros(16_000, np.float64), (TRANSCRIBE,), "float64"),
        (np.full(16_000, np.nan, np.float32), (TRANSCRIBE,), "NaN"),
        (np.zeros(16_000, np.float32), (Translate("tr", "xx"),), "ISO 639-1"),
    ],
)
def test_requests_that_cannot_be_answered(ask, heard, tasks, message):
    with pytest.raises(ValueError, match=message):
        ask(*tasks, heard=heard)


def test_a_negative_temperature(ask):
    with pytest.raises(ValueError, match="negative"):
        ask(TRANSCRIBE, temperature=-0.1)


def test_a_broken_model_is_an_engine_error(tiny, ask, monkeypatch):
    def lose_device(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(tiny._model, "generate", lose_device)
    with pytest.raises(EngineError, match="out of memory"):
        ask(TRANSCRIBE)


def test_stats_add_up(tiny, ask, samples):
    before = tiny.stats()
    result = ask(TRANSCRIBE, FRENCH)
    ask(TEXT, heard=None)
    after = tiny.stats()
    assert after.requests - before.requests == 2
    assert after.windows - before.windows == 1
    assert after.audio_s - before.audio_s == pytest.approx(2.0)
    assert after.tokens - before.tokens >= sum(len(r.tokens) for r in result.results)
    assert after.busy_s > before.busy_s


def test_closed_is_closed(checkpoint, samples):
    engine = ReferenceEngine(checkpoint, device="cpu", threads=1)
    engine.close()
    engine.close()
    with pytest.raises(EngineError):
        asyncio.run(engine.generate(SpeechRequest(samples, (TRANSCRIBE,), 1.0)))


def test_threads_hold_whatever_else_sets_them(tiny, ask, monkeypatch):
    """silero-vad, for one, sets torch to one thread for the whole process when it is imported."""
    asked = []
    monkeypatch.setattr(reference_engine.torch, "set_num_threads", asked.append)
    ask(TRANSCRIBE)
    assert asked == [1]


def test_weights_that_do_not_load(blank, tmp_path):
    for file in blank.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        ReferenceEngine(open_checkpoint(str(tmp_path)), device="cpu")
