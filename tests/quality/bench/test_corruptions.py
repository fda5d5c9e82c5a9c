"""Each corruption spoils what it says, once, and the same way for the same seed."""

from __future__ import annotations

import random

import pytest

from quality.bench.corpus import Pair
from quality.bench.corruptions import INVENTED, INVENTED_UNSEEN, TALK, TALK_UNSEEN, corruptions

PAIR = Pair(
    "Toplantı 15 Mart'ta saat dokuzda başlayacak ve kimse geç kalmamalı.",
    "La réunion du 15 mars ne commencera pas avant neuf heures et un invité ne doit être en retard.",
    "a.html",
    "The meeting on 15 March will not begin before nine and nobody may be late.",
)
OTHERS = [PAIR, Pair("Başka bir şey.", "x" * len(PAIR.target), "b.html")]


@pytest.mark.parametrize("name", sorted(corruptions(OTHERS)))
def test_every_corruption_changes_the_target_repeatably(name: str) -> None:
    corrupt = corruptions(OTHERS)[name]
    spoilt = {corrupt(PAIR, random.Random(seed)) for seed in range(8)} - {None}
    assert PAIR.target not in spoilt
    assert spoilt
    assert corrupt(PAIR, random.Random(1)) == corrupt(PAIR, random.Random(1))


def test_sizes() -> None:
    kinds = corruptions(OTHERS)
    said = len(PAIR.target.split())
    rng = random.Random(5)
    for name, left in (
        ("truncated to half", said // 2),
        ("dropped third", said - round(said / 3)),
        ("3 words x2", said + 3),
        ("3 words x4", said + 9),
    ):
        spoilt = kinds[name](PAIR, rng)
        assert spoilt is not None
        assert len(spoilt.split()) == left


def test_what_has_nothing_to_spoil_is_left() -> None:
    short = Pair("Evet.", "Oui.", "a.html")
    assert all(corruptions([short])[name](short, random.Random(1)) is None for name in ("changed number", "3 words x2"))


def test_unseen_phrases_are_others_than_the_known_ones() -> None:
    assert not set(INVENTED) & set(INVENTED_UNSEEN)
    assert not set(TALK) & set(TALK_UNSEEN)
