"""The odds that something was left out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.formulas import told_shortly
from quality.numbers import numbers_as_figures
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


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("Estağfurullah, ne demek, rica ederim efendim.", "Je vous en prie."),
        ("Allah rahmet eylesin, başınız sağ olsun.", "Mes condoléances."),
        ("Ellerinize sağlık, çok güzel olmuş.", "C'était délicieux."),
        ("Geçmiş olsun, umarım çabuk iyileşirsin.", "Bon rétablissement."),
        ("Bin dokuz yüz seksen altı yılında doğdum.", "Je suis né en 1986."),
        ("Yetmiş bir yaşındayım.", "J'ai 71 ans."),
        ("Peki ya sen? Sen ne düşünüyorsun bu konuda?", "Et toi, qu'en penses-tu ?"),
    ],
)
def test_idiom_is_no_omission(source: str, target: str) -> None:
    assert omission(source, target, source_lang="tr", target_lang="fr") < GateSettings().omission


def test_numbers_count_as_figures() -> None:
    assert numbers_as_figures("Bin dokuz yüz seksen altı yılında, bir gün.", "tr") == "1986 yılında, bir gün."
    assert numbers_as_figures("En mille neuf cent quatre-vingt-dix-sept.", "fr") == "En 1997."
    assert numbers_as_figures("Il a soixante et onze ans et une voiture.", "fr") == "Il a 71 ans et une voiture."
    assert numbers_as_figures("Evet ve hayır.", "tr") == "Evet ve hayır."
    assert told_shortly("Peki ya sen? Sen gel.", "tr") == "Et toi gel."
