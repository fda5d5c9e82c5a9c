"""Marks are set as a language sets them, and no word ever changes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.subtitles.typography import NARROW, WHOLE, typeset


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Quoi? Non !! Oui...", f"Quoi{NARROW}? Non{NARROW}!! Oui…"),
        ("Il est 12:30; viens: vite!", f"Il est 12:30{NARROW}; viens{NARROW}: vite{NARROW}!"),
        ("Voir http://a.fr?x=1;y", "Voir http://a.fr?x=1;y"),
        ('Il dit "Bonjour!" et part.', f"Il dit «{WHOLE}Bonjour{NARROW}!{WHOLE}» et part."),
        ("«Oui»", f"«{WHOLE}Oui{WHOLE}»"),
        ('"C\'est "lui" qui"', f"«{WHOLE}C'est «{WHOLE}lui{WHOLE}» qui{WHOLE}»"),
        ('5" sur 6"', '5" sur 6"'),
        ("- Bonjour. — Salut. Il fait - 5.", f"-{WHOLE}Bonjour. -{WHOLE}Salut. Il fait - 5."),
        ("? seul", "? seul"),
    ],
)
def test_french(text: str, expected: str) -> None:
    assert typeset(text, "fr") == expected


@pytest.mark.parametrize(
    ("quotes", "expected"),
    [
        ("guillemets", f"«{WHOLE}Oui{WHOLE}» et «{WHOLE}non{WHOLE}»"),
        ("curly", "“Oui” et “non”"),
        ("straight", '"Oui" et "non"'),
        ("keep", '"Oui" et « non »'),
    ],
)
def test_quotation_marks_are_a_setting(quotes: str, expected: str) -> None:
    assert typeset('"Oui" et « non »', "fr", quotes) == expected


def test_other_languages_have_their_dashes_and_no_french_space() -> None:
    assert typeset("- Merhaba! – Selam? -5 derece...", "tr") == "-Merhaba! -Selam? -5 derece…"
    assert typeset('"Hello", he said: no!', "en") == '"Hello", he said: no!'


pieces = st.sampled_from([*"«»“”\"'’!?;:.…-–—( )\n", NARROW, WHOLE, "...", "mot", "l'eau", "12:30", "İ", "x;y", " "])


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.lists(pieces, max_size=25).map("".join), st.text(max_size=40)), st.sampled_from(["fr", "tr", "xx"]))
def test_no_word_is_changed_and_twice_is_once(text: str, language: str) -> None:
    for quotes in ("guillemets", "curly", "straight", "keep"):
        once = typeset(text, language, quotes)
        assert re.findall(r"\w+", once) == re.findall(r"\w+", text)
        assert typeset(once, language, quotes) == once
