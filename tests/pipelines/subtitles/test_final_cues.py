"""Cues that are told before the medium is done are those of the whole medium."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.records import PartWindow, Segment, Text
from pipelines.settings import CueSettings
from pipelines.subtitles.cues import make_cues
from pipelines.subtitles.final_cues import final_cues

CUES = CueSettings()
SENTENCES = ["Oui.", "Il arrive demain.", "Nous avons vu mon grand frère jeudi dernier, à la gare.", "Non, merci !"]


@st.composite
def media(draw: st.DrawFn) -> tuple[list[PartWindow], float]:
    """Windows one after the other, with and without pauses, speech slow and too fast to read; and the duration."""
    made: list[PartWindow] = []
    at = draw(st.floats(0, 3))
    for _ in range(draw(st.integers(1, 7))):
        segments = []
        for _ in range(draw(st.integers(1, 4))):
            end = at + draw(st.floats(0.3, 5))
            segments.append(Segment(start=at, end=end, confidence=0.9))
            at = end + draw(st.sampled_from([0.0, 0.05, 0.4, 3.0]))
        text = " ".join(draw(st.lists(st.sampled_from(SENTENCES), min_size=0, max_size=6)))
        made.append(window(segments, text))
    return made, at + draw(st.floats(0, 2))


def window(segments: list[Segment], text: str) -> PartWindow:
    shown = Text(language="fr", text=text, logprob=-0.1, score=0.9, verdict="accepted")
    return PartWindow(
        start_s=segments[0].start, end_s=segments[-1].end, segments=tuple(segments), source=shown, targets=(shown,)
    )


@given(media())
@settings(max_examples=200, deadline=None)
def test_no_later_speech_changes_a_final_cue(medium: tuple[list[PartWindow], float]) -> None:
    windows, duration_s = medium
    for known in range(1, len(windows)):
        until_s = windows[known - 1].end_s
        early = final_cues(windows[:known], "fr", CUES, until_s)
        assert early == make_cues(windows, "fr", CUES)[: len(early)]
        early = final_cues(windows[:known], "fr", CUES, until_s, duration_s + 60)
        assert early == make_cues(windows, "fr", CUES, duration_s + 60)[: len(early)]


def test_after_a_pause_all_but_the_last_cue_are_final() -> None:
    spoken = [[Segment(start=s, end=s + 3, confidence=0.9)] for s in (0.0, 10.0, 20.0)]
    windows = [window(segments, "Nous avons vu mon grand frère.") for segments in spoken]
    assert [len(final_cues(windows[:n], "fr", CUES, windows[n - 1].end_s + 5)) for n in (1, 2, 3)] == [0, 1, 2]
