"""Letters that a language does not write."""

from __future__ import annotations

import pytest

from quality.alphabet import foreign_words, is_garbled


def test_foreign_letters_are_counted_but_for_names() -> None:
    assert foreign_words("Ce contenu peut güvensiz olabilir, dışarı çık", "fr") == 2
    assert foreign_words("Şükrü et Ayşe vont à Iğdır.", "fr") == 0
    assert foreign_words("GÜVENLİĞİNİZ", "fr") == 1
    assert foreign_words("güvensiz", "xx") == 0
    assert foreign_words("", "fr") == 0


@pytest.mark.parametrize("text", ["Élève à Besançon", "Ağabeyim çok üzgün", "«\u00a0Où\u00a0?\u00a0»", "", "Ålesund"])
def test_readable_text_is_not_garbled(text: str) -> None:
    assert not is_garbled(text)
    if any(ord(character) > 127 for character in text):
        assert is_garbled(text.encode("utf-8").decode("cp1252", "replace"))
