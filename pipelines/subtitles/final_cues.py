"""Which cues of a medium that is still being translated will stay as they are.

A later cue may pull an earlier one forward, to leave itself room. How far is bounded by two futures: silence, and text
that begins the moment after and wants more time than there is. A start that is the same in both is the same in all
futures between them, for a cue's start only grows with its successor's (:mod:`pipelines.subtitles.cue_timing`); and
with the start after it, a cue's end and its broken rules are settled too. The last cue waits for its successor, and
in speech that leaves no pause, those coupled to it wait with it.

Not covered: more cues near a medium's end than its last seconds can show at all, which push earlier ones together.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.records import Cue, PartWindow, Segment, Text
from pipelines.settings import CueSettings
from pipelines.subtitles.cues import make_cues

_TOO_MUCH = "Il parle sans arrêt. " * 24
_MOMENT_S = 0.05


def final_cues(
    windows: Sequence[PartWindow],
    language: str,
    settings: CueSettings,
    until_s: float,
    duration_s: float | None = None,
) -> list[Cue]:
    """The first cues of :func:`make_cues`, as many as no speech from ``until_s`` on can change.

    ``windows`` are all of the medium up to ``until_s``, seconds; ``duration_s`` is the medium's.
    """
    silence = make_cues(windows, language, settings, duration_s)
    pressed = make_cues([*windows, _pressing(until_s, language)], language, settings, duration_s)
    same = 0
    for quiet, hurried in zip(silence, pressed, strict=False):
        if quiet.start_s != hurried.start_s:
            break
        same += 1
    return silence[: max(0, same - 1)]


def _pressing(at_s: float, language: str) -> PartWindow:
    text = Text(language=language, text=_TOO_MUCH, logprob=0.0, score=1.0, verdict="accepted")
    segment = Segment(start=at_s, end=at_s + _MOMENT_S, confidence=1.0)
    return PartWindow(start_s=at_s, end_s=segment.end, segments=(segment,), source=text, targets=(text,))
