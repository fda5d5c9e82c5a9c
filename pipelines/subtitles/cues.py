"""Texts of a whole medium to its subtitles. A pure function of the parts: another profile costs no model
time.

For any input: at most ``max_lines`` lines of ``max_line_chars``, durations and gaps within the settings,
strictly in order, no overlap, and every word of the text in a cue (one that is longer than a line is cut).
Reading speed is met where there is room; a cue that is too fast says so in its reasons. It knows windows,
not media: a cue may outlast the last speech.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipelines.records import Cue, PartWindow, Text
from pipelines.settings import CueSettings
from pipelines.subtitles.cue_chunks import Chunk, window_chunks
from pipelines.subtitles.cue_timing import Spoken, time_cues
from pipelines.subtitles.line_breaks import best_lines
from quality.subtitle_rules import Profile, check_cue, reading_length


def profile_of(settings: CueSettings) -> Profile:
    """The limits that cues made with these settings are checked against."""
    return Profile(
        max_line_chars=settings.max_line_chars,
        max_lines=settings.max_lines,
        max_cps=settings.max_cps,
        min_duration_s=settings.min_duration_s,
        max_duration_s=settings.max_duration_s,
        min_gap_s=settings.min_gap_s,
    )


def make_cues(windows: Sequence[PartWindow], language: str, settings: CueSettings) -> list[Cue]:
    """The cues of a medium in ``language``, numbered from 1, times in whole milliseconds.

    ``windows`` are all windows of the medium; they are taken in the order of their starts. A language that
    no window was translated into but that is spoken gives the transcript. Windows without text, or where
    nobody speaks, give no cue.
    """
    chunks: list[Chunk] = []
    for window in sorted(windows, key=_start):
        text = _text_in(window, language)
        if text is not None and text.verdict != "no_speech":
            chunks += window_chunks(window, text, settings)
    shown = [best_lines(chunk.units, chunk.text.language, settings.max_line_chars) for chunk in chunks]
    spoken = [
        Spoken(chunk.start_s, chunk.end_s, reading_length("\n".join(lines)))
        for chunk, lines in zip(chunks, shown, strict=True)
    ]
    times = time_cues(spoken, settings)
    return [
        _cue(number, chunk, lines, start, end, settings)
        for number, (chunk, lines, (start, end)) in enumerate(zip(chunks, shown, times, strict=True), start=1)
    ]


def _cue(number: int, chunk: Chunk, lines: tuple[str, ...], start_ms: int, end_ms: int, settings: CueSettings) -> Cue:
    broken = check_cue("\n".join(lines), (end_ms - start_ms) / 1000, profile_of(settings))
    reasons = dict.fromkeys((*chunk.text.reasons, *(violation.rule for violation in broken)))
    return Cue(
        index=number,
        start_s=start_ms / 1000,
        end_s=end_ms / 1000,
        lines=lines,
        source=chunk.source,
        score=chunk.text.score,
        verdict=chunk.text.verdict,
        reasons=tuple(reasons),
    )


def _text_in(window: PartWindow, language: str) -> Text | None:
    for text in window.targets:
        if text.language == language:
            return text
    return window.source if window.source.language == language else None


def _start(window: PartWindow) -> float:
    return window.start_s if math.isfinite(window.start_s) else 0.0
