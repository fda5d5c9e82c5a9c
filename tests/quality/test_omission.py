"""The odds that something was left out."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from quality.omission import omission
from quality.settings import GateSettings

TR = "Yarın sabah saat dokuzda annemle birlikte Ankara'ya gidiyoruz, sonra İzmir'e geçeceğiz."
FR = "Demain matin à neuf heures, nous allons à Ankara avec ma mère, puis nous passerons à Izmir."
PAIR = {"source_lang": "tr", "target_lang": "fr"}
LIMIT = GateSettings().omission


def test_a_whole_translation_is_far_below_the_limit_and_half_of_it_far_above() -> None:
    assert omission(TR, FR, **PAIR) < LIMIT - 3
    assert omission(TR, FR[: len(FR) // 2], **PAIR) > LIMIT + 2
    assert omission(TR, "", **PAIR) > LIMIT


def test_the_more_is_gone_the_higher_the_odds() -> None:
    said = FR.split()
    odds = [omission(TR, " ".join(said[: len(said) - gone]), **PAIR) for gone in (0, 4, 8, 12)]
    assert odds == sorted(odds)


def test_one_word_cannot_lose_a_part() -> None:
    assert omission("Allahaısmarladık.", "Au revoir.", **PAIR) < 0
    assert omission("", "Merci.", **PAIR) < 0


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=100), st.text(max_size=100))
def test_any_text_has_finite_odds(source: str, target: str) -> None:
    assert math.isfinite(omission(source, target, **PAIR))
