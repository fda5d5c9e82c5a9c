"""The order of retries, and which attempt ships."""

from __future__ import annotations

import pytest

from quality.gate import Judgement
from quality.ladder import best, ladder


def test_the_ladder_grows_with_quality() -> None:
    assert ladder("low") == ()
    assert ladder("medium") == ("strict",)
    assert ladder("high") == ("strict", "cascade")
    assert ladder("max") == ("strict", "cascade", "sample", "sample")


def test_the_best_attempt_is_an_accepted_one_then_the_highest_then_the_first() -> None:
    bad = Judgement(accepted=False, score=0.3, reasons=("too_short",))
    worse = Judgement(accepted=False, score=0.0, reasons=("empty",))
    good = Judgement(accepted=True, score=0.9)
    assert best([worse, bad]) == 1
    assert best([bad, worse, good]) == 2
    assert best([good, good]) == 0
    with pytest.raises(ValueError, match="attempt"):
        best([])
