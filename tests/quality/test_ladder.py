"""The order of retries, and which attempt ships."""

from __future__ import annotations

from itertools import pairwise

import pytest

from quality.gate import NO_SPEECH, Judgement
from quality.ladder import best, doubted, ladder


def test_the_ladder_grows_with_quality() -> None:
    ladders = [ladder(quality) for quality in ("low", "medium", "high", "max")]
    for lower, higher in pairwise(ladders):
        assert higher[: len(lower)] == lower
        assert len(higher) > len(lower)
    assert ladders[0] == ("glossary",)
    assert set(ladders[-1]) == {"glossary", "strict", "pieces", "cascade", "sample"}


def test_the_best_attempt_is_an_accepted_one_then_the_highest_then_the_first() -> None:
    bad = Judgement(accepted=False, score=0.3, reasons=("too_short",))
    worse = Judgement(accepted=False, score=0.0, reasons=("empty",))
    good = Judgement(accepted=True, score=0.9)
    assert best([worse, bad]) == 1
    assert best([bad, worse, good]) == 2
    assert best([good, good]) == 0
    with pytest.raises(ValueError, match="attempt"):
        best([])


def test_a_doubt_rejects_and_never_ships_before_what_passed() -> None:
    good = Judgement(accepted=True, score=0.5)
    doubted_once = doubted(Judgement(accepted=True, score=1.0), "contradicted")
    assert (doubted_once.accepted, doubted_once.reasons) == (False, ("contradicted",))
    assert doubted_once.score < good.score
    twice = doubted(doubted_once, "unheard")
    assert twice.reasons == ("contradicted", "unheard")
    assert twice.score < doubted_once.score
    assert doubted(twice, "unheard") == twice


def test_a_text_that_only_misses_a_term_ships_before_one_that_is_wrong() -> None:
    wrong = doubted(Judgement(accepted=True, score=0.9), "contradicted")
    unlike = doubted(Judgement(accepted=True, score=0.6), "glossary", harmless=True)
    assert best([wrong, unlike]) == 1


def test_silence_is_beyond_doubt() -> None:
    assert doubted(NO_SPEECH, "unheard") == NO_SPEECH
