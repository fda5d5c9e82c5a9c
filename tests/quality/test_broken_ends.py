"""Words that cannot stand where a text was cut."""

from __future__ import annotations

import pytest

from quality.broken_ends import broken_places


@pytest.mark.parametrize(
    "text", ["Nous allons à la", "Il a vu le.", "Cliquez sur les de la table.", "Je sais que", "Il vient avec une"]
)
def test_a_cut_is_seen(text: str) -> None:
    assert broken_places(text, "fr") >= 1


@pytest.mark.parametrize(
    "text",
    [
        "Nous allons à la gare.",
        "L'un est venu, l'autre non.",
        "Il vaut mieux de ne pas y aller.",
        "Avec ou sans lui, n'importe où.",
        "Le ou la responsable du sous-menu.",
        "Tu le sais.",
        "",
    ],
)
def test_whole_sentences_are_whole(text: str) -> None:
    assert broken_places(text, "fr") == 0


def test_other_languages() -> None:
    assert broken_places("We went to the", "en") == 1
    assert broken_places("Biz bir", "tr") == 0
