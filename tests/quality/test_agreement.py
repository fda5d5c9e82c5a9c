"""How much two texts share."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.agreement import agreement


def test_the_same_words_agree_and_others_do_not() -> None:
    said = "Nous allons à Ankara demain matin."
    assert agreement(said, "nous allons  à Ankara demain matin.") == 1
    assert agreement(said, "Demain matin, nous partons pour Ankara.") > 0.45
    assert agreement(said, "Ma grand-mère préparait des gâteaux.") < 0.25


def test_nothing_agrees_with_nothing_only() -> None:
    assert agreement("", " ") == 1
    assert agreement("", "mot") == 0


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_it_is_symmetric_and_bounded(one: str, other: str) -> None:
    assert agreement(one, other) == pytest.approx(agreement(other, one))
    assert 0 <= agreement(one, other) <= 1
