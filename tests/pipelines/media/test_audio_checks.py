"""What makes a tensor unusable as audio, and tensors no batch."""

from __future__ import annotations

import pytest
import torch

from pipelines.media.audio_checks import validate_audio_tensor, validate_batch_consistency


def test_speech_in_float_is_valid() -> None:
    assert validate_audio_tensor(torch.randn(16000) * 0.1)
    assert validate_audio_tensor(torch.zeros(2, 480000, dtype=torch.bfloat16))


@pytest.mark.parametrize(
    ("tensor", "why"),
    [
        (torch.zeros(0), "shape"),
        (torch.zeros(1, 1, 16000), "shape"),
        (torch.zeros(480001), "30.0 s allowed"),
        (torch.zeros(16000, dtype=torch.int16), "not floating point"),
        (torch.tensor([0.0, float("nan")]), "nan"),
        (torch.tensor([0.0, float("inf")]), "inf"),
        (torch.tensor([0.0, 32767.0]), "loudest"),
        ([0.0, 0.1], "not a tensor"),
    ],
)
def test_what_is_wrong_is_said(tensor: torch.Tensor, why: str, caplog: pytest.LogCaptureFixture) -> None:
    assert not validate_audio_tensor(tensor, name="clip 7")
    assert "clip 7" in caplog.text
    assert why in caplog.text


def test_limits_are_the_callers() -> None:
    assert not validate_audio_tensor(torch.zeros(16000), max_duration_sec=0.5)
    assert validate_audio_tensor(torch.zeros(16000), sample_rate=48000, max_duration_sec=0.5)
    assert not validate_audio_tensor(torch.zeros(16000), sample_rate=0)


def test_batches() -> None:
    a = torch.zeros(16000)
    assert validate_batch_consistency([a, a.clone()])
    assert not validate_batch_consistency([])
    assert not validate_batch_consistency([a, torch.zeros(8000)])
    assert not validate_batch_consistency([a, a.half()])
    assert not validate_batch_consistency([a, None])
