"""Each rule of a profile, at its limit and just beyond it."""

from __future__ import annotations

import math

import pytest

from quality.subtitle_rules import NETFLIX, Violation, check_cue, check_track, reading_length, reading_speed


def rules(text: str, duration: float) -> list[str]:
    return [violation.rule for violation in check_cue(text, duration)]


def test_a_readable_cue_breaks_nothing() -> None:
    assert check_cue("Nous allons à Ankara\ndemain matin à neuf heures.", 3.0) == ()


@pytest.mark.parametrize(
    ("text", "duration", "broken"),
    [
        ("x" * 42, 3.0, []),
        ("x" * 43, 3.0, ["line_length"]),
        ("a\nb\nc", 3.0, ["lines"]),
        ("x" * 34, 2.0, []),
        ("x" * 35, 2.0, ["reading_speed"]),
        ("Oui.", 5 / 6, []),
        ("Oui.", 0.833, []),
        ("Oui.", 0.8, ["min_duration"]),
        ("Oui.", 7.0, []),
        ("Oui.", 7.01, ["max_duration"]),
        ("", 3.0, ["empty"]),
        (" \n ", 3.0, ["empty"]),
        ("Oui.", 0.0, ["duration"]),
        ("Oui.", -1.0, ["duration"]),
        ("Oui.", math.nan, ["duration"]),
        ("Oui.", math.inf, ["duration"]),
        ("x" * 50, math.nan, ["line_length", "duration"]),
    ],
)
def test_each_rule_at_its_limit(text: str, duration: float, broken: list[str]) -> None:
    assert rules(text, duration) == broken


def test_what_is_counted_is_what_is_seen() -> None:
    assert reading_length("<i>e\u0301te\u0301</i>") == 3
    assert reading_length("{\\an8}Oui !\nNon.") == 9
    assert reading_length("a\u00a0!") == 3
    assert reading_length("1 < 2 et 3 > 2") == 14
    assert reading_speed("", 2.0) == 0.0
    assert reading_speed("Oui.", 0.0) == math.inf


def test_a_violation_tells_measure_and_limit() -> None:
    (found,) = check_cue("x" * 45, 4.0)
    assert found == Violation("line_length", 45, 42)


def test_a_track_is_in_order_without_overlap_and_with_gaps() -> None:
    gap = NETFLIX.min_gap_s
    good = [(0.0, 2.0, "Un."), (2.0 + gap, 4.0, "Deux."), (10.0, 12.0, "Trois.")]
    assert check_track(good) == ()
    bad = [(1.0, 3.0, "Un."), (2.5, 4.0, "Deux."), (4.05, 6.0, "Trois."), (0.0, 2.0, "Quatre.")]
    assert [(v.rule, v.cue) for v in check_track(bad)] == [("overlap", 1), ("gap", 2), ("order", 3)]


def test_times_that_are_no_numbers_are_violations() -> None:
    found = check_track([(0.0, 2.0, "Un."), (math.nan, 4.0, "Deux.")])
    assert [(v.rule, v.cue) for v in found] == [("duration", 1), ("order", 1)]
