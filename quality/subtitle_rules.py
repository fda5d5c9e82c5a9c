"""Is a cue readable: the rules of a subtitle profile, for one cue and for a whole track.

Characters are counted as Subtitle Edit does: all that is visible, spaces and punctuation included, tags
removed, NFC; a line break counts as nothing. Times are kept in whole milliseconds, so half of one is no
violation. Which numbers a profile has is said in :mod:`quality.subtitle_profiles`.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from quality.text import plain

TOLERANCE_S = 0.0005


@dataclass(frozen=True)
class Profile:
    """Limits of a subtitle: characters, characters or words a time, seconds.

    Reading speed may be limited in three ways, and every one that is set holds: ``max_cps`` characters a second,
    ``max_wpm`` words a minute, and ``chars_by_s``, points (seconds shown, characters allowed) of a curve that is
    straight between them and keeps its last point's speed after it.
    """

    max_line_chars: int = 42
    max_lines: int = 2
    max_cps: float | None = 17.0
    max_wpm: float | None = None
    chars_by_s: tuple[tuple[float, float], ...] = ()
    min_duration_s: float = 5 / 6
    max_duration_s: float = 7.0
    min_gap_s: float = 2 / 24

    def reading_s(self, text: str) -> float:
        """How long a text has to be shown to be read, seconds."""
        chars = reading_length(text)
        by_chars = chars / self.max_cps if self.max_cps else 0.0
        by_words = reading_words(text) * 60 / self.max_wpm if self.max_wpm else 0.0
        return max(by_chars, by_words, _on_curve(chars, [(c, s) for s, c in self.chars_by_s]))

    def allowed_chars(self, duration: float) -> float:
        """What ``chars_by_s`` allows to be shown for so many seconds; infinite without a curve."""
        return _on_curve(duration, self.chars_by_s) if self.chars_by_s else math.inf


NETFLIX = Profile()
"""Netflix for adults, in French and Turkish (:mod:`quality.subtitle_profiles` has all others)."""


@dataclass(frozen=True)
class Violation:
    """A rule that is broken, what was measured and what was allowed; ``cue`` is the position in the track,
    from 0.

    Rules: ``empty``, ``duration`` (not a positive number), ``line_length``, ``lines``, ``reading_speed`` (in the
    unit of the limit: characters a second, words a minute, or characters), ``min_duration``, ``max_duration``; in
    a track also ``order``, ``overlap``, ``gap``, ``outside`` (of the medium).
    """

    rule: str
    measured: float
    limit: float
    cue: int | None = None


class Shown(NamedTuple):
    """A cue of a track: seconds, and what is read; ``second`` is the same in another language, in a bilingual cue."""

    start_s: float
    end_s: float
    text: str
    second: str = ""


def line_lengths(text: str) -> tuple[int, ...]:
    """Visible characters of each line; a cue without text has no line."""
    visible = plain(text)
    if not visible.strip():
        return ()
    return tuple(len(line.strip()) for line in visible.split("\n"))


def reading_length(text: str) -> int:
    """Visible characters that a viewer has to read; line breaks count as nothing."""
    return sum(line_lengths(text))


def reading_words(text: str) -> int:
    """Words between blanks; marks that stand alone are none."""
    return sum(any(map(str.isalnum, word)) for word in plain(text).split())


def reading_speed(text: str, duration: float) -> float:
    """Characters a second; 0 for a cue without text, infinite for text in no (sensible) time."""
    length = reading_length(text)
    if length == 0:
        return 0.0
    return length / duration if math.isfinite(duration) and duration > 0 else math.inf


def check_cue(text: str, duration: float, profile: Profile = NETFLIX, *, second: str = "") -> tuple[Violation, ...]:
    """All rules that one cue breaks, shown for ``duration`` seconds.

    ``second`` is the same text in another language beneath it: its lines count, and a viewer reads one of the two.
    A duration that is NaN, infinite, zero or negative breaks the rule ``duration`` and no other rule about
    time.
    """
    found: list[Violation] = []
    lengths = (*line_lengths(text), *line_lengths(second))
    if not line_lengths(text):
        found.append(Violation("empty", 0, 1))
    longest = max(lengths, default=0)
    if longest > profile.max_line_chars:
        found.append(Violation("line_length", longest, profile.max_line_chars))
    if len(lengths) > profile.max_lines:
        found.append(Violation("lines", len(lengths), profile.max_lines))
    if not (math.isfinite(duration) and duration > 0):
        found.append(Violation("duration", duration, 0.0))
        return tuple(found)
    slower = max(text, second, key=profile.reading_s)
    if profile.reading_s(slower) > duration + TOLERANCE_S:
        found.append(_too_fast(slower, duration, profile))
    if duration < profile.min_duration_s - TOLERANCE_S:
        found.append(Violation("min_duration", duration, profile.min_duration_s))
    if duration > profile.max_duration_s + TOLERANCE_S:
        found.append(Violation("max_duration", duration, profile.max_duration_s))
    return tuple(found)


def check_track(
    cues: Sequence[Shown | tuple[float, float, str]], profile: Profile = NETFLIX, duration_s: float | None = None
) -> tuple[Violation, ...]:
    """All rules that a track of (start, end, text) breaks, in the order of its cues.

    ``order``: a cue starts before the one before it (or its start is no number); ``overlap``: it starts
    before that one has ended; ``gap``: it leaves less than the profile's gap after it; ``outside``: it starts
    before the medium does, or ends after it, where its ``duration_s`` is known.
    """
    found: list[Violation] = []
    track = [Shown(*cue) for cue in cues]
    for position, cue in enumerate(track):
        own = list(check_cue(cue.text, cue.end_s - cue.start_s, profile, second=cue.second))
        if cue.start_s < -TOLERANCE_S:
            own.append(Violation("outside", cue.start_s, 0.0))
        elif duration_s is not None and cue.end_s > duration_s + TOLERANCE_S:
            own.append(Violation("outside", cue.end_s, duration_s))
        if position > 0:
            own += _against(track[position - 1], cue, profile)
        found += [Violation(v.rule, v.measured, v.limit, position) for v in own]
    return tuple(found)


def _against(before: Shown, cue: Shown, profile: Profile) -> list[Violation]:
    gap = cue.start_s - before.end_s
    if not cue.start_s >= before.start_s:
        return [Violation("order", cue.start_s, before.start_s)]
    if not gap >= -TOLERANCE_S:
        return [Violation("overlap", gap, 0.0)]
    if gap < profile.min_gap_s - TOLERANCE_S:
        return [Violation("gap", gap, profile.min_gap_s)]
    return []


def _too_fast(text: str, duration: float, profile: Profile) -> Violation:
    """The limit that is broken most."""
    chars = reading_length(text)
    found = [(float(chars), profile.allowed_chars(duration))]
    if profile.max_cps:
        found.append((chars / duration, profile.max_cps))
    if profile.max_wpm:
        found.append((reading_words(text) * 60 / duration, profile.max_wpm))
    measured, limit = max(found, key=lambda pair: pair[0] / pair[1])
    return Violation("reading_speed", measured, limit)


def _on_curve(x: float, points: Sequence[tuple[float, float]]) -> float:
    """y at ``x`` of straight lines from the origin through ``points``, which rise; 0 for a curve of none."""
    if not points:
        return 0.0
    x_last, y_last = points[-1]
    if x >= x_last:
        return x * y_last / x_last
    at = bisect_left([px for px, _ in points], x)
    (x0, y0), (x1, y1) = ((0.0, 0.0), *points)[at : at + 2]
    return y0 + (x - x0) * (y1 - y0) / (x1 - x0)
