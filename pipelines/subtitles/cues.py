"""Texts of a whole medium to its subtitles. A pure function of the parts: another profile costs no model
time.

For any input: at most ``max_lines`` lines of ``max_line_chars``, durations and gaps within the settings,
strictly in order, no overlap, and every word of the text in a cue (one that is longer than a line is cut).
Reading speed is met where there is room, and cues end inside the medium if they all find room there. A cue that
breaks a rule of its profile, because the speech leaves no other way, says so in its reasons. A bilingual cue has the
translation, which is what most read, above, and its share of the transcript beneath.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from pipelines.records import Cue, PartWindow, Text
from pipelines.settings import CueSettings
from pipelines.subtitles.cue_chunks import Chunk, window_chunks
from pipelines.subtitles.cue_timing import Spoken, time_cues
from pipelines.subtitles.line_breaks import best_lines, parted
from quality.subtitle_rules import Profile, Shown, Violation, check_track


def make_cues(
    windows: Sequence[PartWindow], language: str, settings: CueSettings, duration_s: float | None = None
) -> list[Cue]:
    """The cues of a medium in ``language``, numbered from 1, times in whole milliseconds.

    ``windows`` are all windows of the medium; they are taken in the order of their starts. A language that
    no window was translated into but that is spoken gives the transcript. Windows without text, or where
    nobody speaks, give no cue. ``duration_s`` is the medium's, if it is known.
    """
    limits = settings.limits(language)
    chunks: list[Chunk] = []
    for window in sorted(windows, key=_start):
        text = _text_in(window, language)
        if text is not None and text.verdict != "no_speech":
            chunks += window_chunks(window, text, settings, limits)
    shown = [_shown(chunk, limits) for chunk in chunks]
    spoken = [
        Spoken(chunk.start_s, chunk.end_s, max(map(limits.reading_s, texts)))
        for chunk, texts in zip(chunks, shown, strict=True)
    ]
    times = time_cues(spoken, limits, duration_s)
    cues = [_cue(number, *made) for number, made in enumerate(zip(chunks, shown, times, strict=True), start=1)]
    broken = check_cues(cues, language, settings, duration_s)
    rules: list[list[str]] = [[] for _ in cues]
    for violation in broken:
        rules[violation.cue or 0].append(violation.rule)
    return [
        cue.model_copy(update={"reasons": tuple(dict.fromkeys((*cue.reasons, *own)))}) if own else cue
        for cue, own in zip(cues, rules, strict=True)
    ]


def check_cues(
    cues: Sequence[Cue], language: str, settings: CueSettings, duration_s: float | None = None
) -> tuple[Violation, ...]:
    """The rules of their profile that cues in ``language`` break.

    Beside those of a track: ``line_break``, where a cue's lines, or a cue and the next, part what belongs together
    (measured: how often).
    """
    limits = settings.limits(language)
    track = [Shown(cue.start_s, cue.end_s, cue.text, "\n".join(cue.beneath)) for cue in cues]
    found = list(check_track(track, limits, duration_s))
    for position, cue in enumerate(cues):
        goes_on = [cues[position + 1].lines[0]] if position + 1 < len(cues) and _goes_on(cues[position + 1]) else []
        bad = sum(parted(*pair, language, limits.max_line_chars) for pair in pairwise([*cue.lines, *goes_on]))
        if bad:
            found.append(Violation("line_break", bad, 0, position))
    return tuple(sorted(found, key=lambda violation: violation.cue or 0))


def _goes_on(cue: Cue) -> bool:
    return bool(cue.lines) and cue.lines[0][:1].islower()


def _shown(chunk: Chunk, limits: Profile) -> tuple[str, str]:
    """The lines of a cue and those beneath them."""
    of, beneath = (
        "\n".join(best_lines(units, language, limits.max_line_chars))
        for units, language in ((chunk.units, chunk.text.language), (chunk.beneath, chunk.source_language))
    )
    return of, beneath


def _cue(number: int, chunk: Chunk, shown: tuple[str, str], times: tuple[int, int]) -> Cue:
    lines, beneath = shown
    return Cue(
        index=number,
        start_s=times[0] / 1000,
        end_s=times[1] / 1000,
        lines=tuple(lines.split("\n")),
        source=chunk.source,
        score=chunk.text.score,
        verdict=chunk.text.verdict,
        reasons=chunk.text.reasons,
        beneath=tuple(beneath.split("\n")) if beneath else (),
    )


def _text_in(window: PartWindow, language: str) -> Text | None:
    for text in window.targets:
        if text.language == language:
            return text
    return window.source if window.source.language == language else None


def _start(window: PartWindow) -> float:
    return window.start_s if math.isfinite(window.start_s) else 0.0
