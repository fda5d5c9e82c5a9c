"""Terms are found in any of their forms, and a translation that lacks one is told."""

from __future__ import annotations

import time

import pytest

from quality.glossary import Term, missed_terms, terms_in


def found(text: str, term: str, language: str = "tr") -> bool:
    terms = [Term(source=term, target="x", language="fr")]
    return bool(terms_in(text, terms, source_lang=language, target_lang="fr"))


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("Köprüsünden geçtik.", "köprü"),
        ("KİTABI aldım.", "kitap"),
        ("rengi güzel", "renk"),
        ("Ağaçlarımızın altında", "ağaç"),
        ("İSTANBUL'DA kaldık", "istanbul"),
        ("Isparta\u2019dan geldim", "ISPARTA"),
        ("iş birliğimizden memnunuz", "iş birliği"),
        ("evlerimizdeki", "ev"),
        ("Burnu kanıyor.", "burun"),
        ("Şehre indik, şehirden döndük.", "şehir"),
        ("Hakkını aradı.", "hak"),
        ("Ali'yle", "Ali"),
    ],
)
def test_turkish_terms_are_found_with_their_suffixes_and_case(text, term) -> None:
    assert found(text, term)


@pytest.mark.parametrize(
    ("text", "term"), [("Ataman geldi", "at"), ("evet", "ev"), ("tabii", "abi"), ("karanfil", "kar"), ("", "at")]
)
def test_another_word_that_begins_alike_is_not_the_term(text, term) -> None:
    assert not found(text, term)


@pytest.mark.parametrize(
    ("source", "target", "missed"),
    [
        ("Köprüden geçtik.", "Nous avons passé le pont.", []),
        ("Köprüden geçtik.", "Nous avons passé les PONTS.", []),
        ("Köprüden geçtik.", "Nous avons traversé.", ["köprü"]),
        ("Atlar koştu.", "Les chevaux ont couru.", []),
        ("Deniz güzel.", "La mer est belle.", []),
        ("Köprü kalptir.", "Le pont est le coeur.", []),
        ("Adaya gittik.", "Nous sommes allés sur l\u2019île.", []),
    ],
)
def test_a_translation_misses_what_was_said_and_is_not_there(source, target, missed) -> None:
    pairs = [("köprü", "pont"), ("at", "cheval"), ("ada", "île"), ("kalp", "cœur")]
    terms = [Term(source=s, target=t, language="fr") for s, t in pairs]
    assert [t.source for t in missed_terms(source, target, terms, source_lang="tr", target_lang="fr")] == missed


def test_one_of_several_renderings_is_enough() -> None:
    terms = [Term(source="hoca", target=target, language="fr") for target in ("professeur", "maître")]
    assert not missed_terms("Hocam!", "Maître !", terms, source_lang="tr", target_lang="fr")
    assert missed_terms("Hocam!", "Monsieur !", terms, source_lang="tr", target_lang="fr") == terms


def test_terms_of_another_target_language_do_not_count() -> None:
    terms = [Term(source="köprü", target="bridge", language="en")]
    assert not missed_terms("Köprü", "Le pont", terms, source_lang="tr", target_lang="fr")


def test_hostile_text_is_searched_in_no_time() -> None:
    terms = [Term(source="at (b", target="x", language="fr"), Term(source="at", target="[", language="fr")]
    began = time.monotonic()
    terms_in("at" + "ın" * 20_000 + "x " + "at'" * 20_000, terms, source_lang="tr", target_lang="fr")
    assert time.monotonic() - began < 5
