"""The seed's validator: its return shapes, its vetoes, and what does and does not move its scores."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.markers import turkish_markers_in
from quality.numbers import numbers_kept
from quality.validator import TranslationQualityValidator

TR = "Yarın sabah saat dokuzda Ankara'ya gidiyoruz."
FR = "Nous allons à Ankara\ndemain matin à neuf heures."
METRICS = {"completeness_score", "cultural_score", "repetition_penalty", "subtitle_score"}


def assess(source: str, target: str, duration: float | None = None) -> dict[str, Any]:
    return TranslationQualityValidator().comprehensive_quality_assessment(source, target, duration)


def assert_shape(result: dict[str, Any]) -> None:
    assert set(result) == {"overall_score", "quality_level", "detailed_metrics", "recommendations"}
    assert isinstance(result["overall_score"], float)
    assert 0.0 <= result["overall_score"] <= 1.0
    assert result["quality_level"] in {"poor", "fair", "good", "excellent"}
    assert set(result["detailed_metrics"]) == METRICS
    assert all(isinstance(v, float) and 0.0 <= v <= 1.0 for v in result["detailed_metrics"].values())
    assert all(isinstance(advice, str) for advice in result["recommendations"])


def test_a_good_translation_is_excellent_and_gets_no_advice() -> None:
    result = assess(TR, FR, 3.5)
    assert_shape(result)
    assert result["quality_level"] == "excellent"
    assert result["recommendations"] == []


@pytest.mark.parametrize(
    "target",
    [
        "",
        TR,
        "We are going to Ankara tomorrow morning at nine o'clock.",
        "Nous allons à Ankara " + "demain matin " * 10,
        "Sous-titres réalisés par la communauté d'Amara.org",
    ],
)
def test_a_critical_error_vetoes_whatever_the_other_scores_say(target: str) -> None:
    result = assess(TR, target, 3.5)
    assert_shape(result)
    assert result["quality_level"] == "poor"
    assert result["overall_score"] <= 0.25
    assert result["recommendations"]


def test_nothing_to_judge_is_one_without_weight() -> None:
    assert assess("", "")["overall_score"] == 1.0
    plain, marked = assess(TR, FR, 3.5), assess("Ali Bey, " + TR, "M. Ali, " + FR.lower(), 3.5)
    assert plain["detailed_metrics"]["cultural_score"] == 1.0
    assert marked["detailed_metrics"]["cultural_score"] == 1.0


def test_markers_are_found_by_turkish_rules_and_covered_by_any_rendering() -> None:
    every = list(TranslationQualityValidator().turkish_markers)
    assert turkish_markers_in("Ali Bey'e hocamın selamı var, İNŞALLAH.", every) == [
        "bey",
        "hocam",
        "inşallah",
    ]
    assert turkish_markers_in("Tabii, şu bey beyefendim gibi, halat ve Hanımeli.", every) == ["beyefendi"]
    good = assess("Geçmiş olsun hocam.", "Bon rétablissement, professeur.")
    lost = assess("Geçmiş olsun hocam.", "C'est passé maintenant, voilà.")
    assert good["detailed_metrics"]["cultural_score"] == 1.0
    assert lost["detailed_metrics"]["cultural_score"] == 0.0
    assert lost["overall_score"] < good["overall_score"]


def test_own_markers_replace_the_table() -> None:
    own = TranslationQualityValidator(["reis"], ["capitaine"])
    kept = own.comprehensive_quality_assessment("Gel buraya reis.", "Viens ici, capitaine.")
    lost = own.comprehensive_quality_assessment("Gel buraya reis.", "Viens donc ici, toi.")
    assert kept["detailed_metrics"]["cultural_score"] == 1.0
    assert lost["detailed_metrics"]["cultural_score"] == 0.0


def test_another_pair_has_no_turkish_markers() -> None:
    other = TranslationQualityValidator(source_lang="de", target_lang="en")
    assert other.turkish_markers == []
    result = other.comprehensive_quality_assessment(
        "Wir fahren morgen früh um neun Uhr nach Berlin.", "We are going to Berlin tomorrow at nine.", 3.5
    )
    assert result["quality_level"] == "excellent"


def test_numbers_count_as_completeness() -> None:
    assert numbers_kept("1.250 lira, 45 kilo", "1 250 livres et 45 kilos") == 1.0
    assert numbers_kept("2019 ve 45", "2018 et 45") == 0.5
    assert numbers_kept("3 elma", "trois pommes") == 1.0
    kept = assess("Toplantı 2019 yılında 45 kişiyle yapıldı.", "La réunion a eu lieu en 2019 avec 45 personnes.")
    lost = assess("Toplantı 2019 yılında 45 kişiyle yapıldı.", "La réunion a eu lieu en 2018 avec 45 personnes.")
    assert lost["overall_score"] < kept["overall_score"]
    assert any("number" in advice for advice in lost["recommendations"])


def test_the_duration_moves_only_the_subtitle_score() -> None:
    slow, fast = assess(TR, FR, 3.5), assess(TR, FR, 2.0)
    differing = {m for m in METRICS if slow["detailed_metrics"][m] != fast["detailed_metrics"][m]}
    assert differing == {"subtitle_score"}


@pytest.mark.parametrize("change", [str.strip, lambda t: t + "  ", lambda t: t.replace("é", "e\u0301")])
def test_what_is_not_seen_does_not_matter(change: Any) -> None:
    source, target = "Gözünüz aydın, ağabey !", "Félicitations, mon frère é !"
    assert assess(source, change(target), 3.0) == assess(source, target, 3.0)


def test_subtitle_constraints_name_every_broken_rule() -> None:
    validator = TranslationQualityValidator()
    good = validator.validate_subtitle_constraints(FR, 3.5)
    assert good["valid"] is True
    assert (good["violations"], good["line_count"], good["max_line_length"]) == ([], 2, 27)
    assert good["chars_per_second"] == pytest.approx(47 / 3.5)
    bad = validator.validate_subtitle_constraints("x" * 50 + "\ny\nz", 0.5)
    assert bad["valid"] is False
    assert {v["rule"] for v in bad["violations"]} == {"line_length", "lines", "reading_speed", "min_duration"}
    assert len(bad["recommendations"]) == len(bad["violations"])


def test_text_without_a_source_is_not_vouched_for() -> None:
    result = assess("", "Nous allons à Ankara demain matin.", 3.0)
    assert result["quality_level"] == "poor"
    assert any("says nothing" in advice for advice in result["recommendations"])


def test_still_is_no_aunt_and_a_title_no_name() -> None:
    every = list(TranslationQualityValidator().turkish_markers)
    assert turkish_markers_in("Hala bekliyorum.", every) == []
    assert turkish_markers_in("Halam geldi.", every) == ["halam"]
    assert assess("Dün Ali Bey geldi.", "Hier, M. Ali est arrivé.", 3.0)["recommendations"] == []


@pytest.mark.parametrize("duration", [0.0, -1.0, math.nan, math.inf, 10**400])
def test_senseless_durations_are_defined(duration: float) -> None:
    assert_shape(assess(TR, FR, duration))
    assert TranslationQualityValidator().validate_subtitle_constraints(FR, duration)["valid"] is False


@pytest.mark.parametrize(("source", "target", "duration"), [(None, 3, "x"), (b"a", None, None), ([], {}, True)])
def test_wrong_types_get_the_promised_shape(source: Any, target: Any, duration: Any) -> None:
    assert_shape(assess(source, target, duration))
    assert TranslationQualityValidator().validate_subtitle_constraints(target, duration)["valid"] is False


def test_advice_names_what_is_missing() -> None:
    lost = assess("Dün Selim ile Elif geldi mi?", "Hier, Selim est venu ici.")
    assert any("Elif" in advice for advice in lost["recommendations"])
    assert any("question" in advice for advice in lost["recommendations"])


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(st.text(max_size=60), st.sampled_from(["😀" * 20, "a" * 10_000, TR])),
    st.one_of(st.text(max_size=60), st.sampled_from(["", "你好。", "ş " * 5_000, FR])),
    st.one_of(st.none(), st.floats()),
)
def test_any_text_gets_the_promised_shape(source: str, target: str, duration: float | None) -> None:
    assert_shape(assess(source, target, duration))
