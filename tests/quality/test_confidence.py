"""What the model says of itself."""

from __future__ import annotations

import math

import pytest

from quality.confidence import confidence, signs_of_the_model


@pytest.mark.parametrize(
    ("logprob", "reason", "signs"),
    [
        (-0.1, "stop", []),
        (-0.1, "length", ["truncated"]),
        (-0.1, "loop", ["loop"]),
        (-1.1, "stop", ["unsure"]),
        (math.nan, "stop", ["unsure"]),
    ],
)
def test_signs(logprob: float, reason: str, signs: list[str]) -> None:
    assert list(signs_of_the_model(logprob, reason, -1.0)) == signs


def test_confidence_is_a_probability() -> None:
    assert confidence(0.0) == 1.0
    assert confidence(1.0) == 1.0
    assert confidence(-1.0) == pytest.approx(math.exp(-1))
    assert confidence(math.nan) == confidence(-math.inf) == 0.0
