"""The parallel grammar is large enough, unambiguous, and well-formed in its three languages."""

import random
import re
from collections import Counter

import pytest

from b200_kernels.embedded.recipe.grammar import (
    TEMPLATES,
    Sentence,
    enumerate_sentences,
    is_held_out,
    sample,
    vocabulary,
    words,
)

CLASH = re.compile(r"\b(le|la|de|que|ne|je|se|me|te) (?!onze )[aeiouyéèêàâîôhœ]", re.IGNORECASE)
ASPIRATED = re.compile(r"\ble huit\b|\bde huit\b|\ble hall\b", re.IGNORECASE)
UNCONTRACTED = re.compile(r"\b(de|à) (le|les)\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def sentences() -> list[Sentence]:
    """Every filling of every template, repeated Turkish texts included."""
    return [s for template in TEMPLATES for i in range(template.size) if (s := template[i])]


def test_size(sentences: list[Sentence]) -> None:
    assert len(TEMPLATES) >= 60
    assert len({s.tr for s in sentences}) >= 40_000
    assert 400 <= len(vocabulary()) <= 650


def test_translation_is_a_function_of_the_spoken_words(sentences: list[Sentence]) -> None:
    translations: dict[str, tuple[str, str]] = {}
    for s in sentences:
        key = re.sub(r"[.,?!']", "", s.tr).lower()
        assert translations.setdefault(key, (s.fr, s.en)) == (s.fr, s.en), s.tr


def test_form(sentences: list[Sentence]) -> None:
    bad = re.compile(r"[{}\d|]|  | \.|^\s|\s$|[^.?!]$|.[.?!].")
    for s in sentences:
        for text in (s.tr, s.fr, s.en):
            assert not bad.search(text), text
            assert text[0].isupper(), text
        assert s.tr[-1] == s.fr[-1] == s.en[-1]
        assert (s.fr[-1] == ".") != s.fr.endswith((" ?", " !")), s.fr


def test_length(sentences: list[Sentence]) -> None:
    lengths = Counter(len(s.tr.split()) for s in sentences)
    assert min(lengths) >= 2
    assert max(lengths) <= 10
    drawn = [len(sample(random.Random(i)).tr.split()) for i in range(2000)]
    assert 4.5 <= sum(drawn) / len(drawn) <= 6.5


def test_french_seams(sentences: list[Sentence]) -> None:
    for s in sentences:
        assert not CLASH.search(ASPIRATED.sub("", s.fr)), s.fr
        assert not UNCONTRACTED.search(s.fr), s.fr


def test_enumeration() -> None:
    few = list(enumerate_sentences(limit_per_template=20))
    assert few == list(enumerate_sentences(limit_per_template=20))
    assert len({s.tr for s in few}) == len(few)
    assert {s.template for s in few} == {template.name for template in TEMPLATES}
    assert len({template.name for template in TEMPLATES}) == len(TEMPLATES)
    assert {word for s in few for word in words(s.tr)} <= vocabulary()


def test_sampling() -> None:
    rng = random.Random(0)
    drawn = [sample(rng) for _ in range(5000)]
    assert max(Counter(s.template for s in drawn).values()) < 0.1 * len(drawn)
    assert drawn[:10] == [sample(again) for again in [random.Random(0)] for _ in range(10)]


def test_held_out_share(sentences: list[Sentence]) -> None:
    texts = {s.tr for s in sentences}
    assert 0.02 < sum(map(is_held_out, texts)) / len(texts) < 0.06
