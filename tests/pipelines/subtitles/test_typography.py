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
        ("Il cria:«Au feu!»", f"Il cria{NARROW}: «{WHOLE}Au feu{NARROW}!{WHOLE}»"),
        ("10 000 hommes, 1 234 567 francs", f"10{NARROW}000 hommes, 1{NARROW}234{NARROW}567 francs"),
        ("en 2019 300 personnes, 06 12 34", "en 2019 300 personnes, 06 12 34"),
        ("50 %, 20€, 5 $ et 30°C", f"50{WHOLE}%, 20{WHOLE}€, 5{WHOLE}$ et 30{WHOLE}°C"),
        ("dix % de plus", f"dix{WHOLE}% de plus"),
        ("http://a.fr/5%20b", "http://a.fr/5%20b"),
        ("à 5 km, 80 km/h, 3 kg", f"à 5{WHOLE}km, 80{WHOLE}km/h, 3{WHOLE}kg"),
        ("le 5 m'a plu, 2 marins", "le 5 m'a plu, 2 marins"),
        ("à 8 h 30 ou 9 h", f"à 8{WHOLE}h{WHOLE}30 ou 9{WHOLE}h"),
        (
            "M. Dupont, Mme Le Roy, Mlle Élise, le Dr Paul",
            f"M.{WHOLE}Dupont, Mme{WHOLE}Le Roy, Mlle{WHOLE}Élise, le Dr{WHOLE}Paul",
        ),
        ("le n° 5, le dr est là, M. est là", f"le n°{WHOLE}5, le dr est là, M. est là"),
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


@pytest.mark.parametrize("text", ['–"h" part', '"30.\'“"?', '"\u202f»a““ $"\xa0n'])
@pytest.mark.parametrize("quotes", ["guillemets", "curly"])
def test_what_a_mark_tells_of_its_neighbour_is_seen_at_once(text: str, quotes: str) -> None:
    once = typeset(text, "fr", quotes)
    assert typeset(once, "fr", quotes) == once


pieces = st.sampled_from(
    [
        *"«»“”\"'’!?;:.…-–—( )\n",
        NARROW,
        WHOLE,
        "...",
        "mot",
        "l'eau",
        "12:30",
        "İ",
        "x;y",
        " ",
        "10",
        "000",
        "%",
        "°C",
        "km",
        "h",
        "30",
        "n°",
        "M.",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.lists(pieces, max_size=25).map("".join), st.text(max_size=40)), st.sampled_from(["fr", "tr", "xx"]))
def test_no_word_is_changed_and_twice_is_once(text: str, language: str) -> None:
    for quotes in ("guillemets", "curly", "straight", "keep"):
        once = typeset(text, language, quotes)
        assert re.findall(r"\w+", once) == re.findall(r"\w+", text)
        assert typeset(once, language, quotes) == once
