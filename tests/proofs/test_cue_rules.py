"""The short version of ``make cue-rules``."""

from __future__ import annotations

from pipelines.records import Cue
from quality.subtitle_profiles import profile_for
from tests.proofs.cue_rules import articles_parted, prove, rules_broken


def test_every_cue_meets_its_profile_or_tells_what_it_breaks_and_no_word_is_lost():
    figures = prove(300)
    assert figures["failures"] == []
    assert (figures["broken_untold"], figures["words_lost"]) == (0, 0)
    assert figures["cues"] > 300
    assert figures["told_line_breaks"] < 0.05 * figures["cues"]
    assert figures["good"] > figures["told"]


def test_the_look_sees_what_is_broken():
    def cue(start_s: float, end_s: float, *lines: str) -> Cue:
        return Cue(index=1, start_s=start_s, end_s=end_s, lines=lines, source="", score=1.0, verdict="accepted")

    track = [cue(0.0, 9.0, "x" * 43), cue(8.0, 8.5, "a", "b", "c" * 20), cue(8.55, 9.8, ""), cue(9.9, 11.0, "Fin")]
    assert rules_broken(track, profile_for("netflix", "fr"), 10.0) == [
        {"line_length", "max_duration"},
        {"overlap", "lines", "min_duration", "reading_speed"},
        {"gap", "empty"},
        {"outside"},
    ]
    parted = [cue(0.0, 2.0, "Il a vu la", "maison de"), cue(2.1, 4.0, "mon père, une"), cue(4.1, 6.0, "autre.", "La")]
    assert articles_parted(parted, "fr") == [True, True, False]
