"""The profiles' numbers, as their sources give them."""

from __future__ import annotations

import pytest

from quality.subtitle_profiles import PROFILE_NAMES, profile_for
from quality.subtitle_rules import NETFLIX, check_cue, check_track


@pytest.mark.parametrize(
    ("name", "language", "cps", "line"),
    [
        ("netflix", "fr", 17, 42),
        ("netflix", "tr", 17, 42),
        ("netflix", "en", 20, 42),
        ("netflix-children", "fr", 13, 42),
        ("netflix-children", "en", 17, 42),
        ("netflix-sdh", "fr", 20, 42),
        ("netflix-sdh-children", "fr", 17, 42),
        ("netflix", "ja", 4, 23),
        ("ted", "fr", 21, 42),
    ],
)
def test_characters_a_second_and_a_line(name: str, language: str, cps: float, line: int) -> None:
    profile = profile_for(name, language)
    assert (profile.max_cps, profile.max_line_chars) == (cps, line)


@pytest.mark.parametrize("name", PROFILE_NAMES)
@pytest.mark.parametrize("language", ["fr", "en", "zh", "xx"])
def test_reading_time_and_reading_speed_are_one_rule(name: str, language: str) -> None:
    profile = profile_for(name, language)
    for text in ("Oui.", "Nous partons demain.", "Nous allons à Ankara\ndemain matin"):
        needed = profile.reading_s(text)
        assert "reading_speed" not in {v.rule for v in check_cue(text, needed, profile)}
        (fast,) = (v for v in check_cue(text, needed * 0.95, profile) if v.rule == "reading_speed")
        assert fast.measured > fast.limit


def test_bbc_counts_words() -> None:
    bbc = profile_for("bbc", "en")
    assert bbc.reading_s("one two three four five six – !") == pytest.approx(2.0)
    assert [v.rule for v in check_cue("one two three four five six", 1.9, bbc)] == ["reading_speed"]
    assert bbc.reading_s("internationalisation " * 3) == pytest.approx(1.0)


@pytest.mark.parametrize(("seconds", "chars"), [(1, 12), (2, 20), (3, 36), (4, 60), (1.5, 16), (6, 90)])
def test_arcom_is_a_curve_with_a_fifth_of_tolerance(seconds: float, chars: float) -> None:
    arcom = profile_for("arcom", "fr")
    assert arcom.allowed_chars(seconds) == pytest.approx(chars * 1.2)
    most = "x" * int(chars * 1.2)
    lines = "\n".join(most[at : at + 40] for at in range(0, len(most), 40))
    assert "reading_speed" not in {v.rule for v in check_cue(lines, seconds, arcom)}
    assert "reading_speed" in {v.rule for v in check_cue(lines + "x", seconds, arcom)}


def test_arcom_is_stricter_than_netflix_on_two_seconds_and_laxer_on_four() -> None:
    arcom = profile_for("arcom", "fr")
    assert arcom.allowed_chars(2.0) < 17 * 2
    assert arcom.allowed_chars(4.0) > 17 * 4


def test_a_bilingual_cue_is_read_in_one_of_its_languages() -> None:
    assert check_cue("x" * 34, 2.0, second="y" * 30) == ()
    assert [v.rule for v in check_cue("x" * 30, 2.0, second="y" * 35)] == ["reading_speed"]
    assert [v.rule for v in check_cue("a\nb", 2.0, second="c")] == ["lines"]
    assert [v.rule for v in check_cue("a", 2.0, second="c" * 43)] == ["line_length", "reading_speed"]


def test_a_cue_outside_of_the_medium_is_told() -> None:
    track = [(-0.5, 1.0, "Un."), (2.0, 4.0, "Deux."), (8.0, 10.01, "Trois.")]
    assert [(v.rule, v.cue) for v in check_track(track, NETFLIX, 10.0)] == [("outside", 0), ("outside", 2)]
    assert [(v.rule, v.cue) for v in check_track(track)] == [("outside", 0)]


def test_an_unknown_profile_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match="netflix-children"):
        profile_for("imax", "fr")
