"""Is a cue readable: the rules of a subtitle profile, for one cue and for a whole track.

Numbers of the default profile: Netflix timed text style guide. 42 characters a line and 17 characters a
second: French (partner help 217351577) and Turkish (215342858) for adult programmes; two lines, 5/6 of a
second to seven seconds, two frames between cues (here at 24 a second): general requirements (215758617) and
timing (360051554394).

Characters are counted as Subtitle Edit does: all that is visible, spaces and punctuation included, tags
removed, NFC; a line break counts as nothing. Times are kept in whole milliseconds, so half of one is no
violation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from quality.text import plain

TOLERANCE_S = 0.0005


@dataclass(frozen=True)
class Profile:
    """Limits of a subtitle: characters, characters a second, seconds."""

    max_line_chars: int = 42
    max_lines: int = 2
    max_cps: float = 17.0
    min_duration_s: float = 5 / 6
    max_duration_s: float = 7.0
    min_gap_s: float = 2 / 24


NETFLIX = Profile()


@dataclass(frozen=True)
class Violation:
    """A rule that is broken, what was measured and what was allowed; ``cue`` is the position in the track,
    from 0.

    Rules: ``empty``, ``duration`` (not a positive number), ``line_length``, ``lines``, ``reading_speed``,
    ``min_duration``, ``max_duration``; in a track also ``order``, ``overlap``, ``gap``.
    """

    rule: str
    measured: float
    limit: float
    cue: int | None = None


def line_lengths(text: str) -> tuple[int, ...]:
    """Visible characters of each line; a cue without text has no line."""
    visible = plain(text)
    if not visible.strip():
        return ()
    return tuple(len(line.strip()) for line in visible.split("\n"))


def reading_length(text: str) -> int:
    """Visible characters that a viewer has to read; line breaks count as nothing."""
    return sum(line_lengths(text))


def reading_speed(text: str, duration: float) -> float:
    """Characters a second; 0 for a cue without text, infinite for text in no (sensible) time."""
    length = reading_length(text)
    if length == 0:
        return 0.0
    return length / duration if math.isfinite(duration) and duration > 0 else math.inf


def check_cue(text: str, duration: float, profile: Profile = NETFLIX) -> tuple[Violation, ...]:
    """All rules that one cue breaks, shown for ``duration`` seconds.

    A duration that is NaN, infinite, zero or negative breaks the rule ``duration`` and no other rule about
    time.
    """
    found: list[Violation] = []
    lengths = line_lengths(text)
    if not lengths:
        found.append(Violation("empty", 0, 1))
    longest = max(lengths, default=0)
    if longest > profile.max_line_chars:
        found.append(Violation("line_length", longest, profile.max_line_chars))
    if len(lengths) > profile.max_lines:
        found.append(Violation("lines", len(lengths), profile.max_lines))
    if not (math.isfinite(duration) and duration > 0):
        found.append(Violation("duration", duration, 0.0))
        return tuple(found)
    speed = reading_speed(text, duration + TOLERANCE_S)
    if speed > profile.max_cps:
        found.append(Violation("reading_speed", reading_speed(text, duration), profile.max_cps))
    if duration < profile.min_duration_s - TOLERANCE_S:
        found.append(Violation("min_duration", duration, profile.min_duration_s))
    if duration > profile.max_duration_s + TOLERANCE_S:
        found.append(Violation("max_duration", duration, profile.max_duration_s))
    return tuple(found)


def check_track(cues: Sequence[tuple[float, float, str]], profile: Profile = NETFLIX) -> tuple[Violation, ...]:
    """All rules that a track of (start, end, text) breaks, in the order of its cues.

    ``order``: a cue starts before the one before it (or its start is no number); ``overlap``: it starts
    before that one has ended; ``gap``: it leaves less than the profile's gap after it.
    """
    found: list[Violation] = []
    for position, (start, end, text) in enumerate(cues):
        own = check_cue(text, end - start, profile)
        found += [Violation(v.rule, v.measured, v.limit, position) for v in own]
        if position == 0:
            continue
        before_start, before_end, _ = cues[position - 1]
        gap = start - before_end
        if not start >= before_start:
            found.append(Violation("order", start, before_start, position))
        elif not gap >= -TOLERANCE_S:
            found.append(Violation("overlap", gap, 0.0, position))
        elif gap < profile.min_gap_s - TOLERANCE_S:
            found.append(Violation("gap", gap, profile.min_gap_s, position))
    return tuple(found)
