"""Marks that were lost on the way."""

from __future__ import annotations

from quality.punctuation import (
    ends_open,
    lost_clause_marks,
    lost_question,
    lost_sentence_ends,
    starts_open,
    unbalanced_brackets,
)


def test_ends() -> None:
    assert ends_open("Geldi.", "Il est")
    assert not ends_open("Geldi.", "Il est venu !")
    assert not ends_open("Geldi.", "« Il est venu. »")
    assert not ends_open("Geldi", "Il est venu")
    assert lost_sentence_ends("Bir. İki! Üç?", "Un. Deux") == 2
    assert lost_sentence_ends("Bir.", "Un ! Deux !") == 0


def test_beginnings() -> None:
    assert starts_open("Yarın geliyor.", "vient demain.")
    assert not starts_open("Yarın geliyor.", "« Demain, il vient. »")
    assert not starts_open("yarın", "demain")
    assert not starts_open("", "demain")


def test_marks_inside() -> None:
    assert lost_clause_marks("Bir, iki, üç.", "Un deux trois.") == 2
    assert lost_question("Geldi mi?", "Il est venu.")
    assert not lost_question("Geldi mi?", "Est-il venu ?")
    assert unbalanced_brackets("(un [deux) «trois»") == 1
