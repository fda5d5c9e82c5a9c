"""A model that somebody else loaded answers like the reference engine, in batches that form by themselves."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
import torch

from b200_kernels.checkpoints import CheckpointError
from b200_kernels.engine import EngineError, SpeechRequest
from b200_kernels.loading import load_model
from b200_kernels.prompts import Transcribe, Translate, TranslateText
from b200_kernels.transformers_engine import TransformersEngine
from pipelines.media.decode import decode
from pipelines.settings import MediaLimits

TASKS = (Transcribe("tr"), Translate("tr", "fr"))
SENTENCES = ((0.39, 3.1), (3.94, 7.03), (7.72, 11.0))


@pytest.fixture(scope="module")
def model(embedded):
    return load_model(embedded, torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def requests(sample_archive) -> list[SpeechRequest]:
    path = str(sample_archive / "clips" / "haberler.mp3")
    heard = [decode(path, 0, start, end, MediaLimits()) for start, end in SENTENCES]
    text = SpeechRequest(None, (TranslateText("tr", "fr", "Yarın akşam İzmir'e gidiyorum."),), 0.0)
    return [*(SpeechRequest(samples, TASKS, len(samples) / 16_000) for samples in heard), text]


@pytest.fixture
def rows(model, monkeypatch) -> list[int]:
    """How many rows each call of the model's ``generate`` had."""
    seen: list[int] = []
    real = model.generate

    def generate(**given):
        seen.append(len(given["inputs_embeds"]))
        return real(**given)

    monkeypatch.setattr(model, "generate", generate)
    return seen


def texts(engine, requests) -> list[list[str]]:
    async def ask_all():
        return await asyncio.gather(*(engine.generate(request) for request in requests))

    return [[answer.text for answer in result.results] for result in asyncio.run(ask_all())]


def held_up(engine) -> None:
    """Let the first four requests wait until all of them are there."""
    held, submit = [], engine._worker.submit

    def later(work):
        held.append(work)
        if len(held) >= len(SENTENCES) + 1:
            while held:
                submit(held.pop())
            engine._worker.submit = submit

    engine._worker.submit = later


def test_the_reference_engines_texts_in_one_batch(model, engine, requests, rows):
    expected = texts(engine, requests)
    assert all(text for result in expected for text in result)
    ours = TransformersEngine(model, at_once=8)
    held_up(ours)
    assert texts(ours, requests) == expected
    assert rows == [7]
    stats = ours.stats()
    assert (stats.requests, stats.windows) == (4, 3)
    assert stats.audio_s == pytest.approx(sum(end - start for start, end in SENTENCES), abs=0.01)
    ours.close()


def test_no_more_than_so_many_at_once(model, requests, rows):
    ours = TransformersEngine(model, at_once=2)
    held_up(ours)
    texts(ours, requests)
    assert rows == [4, 3]
    ours.close()


def test_what_samples_is_alone_and_repeats_with_its_seed(model, requests, rows):
    ours = TransformersEngine(model, at_once=8)
    sampled = replace(requests[0], temperature=1.0, seed=3)
    held_up(ours)
    first = texts(ours, [requests[1], sampled, requests[2], requests[3]])
    assert rows == [2, 2, 3]
    assert texts(ours, [sampled]) == [first[1]]
    ours.close()


def test_a_batch_that_does_not_fit_goes_in_pieces(model, requests, monkeypatch):
    real, seen = model.generate, []

    def cramped(**given):
        seen.append(len(given["inputs_embeds"]))
        if seen[-1] > 4:
            raise torch.OutOfMemoryError("fake")
        return real(**given)

    ours = TransformersEngine(model, at_once=8)
    expected = texts(ours, requests)
    seen.clear()
    monkeypatch.setattr(model, "generate", cramped)
    held_up(ours)
    assert texts(ours, requests) == expected
    assert seen == [7, 4, 3]
    ours.close()


def test_failures_in_words(model, requests, monkeypatch):
    ours = TransformersEngine(model, at_once=1)
    with pytest.raises(ValueError, match="longer than the model's chunk"):
        texts(ours, [replace(requests[0], samples=np.zeros(31 * 16_000, np.int16))])

    def broken(**_):
        raise RuntimeError("CUDA error: an illegal memory access")

    monkeypatch.setattr(model, "generate", broken)
    with pytest.raises(EngineError, match="illegal memory access"):
        texts(ours, requests[:1])
    ours.close()
    with pytest.raises(EngineError, match="closed"):
        texts(ours, requests[:1])


def test_only_a_voxtral_that_says_where_it_came_from(model, monkeypatch):
    with pytest.raises(TypeError, match="Linear is no Voxtral"):
        TransformersEngine(torch.nn.Linear(1, 1), 1)
    monkeypatch.setattr(model, "name_or_path", "")
    with pytest.raises(CheckpointError, match="where it came from"):
        TransformersEngine(model, 1)
