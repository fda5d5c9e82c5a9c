"""Speech without a text is listed, with why."""

from __future__ import annotations

from pipelines.ledger.coverage import uncovered
from pipelines.records import PartWindow, Segment, Text


def text(words: str, language: str = "fr", **other) -> Text:
    fields = {"logprob": -0.1, "score": 0.9, "verdict": "accepted"} | other
    return Text(language=language, text=words, **fields)


def window(start_s: float, *targets: Text, speech_s: float = 4.0) -> PartWindow:
    segments = (Segment(start=start_s + 1, end=start_s + 1 + speech_s, confidence=0.9),)
    source = text("Merhaba.", "tr")
    return PartWindow(start_s=start_s, end_s=start_s + 9, segments=segments, source=source, targets=targets)


def test_speech_with_a_text_is_covered() -> None:
    assert uncovered([window(0, text("Bonjour."))], "fr") == ()
    assert uncovered([window(0)], "tr") == ()  # the transcript is the text of the spoken language


def test_each_stretch_tells_when_and_why() -> None:
    windows = [
        window(40, text("Hello.", "en")),
        window(20, text("", verdict="needs_review", reasons=("empty",))),
        window(0, text(" ", verdict="no_speech", reasons=("no_speech",))),
    ]
    found = uncovered(windows, "fr")
    assert [(s.start_s, s.end_s, s.speech_s, s.reason) for s in found] == [
        (1, 5, 4, "no_speech"),
        (21, 25, 4, "empty"),
        (41, 45, 4, "empty"),
    ]


def test_a_moment_in_which_nobody_speaks_is_not_worth_a_look() -> None:
    silent = text("", verdict="no_speech")
    short, long = uncovered([window(0, silent, speech_s=0.4), window(20, silent)], "fr")
    assert (short.wants_a_look, long.wants_a_look) == (False, True)
