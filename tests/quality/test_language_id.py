"""Pooled identification of the language."""

from __future__ import annotations

import pytest

from quality.language_id import identify, probabilities

TURKISH = ["Yarın sabah saat dokuzda Ankara'ya gidiyoruz.", "Merhaba efendim, hoş geldiniz.", "Evet."]
FRENCH = ["Nous allons à Ankara demain matin à neuf heures.", "Bonjour madame, soyez la bienvenue.", "Oui."]


@pytest.mark.parametrize(("texts", "language"), [(TURKISH, "tr"), (FRENCH, "fr")])
@pytest.mark.parametrize("candidates", [None, ("tr", "fr", "en"), ("tr", "fr", "no-such-code")])
def test_pooled_texts_tell_their_language(texts: list[str], language: str, candidates: tuple[str, ...] | None) -> None:
    code, confidence = identify(texts, candidates)
    assert code == language
    assert confidence > 0.8


def test_little_text_gives_little_confidence() -> None:
    assert identify(["Merci."], ("tr", "fr"))[1] < 0.2
    assert identify(FRENCH[:1], ("tr", "fr"))[1] < identify(FRENCH, ("tr", "fr"))[1]


@pytest.mark.parametrize("texts", [[], [""], ["... 😀 !"]])
def test_nothing_to_go_by(texts: list[str]) -> None:
    assert identify(texts) == ("und", 0.0)


def test_candidates_that_nobody_knows() -> None:
    assert identify(FRENCH, ("xx",)) == ("und", 0.0)
    assert probabilities(FRENCH[0], ()) == {}


def test_very_long_text_is_no_trouble() -> None:
    assert identify(["Bonjour à tous. " * 20_000], ("fr", "tr"))[0] == "fr"
