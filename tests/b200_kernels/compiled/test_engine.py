"""The compiled engine gives the reference engine's texts, whatever else is in flight, and fails in words."""

import asyncio
import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from b200_kernels import generation
from b200_kernels.benchmark.differences import agreement
from b200_kernels.checkpoints import Checkpoint
from b200_kernels.compiled.batch import Batch
from b200_kernels.compiled.engine import CompiledEngine
from b200_kernels.embedded.held_out import spoken_windows
from b200_kernels.engine import EngineError, SpeechRequest, SpeechResult
from b200_kernels.ops.split_linear import op as split_linear
from b200_kernels.prompts import Transcribe, Translate, TranslateText
from b200_kernels.reference_engine import ReferenceEngine

TRANSCRIBE, FRENCH, ENGLISH = Transcribe("tr"), Translate("tr", "fr"), Translate("tr", "en", "strict")
TEXT = TranslateText("tr", "fr", "Yarın akşam İzmir'e gidiyorum.")


@pytest.fixture(scope="module", params=["float32", "bf16x3"])
def compiled(embedded: Checkpoint, request: pytest.FixtureRequest) -> Iterator[CompiledEngine]:
    if request.param == "bf16x3" and not split_linear.available():
        pytest.skip("no AMX, or no C compiler: bf16x3 is not used here")
    engine = CompiledEngine(embedded, device="cpu", dtype=request.param, threads=2, rows=6)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def requests() -> list[SpeechRequest]:
    """Windows of one to several unseen sentences, and every mixture of tasks."""
    mixtures = ((TRANSCRIBE, FRENCH), (FRENCH,), (TRANSCRIBE, TEXT, ENGLISH, FRENCH), (TRANSCRIBE,))
    windows = spoken_windows(20)
    return [
        SpeechRequest(window.samples, mixtures[i % 4], len(window.samples) / 16_000)
        for i, window in enumerate(windows[:6])
    ] + [SpeechRequest(None, (TEXT,), 0.0)]


@pytest.fixture(scope="module")
def expected(engine: ReferenceEngine, requests: list[SpeechRequest]) -> list[SpeechResult]:
    return [asyncio.run(engine.generate(request)) for request in requests]


def ask(engine: CompiledEngine, requests: list[SpeechRequest]) -> list[SpeechResult]:
    """All at once, in this order."""

    async def all_at_once() -> list[SpeechResult]:
        return await asyncio.gather(*map(engine.generate, requests))

    return asyncio.run(all_at_once())


def same(found: SpeechResult, wanted: SpeechResult) -> bool:
    return all(
        (a.task, a.tokens, a.text, a.finish_reason) == (b.task, b.tokens, b.text, b.finish_reason)
        and abs(a.logprob - b.logprob) < 1e-3
        for a, b in zip(found.results, wanted.results, strict=True)
    )


def test_texts_are_the_references_one_by_one(compiled, requests, expected):
    found = [ask(compiled, [request])[0] for request in requests]
    assert [same(*pair) for pair in zip(found, expected, strict=True)] == [True] * len(requests)


@pytest.mark.parametrize("seed", [1, 2])
def test_texts_are_the_references_in_any_order_of_arrival(compiled, requests, expected, seed):
    order = random.Random(seed).sample(range(len(requests)), len(requests))
    found = ask(compiled, [requests[i] for i in order])
    assert [same(one, expected[i]) for one, i in zip(found, order, strict=True)] == [True] * len(requests)


def test_sampling_gives_the_references_texts_too(compiled, engine, requests):
    request = SpeechRequest(requests[0].samples, (FRENCH,), 5.0, temperature=0.7, seed=11)
    assert same(ask(compiled, [request, *requests])[0], asyncio.run(engine.generate(request)))


def test_a_window_is_encoded_once_for_all_its_tasks(compiled, requests, monkeypatch):
    encoded = []
    encoder = compiled._lanes[0].batch.voxtral.encoder
    encode = encoder.forward
    monkeypatch.setattr(encoder, "forward", lambda mel: encoded.append(len(mel)) or encode(mel))
    ask(compiled, [SpeechRequest(requests[0].samples, (TRANSCRIBE, FRENCH, ENGLISH), 5.0)])
    assert encoded == [1]


def test_deterministic_answers_do_not_depend_on_their_neighbours_to_the_last_bit(embedded, requests):
    engine = CompiledEngine(embedded, device="cpu", dtype="bfloat16", threads=2, rows=6, deterministic=True)
    try:
        together = ask(engine, requests[:4])
        alone = [ask(engine, [request])[0] for request in requests[:4]]
    finally:
        engine.close()
    assert together == alone


@pytest.mark.parametrize(
    ("dtype", "kv_cache"), [("bfloat16", "auto"), ("fp8", "fp8"), ("mxfp8", "auto"), ("nvfp4", "auto")]
)
def test_coarser_numbers_give_nearly_the_references_tokens(embedded, requests, expected, dtype, kv_cache):
    engine = CompiledEngine(embedded, device="cpu", dtype=dtype, kv_cache=kv_cache, threads=2, rows=6)
    try:
        found = ask(engine, requests[:4])
    finally:
        engine.close()
    answers = [[task for one in results for task in one.results] for results in (found, expected[:4])]
    ours, theirs = (tuple((answer.tokens,) for answer in those) for those in answers)
    assert agreement(ours, theirs) > 0.9
    assert [answer.logprob for answer in answers[0]] != [answer.logprob for answer in answers[1]]


def test_a_request_that_cannot_be_computed_fails_alone(compiled, requests, expected, monkeypatch):
    poison = requests[1].samples
    encode = Batch._encode

    def fake_fault(self, samples):
        if any(np.array_equal(s[: len(poison)], poison) for s in samples):
            raise RuntimeError("a fault that only this window causes")
        return encode(self, samples)

    monkeypatch.setattr(Batch, "_encode", fake_fault)

    async def all_at_once():
        return await asyncio.gather(*map(compiled.generate, requests), return_exceptions=True)

    found = asyncio.run(all_at_once())
    assert isinstance(found[1], EngineError)
    assert "only this window" in str(found[1])
    others = [i for i in range(len(requests)) if i != 1]
    assert all(same(found[i], expected[i]) for i in others)


def test_windows_that_do_not_fit_into_memory_together_are_encoded_in_halves(embedded, requests, expected, monkeypatch):
    engine = CompiledEngine(embedded, device="cpu", threads=1, rows=16)
    engine._lanes[0].batch.encode_at_once = 4
    encode = engine._lanes[0].batch._encode
    sizes = []

    def fake_small_memory(samples):
        sizes.append(len(samples))
        if len(samples) > 1:
            raise torch.OutOfMemoryError("fake: out of memory")
        return encode(samples)

    monkeypatch.setattr(engine._lanes[0].batch, "_encode", fake_small_memory)
    try:
        found = ask(engine, requests)
    finally:
        engine.close()
    assert max(sizes) > 1
    assert all(same(*pair) for pair in zip(found, expected, strict=True))


def test_where_memory_runs_out_in_a_step_half_of_the_answers_begin_again(embedded, requests, expected, monkeypatch):
    engine = CompiledEngine(embedded, device="cpu", dtype="float32", threads=1, rows=16)
    batch = engine._lanes[0].batch
    step, refused = batch.step, []

    def fake_small_memory():
        if len(batch.rows) > 4:  # the one window with four tasks fits alone
            refused.append(len(batch.rows))
            raise torch.OutOfMemoryError("fake: out of memory")
        step()

    monkeypatch.setattr(batch, "step", fake_small_memory)
    try:
        found = ask(engine, requests)
    finally:
        engine.close()
    assert refused
    assert [same(*pair) for pair in zip(found, expected, strict=True)] == [True] * len(requests)


@pytest.mark.parametrize("kind", [TypeError, KeyError, AssertionError])
def test_an_error_of_any_kind_is_an_answer(compiled, requests, expected, monkeypatch, kind):
    def fake_fault(self, samples):
        raise kind("of some library")

    with monkeypatch.context() as patch:
        patch.setattr(Batch, "_encode", fake_fault)
        with pytest.raises(EngineError, match="of some library"):
            ask(compiled, requests[:1])
    assert same(ask(compiled, requests[:1])[0], expected[0])


@pytest.mark.parametrize("where", ["step", "join"])
def test_a_device_that_is_lost_is_told_to_everybody(embedded, requests, monkeypatch, where):
    engine = CompiledEngine(embedded, device="cpu", threads=1, rows=16)
    engine._lanes[0].batch.encode_at_once = 4

    def fake_lost(*_):
        raise RuntimeError("CUDA error: the device is gone")

    monkeypatch.setattr(engine._lanes[0].batch, where, fake_lost)
    monkeypatch.setattr(engine._lanes[0].batch, "drop", fake_lost)

    async def all_at_once():
        return await asyncio.gather(*map(engine.generate, requests), return_exceptions=True)

    try:
        for _ in range(2):
            found = asyncio.run(asyncio.wait_for(all_at_once(), 60))
            assert all(isinstance(one, EngineError) for one in found)
            assert any("the device is gone" in str(one) for one in found)
    finally:
        engine.close()


def test_texts_that_never_fit_at_once_are_refused(embedded):
    engine = CompiledEngine(embedded, device="cpu", threads=1, rows=2)
    tasks = (TranslateText("tr", "fr", "Merhaba. " * 200),) * 2
    try:
        with pytest.raises(ValueError, match="more than fit at once"):
            ask(engine, [SpeechRequest(None, tasks, 0.0)])
    finally:
        engine.close()


def test_an_answer_that_nobody_waits_for_leaves_room_for_the_next(compiled, requests, expected):
    async def cancelled() -> SpeechResult:
        doomed = [asyncio.ensure_future(compiled.generate(request)) for request in requests]
        await asyncio.wait(doomed, return_when=asyncio.FIRST_COMPLETED)
        for task in doomed:
            task.cancel()
        return await compiled.generate(requests[2])

    assert same(asyncio.run(cancelled()), expected[2])


def test_a_loop_is_cut_off_early(compiled, requests, monkeypatch):
    monkeypatch.setattr(generation, "ends_in_loop", lambda tokens: len(tokens) == 3)
    found = ask(compiled, [requests[0]])[0].results[0]
    assert (found.finish_reason, len(found.tokens)) == ("loop", 3)


@pytest.mark.parametrize(
    ("samples", "tasks", "words"),
    [
        (np.array([0.0, np.nan], np.float32), (TRANSCRIBE,), "NaN"),
        (np.zeros(31 * 16_000, np.float32), (TRANSCRIBE,), "longer than the model's chunk"),
        (np.zeros((2, 100), np.float32), (TRANSCRIBE,), "mono"),
        (None, (TRANSCRIBE,), "needs samples"),
        (np.zeros(100, np.float32), (), "at least one task"),
        (np.zeros(100, np.float32), (TRANSCRIBE,) * 7, "7 tasks of this length are more"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(compiled, samples, tasks, words):
    with pytest.raises(ValueError, match=words):
        ask(compiled, [SpeechRequest(samples, tasks, 1.0)])


def test_stats_count_what_was_done(embedded, requests):
    engine = CompiledEngine(embedded, device="cpu", threads=2)
    found = ask(engine, requests)
    stats = engine.stats()
    engine.close()
    assert (stats.requests, stats.windows) == (7, 6)
    assert stats.audio_s == pytest.approx(sum(len(r.samples) for r in requests if r.samples is not None) / 16_000)
    assert stats.tokens == sum(len(result.tokens) for one in found for result in one.results)
    assert stats.busy_s > 0


def test_a_closed_engine_says_so(embedded, requests):
    engine = CompiledEngine(embedded, device="cpu", threads=2)
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        ask(engine, [requests[0]])
