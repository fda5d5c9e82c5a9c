"""Corrections find their cues again, and those that do not are told."""

from __future__ import annotations

import pytest

from pipelines.archive.storage import Store
from pipelines.ledger.corrections import (
    Correction,
    DamagedCorrections,
    corrected,
    read_corrections,
    write_corrections,
)
from pipelines.records import Cue
from pipelines.settings import CueSettings

CUES = CueSettings()


def cue(index: int, start_s: float, text: str, end_s: float | None = None, **other) -> Cue:
    fields = {"source": "", "score": 0.3, "verdict": "needs_review", "reasons": ("loop",)} | other
    return Cue(index=index, start_s=start_s, end_s=end_s or start_s + 2, lines=tuple(text.split("\n")), **fields)


TRACK = [cue(1, 1.0, "Bonjour."), cue(2, 5.0, "Merci\nbien."), cue(3, 20.0, "Merci bien.")]


def fix(start_s: float, before: str, after: str, end_s: float = 0.0) -> Correction:
    return Correction(start_s=start_s, end_s=end_s or start_s + 2, before=before, after=after)


def test_a_correction_replaces_the_text_of_its_cue_alone() -> None:
    track = corrected(TRACK, [fix(20.0, "Merci bien.", "Merci beaucoup.")], "fr", CUES)
    assert [c.text for c in track.cues] == ["Bonjour.", "Merci\nbien.", "Merci beaucoup."]
    assert track.cues[:2] == tuple(TRACK[:2])
    assert (track.cues[2].verdict, track.cues[2].reasons) == ("corrected", ())
    assert track.unmatched == ()


def test_a_cue_that_moved_a_little_or_breaks_elsewhere_is_found() -> None:
    track = corrected(TRACK, [fix(4.4, "Merci bien.", "Merci.")], "fr", CUES)
    assert [c.text for c in track.cues] == ["Bonjour.", "Merci.", "Merci bien."]


@pytest.mark.parametrize("lost", [fix(5.0, "Merci.", "x"), fix(8.0, "Merci bien.", "x"), fix(1.0, "", "x", 3.0)])
def test_what_finds_no_cue_changes_none_and_is_told(lost) -> None:
    track = corrected(TRACK, [lost], "fr", CUES)
    assert (track.cues, track.unmatched) == (tuple(TRACK), (lost,))


def test_a_cue_can_be_taken_away_and_one_added_between() -> None:
    track = corrected(TRACK, [fix(1.0, "Bonjour.", ""), fix(10.0, "", "Vraiment ?", 14.0)], "fr", CUES)
    assert [(c.index, c.text) for c in track.cues] == [(1, "Merci\nbien."), (2, "Vraiment ?"), (3, "Merci bien.")]
    assert (track.cues[1].start_s, track.cues[1].end_s) == (10.0, 14.0)
    assert set(track.made) == {2}


def test_an_added_cue_keeps_clear_of_its_neighbours() -> None:
    track = corrected(TRACK, [fix(6.0, "", "Oui.", 19.99)], "fr", CUES)
    added = track.cues[2]
    assert added.start_s >= 7.0 + CUES.limits("fr").min_gap_s - 0.001
    assert added.end_s <= added.start_s + CUES.limits("fr").max_duration_s


def test_a_long_line_is_broken_and_a_persons_own_lines_stay() -> None:
    long = "Je ne sais vraiment pas du tout ce que nous allons faire demain matin."
    assert len(corrected(TRACK, [fix(1.0, "Bonjour.", long)], "fr", CUES).cues[0].lines) == 2
    own = corrected(TRACK, [fix(1.0, "Bonjour.", " Bon\n\nsoir. ")], "fr", CUES).cues[0]
    assert own.lines == ("Bon", "soir.")


def test_a_persons_text_is_held_to_the_rules() -> None:
    long = "mot " * 40
    assert corrected(TRACK, [fix(1.0, "Bonjour.", long)], "fr", CUES).cues[0].reasons


def test_corrections_are_kept_by_medium_and_language(tmp_path) -> None:
    store = Store(str(tmp_path))
    write_corrections(store, "ab12", "fr", [fix(1.0, "a", "b")])
    assert read_corrections(store, "ab12", ("fr", "en")) == {"fr": (fix(1.0, "a", "b"),)}
    assert read_corrections(store, "cd34", ("fr",)) == {}


def test_a_damaged_file_is_told_and_left(tmp_path) -> None:
    store = Store(str(tmp_path))
    store.write_bytes("_voxtral/corrections/ab12/fr.json", b"[{")
    with pytest.raises(DamagedCorrections, match=r"fr\.json is damaged"):
        read_corrections(store, "ab12", ("fr",))
