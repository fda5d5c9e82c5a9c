"""The segments of a file become windows, the windows texts in time order; what cannot be is said before any work."""

import asyncio
import itertools
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from b200_kernels.checkpoints import UnsupportedPair
from b200_kernels.prompts import Transcribe
from pipelines.media import decode as media
from ray_apps import segment_processor as module
from ray_apps.segment_processor import B200OptimizedProcessor
from tests.ray_apps.fake_engine import FakeEngine

RATE = 16_000
TURKISH = "Yarın sabah saat dokuzda Ankara'ya gidiyoruz. Hava çok güzel."
FRENCH = "Nous allons à Ankara demain matin à neuf heures. Il fait très beau."


class Notes:
    """A Feedback that remembers its warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def info(self, message: str) -> None: ...
    def error(self, message: str) -> None: ...
    def progress(self, **figures: float) -> None: ...
    def warning(self, message: str) -> None:
        self.warnings.append(message)


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    """A minute whose sample at t seconds is 100 t, and which is silent from 19 s to 19.2 s."""
    samples = (np.arange(60 * RATE) * 100 // RATE).astype(np.int16)
    samples[19 * RATE : 19 * RATE + RATE // 5] = 0
    path = tmp_path_factory.mktemp("media") / "minute.wav"
    soundfile.write(path, samples, RATE)
    return path


def engine(**given) -> FakeEngine:
    fake = FakeEngine(lambda task, request: TURKISH if isinstance(task, Transcribe) else FRENCH, **given)
    fake.capabilities = replace(fake.capabilities, pairs=frozenset({("tr", "fr")}))
    return fake


def translated(audio, spans, model, target="French", notes=None):
    segments = [{"start": a, "end": b, "confidence": 0.9} for a, b in spans]
    processor = B200OptimizedProcessor(notes or Notes())
    return asyncio.run(processor.process_audio_segments_parallel(audio, segments, model, processor, target))


def test_neighbours_share_a_window_and_time_orders_the_result(audio):
    fake = engine()
    found = translated(audio, [(40.0, 44.0), (2.0, 6.0), (7.0, 12.0)], fake)
    assert [(row["start"], row["end"]) for row in found] == [(2.0, 12.0), (40.0, 44.0)]
    assert {row["text"] for row in found} == {FRENCH}
    assert {row["source"] for row in found} == {TURKISH}
    assert {(row["source_language"], row["verdict"], row["demo_model"]) for row in found} == {("tr", "accepted", True)}
    assert all(0.0 <= row["score"] <= 1.0 for row in found)
    assert [len(request.samples) for request in fake.requests] == [10 * RATE, 4 * RATE]
    assert [int(request.samples[0]) for request in fake.requests] == [200, 4000]


def test_the_file_is_decoded_once(audio, monkeypatch):
    calls = []
    real = media.decode
    monkeypatch.setattr(module, "decode", lambda *given: calls.append(given) or real(*given))
    translated(audio, [(2.0, 6.0), (40.0, 44.0)], engine())
    assert len(calls) == 1


def test_the_windows_are_asked_at_the_same_time(audio):
    fake, met = engine(), []
    answer = fake.generate

    async def together(request):
        met.append(request)
        while len(met) < 2:
            await asyncio.sleep(0)
        return await answer(request)

    fake.generate = together
    assert len(translated(audio, [(2.0, 6.0), (40.0, 44.0)], fake)) == 2


def test_a_long_segment_is_cut_where_it_is_quietest(audio):
    """From 5 s to 33 s, and the model hears 15 s at once."""
    found = translated(audio, [(5.0, 33.0)], engine())
    assert found[0]["start"] == 5.0
    assert found[-1]["end"] == 33.0
    assert all(row["end"] - row["start"] <= 15.0 for row in found)
    assert all(before["end"] == after["start"] for before, after in itertools.pairwise(found))
    assert any(19.0 <= row["start"] <= 19.2 for row in found)


def test_nothing_said_asks_nothing(audio):
    assert translated(audio, [], engine()) == []


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        ([(3.0, 3.0)], "must begin, then end"),
        ([(-1.0, 3.0)], "must begin, then end"),
        ([(1.0, 3.0), (2.9, 4.0)], "overlap at 2.9 s"),
        ([(1.0, 3.0), (59.0, 61.0)], "minute.wav ends at 60.00 s"),
    ],
)
def test_segments_that_cannot_be(audio, spans, words):
    with pytest.raises(ValueError, match=words):
        translated(audio, spans, engine())


def test_a_language_that_is_none(audio):
    with pytest.raises(ValueError, match="Klingonese"):
        translated(audio, [(1.0, 3.0)], engine(), "Klingonese")


def test_a_pair_that_the_embedded_model_never_learned(audio):
    fake = engine()
    with pytest.raises(UnsupportedPair, match="--model"):
        translated(audio, [(1.0, 3.0)], fake, "German")
    assert fake.requests == []


def test_a_language_that_the_checkpoint_does_not_declare_is_told(audio):
    notes = Notes()
    translated(audio, [(1.0, 3.0)], engine(demo_model=False), "French", notes)
    assert "fr is not among the languages" in notes.warnings[0]


def test_a_spoken_language_that_the_checkpoint_does_not_declare_is_told_once_it_is_known(audio):
    notes = Notes()
    fake = engine(demo_model=False, languages=frozenset({"en", "fr"}))
    (row,) = translated(audio, [(1.0, 8.0)], fake, "French", notes)
    assert row["source_language"] == "tr"
    (warning,) = notes.warnings
    assert "tr is not among the languages" in warning


@pytest.mark.parametrize(("model", "words"), [(None, "NoneType is no engine"), (torch.nn.Linear(1, 1), "no Voxtral")])
def test_what_is_no_model(audio, model, words):
    with pytest.raises(TypeError, match=words):
        translated(audio, [(1.0, 3.0)], model)
