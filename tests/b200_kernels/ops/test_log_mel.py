"""Log-mel in all its forms is WhisperFeatureExtractor's; on what it does with odd input."""

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor
from transformers.audio_utils import mel_filter_bank

from b200_kernels.ops import native
from b200_kernels.ops.log_mel import log_mel, portable, reference
from b200_kernels.ops.log_mel.native import SOURCE
from tests.b200_kernels.ops.cases import sounds

CHUNK = 480_000
TOLERANCE = 1e-4


def padded(samples: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.pad(samples, (0, CHUNK - samples.shape[-1]))


def theirs(samples: torch.Tensor, mel_bins: int = 128) -> torch.Tensor:
    extractor = WhisperFeatureExtractor(feature_size=mel_bins)
    found = extractor(list(samples.numpy()), sampling_rate=16_000, return_tensors="pt")
    return found["input_features"]


def assert_near(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("mel_bins", [128, 80])
@pytest.mark.parametrize("seconds", [7.3, 30.0])
def test_every_form_equals_whispers_extractor(seconds, mel_bins):
    samples = padded(sounds(seconds))
    expected = theirs(samples, mel_bins)
    assert expected.shape == (2, mel_bins, 3000)
    assert_near(log_mel(samples, mel_bins), expected)
    assert_near(portable.log_mel(samples, mel_bins), expected)
    assert_near(reference.log_mel(samples.double(), mel_bins).float(), expected)


def test_filters_are_slaneys():
    bank = mel_filter_bank(201, 128, 0.0, 8000.0, 16_000, norm="slaney", mel_scale="slaney")
    np.testing.assert_allclose(reference.mel_filters(128), bank, atol=1e-12)


@pytest.mark.parametrize("length", [201, 399, 5_120, 5_121, 48_000 - 1])
def test_any_length_beyond_half_a_window(length):
    samples = sounds(3.0)[:, :length].contiguous()
    expected = reference.log_mel(samples.double()).float()
    assert expected.shape == (2, 128, length // 160)
    assert_near(log_mel(samples), expected)
    assert_near(portable.log_mel(samples, 128), expected)


def test_a_window_is_normalised_by_itself():
    both = log_mel(sounds(2.0))
    for row, alone in zip(both, sounds(2.0), strict=True):
        assert torch.equal(row, log_mel(alone[None])[0])


def test_silence_is_even():
    assert torch.unique(log_mel(torch.zeros(1, CHUNK))).tolist() == [-1.5]


def test_samples_that_are_not_finite_spoil_their_own_window_only():
    samples = sounds(2.0)
    samples[0, 700] = torch.nan
    for found in (log_mel(samples), portable.log_mel(samples, 128), reference.log_mel(samples)):
        assert found[0].isnan().all()
        assert found[1].isfinite().all()


def test_other_shapes_and_types_are_refused():
    with pytest.raises(ValueError, match="batch"):
        log_mel(torch.zeros(16_000))
    with pytest.raises(ValueError, match="float32"):
        log_mel(torch.zeros(1, 16_000, dtype=torch.int16))
    with pytest.raises(ValueError, match="longer than 200"):
        log_mel(torch.zeros(1, 200))


def test_without_a_compiler_plain_torch_serves(monkeypatch):
    samples = sounds(1.0)
    compiled = log_mel(samples)
    monkeypatch.setattr(native.shutil, "which", lambda _: None)
    native.library.cache_clear()
    try:
        assert native.library(SOURCE) is None
        assert_near(log_mel(samples), compiled)
    finally:
        monkeypatch.undo()
        native.library.cache_clear()


def test_a_compiler_that_fails_is_said_and_survived(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(native.shutil, "which", lambda _: "/bin/false")
    native.library.cache_clear()
    try:
        assert native.library(SOURCE) is None
        assert "plain torch" in caplog.text
    finally:
        monkeypatch.undo()
        native.library.cache_clear()


def test_the_op_can_be_traced():
    torch.library.opcheck(torch.ops.b200.log_mel.default, (sounds(0.5), 128))
