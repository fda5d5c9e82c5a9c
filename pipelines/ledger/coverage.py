"""Speech that got no text: which stretches of a medium somebody may want to hear again.

It knows windows and their texts; it does not know whether VAD was right to call them speech.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.records import PartWindow, Record

SHORT_S = 2.0
"""Where the gate judged that nobody speaks, less than this is not worth a person's time."""


class Stretch(Record):
    """Speech without a text in ``language``; times are seconds of the medium, ``speech_s`` what VAD heard between."""

    language: str
    start_s: float
    end_s: float
    speech_s: float
    reason: str
    """``no_speech``: the gate judged that nobody speaks; else why there is no text, as the gate says it, or
    ``empty``."""

    @property
    def wants_a_look(self) -> bool:
        return self.reason != "no_speech" or self.speech_s >= SHORT_S


def speech_s(window: PartWindow) -> float:
    """Seconds of speech that VAD heard in it."""
    return sum(segment.end - segment.start for segment in window.segments)


def uncovered(windows: Sequence[PartWindow], language: str) -> tuple[Stretch, ...]:
    """The stretches of speech without a text in this language, in time order."""
    found = []
    for window in windows:
        text = next((t for t in (*window.targets, window.source) if t.language == language), None)
        if not window.segments or (text is not None and text.text.strip()):
            continue
        reasons = text.reasons if text is not None else ()
        silent = text is not None and text.verdict == "no_speech"
        found.append(
            Stretch(
                language=language,
                start_s=min(s.start for s in window.segments),
                end_s=max(s.end for s in window.segments),
                speech_s=speech_s(window),
                reason="no_speech" if silent else ", ".join(reasons) or "empty",
            )
        )
    return tuple(sorted(found, key=lambda stretch: stretch.start_s))
