"""The batched VAD is Silero's, whatever else goes through it at the same time."""

import numpy as np
import pytest
import torch

from b200_kernels.ops.vad import SileroVad, reference, weights
from b200_kernels.ops.vad.op import lstm
from pipelines.speech.vad import FRAME, SileroDetector, frame_probabilities
from tests.b200_kernels.ops.cases import noise
from tests.pipelines.media_samples import turkish_speech

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad()


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return turkish_speech(40.0)


def test_equals_the_shipped_sequence_model(vad, speech):
    found = vad.probabilities(speech)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, SileroDetector().probabilities(speech), atol=TOLERANCE)
    assert found.max() > 0.9  # or the comparison says little


def test_equals_the_frame_loop_in_double_precision(vad, speech):
    samples = torch.from_numpy(speech[: 60 * FRAME]).double() / 32768
    double = {name: tensor.double() for name, tensor in weights.shipped_weights().items()}
    expected = reference.speech_probabilities(samples, double).numpy()
    np.testing.assert_allclose(vad.probabilities(speech[: 60 * FRAME]), expected, atol=TOLERANCE)


def test_streams_of_any_length_do_not_disturb_one_another(vad, speech):
    streams = [speech, speech[5_000:45_321], np.zeros(0, np.int16), speech[:1], speech[:FRAME]]
    together = vad.batch(streams)
    assert [len(row) for row in together] == [-(-len(stream) // FRAME) for stream in streams]
    for row, stream in zip(together, streams, strict=True):
        np.testing.assert_allclose(row, vad.probabilities(stream), atol=TOLERANCE)


def test_nothing_at_all(vad):
    assert vad.batch([]) == []
    assert vad.probabilities(np.zeros(0, np.int16)).shape == (0,)


def test_serves_as_the_pipelines_detector(vad, speech):
    found = frame_probabilities(vad, speech, 0, 0)
    np.testing.assert_allclose(found, frame_probabilities(SileroDetector(), speech, 0, 0), atol=TOLERANCE)


def test_float_samples_mean_the_same(vad, speech):
    scaled = speech.astype(np.float32) / 32768
    np.testing.assert_array_equal(vad.probabilities(scaled), vad.probabilities(speech))


def test_a_wheel_without_the_model_is_an_error_that_says_what_to_do(monkeypatch):
    monkeypatch.setattr(weights, "find_spec", lambda _: None)
    with pytest.raises(RuntimeError, match="pip install silero-vad"):
        weights.shipped_weights()


def test_the_recurrence_equals_its_reference_and_can_be_traced():
    inputs = [
        noise(9, 3, 128),
        *(noise(*shape, seed=len(shape)) * 0.1 for shape in ((512, 128), (512, 128), (512,), (512,))),
    ]
    torch.testing.assert_close(lstm(*inputs), reference.lstm(*inputs), atol=1e-6, rtol=1e-5)
    torch.library.opcheck(torch.ops.b200.vad_lstm.default, tuple(inputs))
