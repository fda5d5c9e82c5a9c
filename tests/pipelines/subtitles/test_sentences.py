"""Sentences, units and line breaks."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.subtitles.line_breaks import FORBIDDEN, LineBreaks, best_lines, break_cost, lines_needed, turns
from pipelines.subtitles.sentences import split_sentences, split_units


@pytest.mark.parametrize(
    ("text", "language", "sentences"),
    [
        ("Bonjour ! Ça va ? Oui.", "fr", ["Bonjour !", "Ça va ?", "Oui."]),
        ("M. Dupont et Mme. Durand sont là. Entrez.", "fr", ["M. Dupont et Mme. Durand sont là.", "Entrez."]),
        ("Le Dr. J. Martin arrive. Enfin !", "fr", ["Le Dr. J. Martin arrive.", "Enfin !"]),
        ("Il fait 3.5 degrés. Ou 4.", "fr", ["Il fait 3.5 degrés.", "Ou 4."]),
        ("Je ne sais pas… peut-être. Demain.", "fr", ["Je ne sais pas… peut-être.", "Demain."]),
        (
            "« Quoi ? » dit-il. « Rien. » Puis il sortit.",
            "fr",
            ["« Quoi ? » dit-il.", "« Rien. »", "Puis il sortit."],
        ),
        ("... Bon. D'accord.", "fr", ["... Bon.", "D'accord."]),
        ("Bugün 3. gün. Dr. Ahmet geldi mi? Evet.", "tr", ["Bugün 3. gün.", "Dr. Ahmet geldi mi?", "Evet."]),
        ("Il est né en 1999. Sa mère aussi.", "fr", ["Il est né en 1999.", "Sa mère aussi."]),
        ("你好。我很好！再见", "zh", ["你好。", "我很好！", "再见"]),
        ("मैं ठीक हूँ। आप कैसे हैं?", "hi", ["मैं ठीक हूँ।", "आप कैसे हैं?"]),
        ("", "fr", []),
        (" \n ", "fr", []),
        ("sans fin", "fr", ["sans fin"]),
    ],
)
def test_sentences(text: str, language: str, sentences: list[str]) -> None:
    assert split_sentences(text, language) == sentences


def test_french_marks_stay_with_their_word() -> None:
    assert split_units("« Bonjour ! » dit-il : oui - non", 42) == [
        "« Bonjour ! »",
        "dit-il :",
        "oui",
        "- non",
    ]
    assert split_units("dix\u00a0% de plus\u202f!", 42) == ["dix\u00a0%", "de", "plus\u202f!"]


def test_a_word_longer_than_a_line_is_cut_at_a_hyphen_if_it_has_one() -> None:
    assert split_units("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]
    assert split_units("peut-être-bien", 10) == ["peut-être-", "bien"]
    assert split_units("formidable !", 10) == ["formidable", "!"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Oui, bien sûr.", ("Oui, bien sûr.",)),
        (
            "Je voulais venir plus tôt, mais nous avons raté le train.",
            ("Je voulais venir plus tôt,", "mais nous avons raté le train."),
        ),
        (
            "Nous avons pris le train pour aller voir la grand-mère.",
            ("Nous avons pris le train", "pour aller voir la grand-mère."),
        ),
        (
            "Hier, j'ai rencontré monsieur Jean Dupont devant la gare.",
            ("Hier, j'ai rencontré", "monsieur Jean Dupont devant la gare."),
        ),
    ],
)
def test_lines_are_broken_where_it_reads_best(text: str, lines: tuple[str, ...]) -> None:
    assert best_lines(text.split(), "fr", 42) == lines


def test_without_a_better_place_the_lower_line_is_the_longer() -> None:
    upper, lower = best_lines(["aaaaaaa"] * 7, "xx", 42)
    assert len(upper) < len(lower)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        # a question particle and a postposition belong to the word before
        ("tr", "Bu akşam bizimle birlikte sinemaya gelecek misiniz acaba?"),
        ("tr", "Bütün bu hazırlıkları yarın akşam gelecek misafirler için yaptık."),
        ("tr", "Dün akşam çarşıda karşılaştığımız Ahmet Bey bugün gelmedi."),
        ("fr", "Nous sommes partis très tôt parce que nous avons un long voyage."),
        ("fr", "Dans cette histoire que tu racontes il n'est pas vraiment question."),
        ("fr", "Elle voulait acheter cette petite maison près de la grande rivière."),
    ],
)
def test_what_belongs_together_stays_on_a_line(language: str, text: str) -> None:
    upper, lower = best_lines(text.split(), language, 42)
    pair = (upper.split()[-1], lower.split()[0])
    assert pair[1] not in {"misiniz", "için", "Bey", "pas"}
    assert pair[0] not in {"avons", "sommes", "cette", "petite", "grande", "la", "que", "un"}


def test_an_article_is_one_behind_an_opening_mark_too() -> None:
    assert break_cost("«\u00a0La", "maison", "fr") == break_cost("-\u00a0la", "maison", "fr") == FORBIDDEN
    assert break_cost("(the", "house", "en") == FORBIDDEN


def test_dashes_of_a_dialogue_begin_lines() -> None:
    assert best_lines(["-\u00a0Tu", "viens\u202f?", "-\u00a0Oui."], "fr", 42) == (
        "-\u00a0Tu viens\u202f?",
        "-\u00a0Oui.",
    )
    assert best_lines(["dit", "- non", "et", "part"], "fr", 42) == ("dit - non et part",)


units_of_lines = st.lists(
    st.sampled_from(["le", "Oui.", "-\u00a0Non", "maison", "a", "bleue,"]), min_size=1, max_size=7
)


@settings(max_examples=150, deadline=None)
@given(units_of_lines, st.sampled_from([8, 10, 14]), st.data())
def test_the_cheapest_breaks_of_a_run_are_those_of_all_ways_to_set_it(
    units: list[str], max_chars: int, data: st.DataObject
) -> None:
    begin = data.draw(st.integers(0, len(units) - 1))
    end = data.draw(st.integers(begin + 1, len(units)))
    run = units[begin:end]
    needed = lines_needed(run, max_chars)
    breaks = LineBreaks(units, "fr", max_chars)
    assert breaks.cheapest(begin, end, needed - 1) is None or needed == 1
    speakers = {sum(map(len, turns(run)[:i])) for i in range(1, len(turns(run)))}
    costs = [
        sum(0.0 if cut in speakers else break_cost(run[cut - 1], run[cut], "fr") for cut in cuts)
        for cuts in combinations(range(1, len(run)), needed - 1)
        if speakers <= set(cuts)
        and all(len(" ".join(run[a:b])) <= max_chars for a, b in pairwise((0, *cuts, len(run))))
    ]
    assert breaks.cheapest(begin, end, needed) == pytest.approx(min(costs))
