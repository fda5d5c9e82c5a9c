"""When each cue of a track is shown: starts and ends that meet every hard rule, in whole milliseconds.

A cue starts when its speech does. It stays for the speech and for as long as reading takes, into the
silence after it, if there is room. Where there is not, it may start up to half a second early, and push the
next one up to half a second late; beyond that reading speed gives way, and only what the hard rules force
moves. The last cues of a medium move back rather than end after it. It knows nothing of text but how long
reading it takes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from quality.subtitle_rules import Profile

LEAD_MS = 500
"""A cue that lacks room may start this much before its speech."""
DELAY_MS = 500
"""For the sake of reading speed a cue may be this much later than the hard rules ask."""
CHAIN_MS = 458
"""A shorter gap is closed to the minimum (11 frames at 24 a second; Netflix timing, "chaining")."""


@dataclass(frozen=True)
class Spoken:
    """Speech of one cue, medium seconds, and how many seconds it takes to read."""

    start_s: float
    end_s: float
    reading_s: float


@dataclass(frozen=True)
class _Limits:
    shortest: int
    longest: int
    gap: int


def time_cues(spoken: Sequence[Spoken], profile: Profile, duration_s: float | None = None) -> list[tuple[int, int]]:
    """Start and end of each cue, milliseconds, in the order given.

    Always: no start below 0, the shortest and longest duration, the gap. Inside the medium of ``duration_s``, unless
    so many cues never fit into it. As far as these allow: starts at the speech, ends after it, reading speed.
    """
    shortest = max(1, math.ceil(profile.min_duration_s * 1000 - 1e-6))
    longest = max(shortest, math.floor(profile.max_duration_s * 1000 + 1e-6))
    limits = _Limits(shortest, longest, math.ceil(profile.min_gap_s * 1000 - 1e-6))
    end = None if duration_s is None else math.floor(duration_s * 1000 + 1e-6)
    wanted = [max(0, round(s.start_s * 1000)) for s in spoken]
    reading = [_between(math.ceil(s.reading_s * 1000 - 1e-6), shortest, longest) for s in spoken]
    starts = _starts(wanted, reading, limits, end)
    if end is not None:
        starts = _inside(starts, limits, end)
    times = []
    for i, start in enumerate(starts):
        # what is cut short at its end by the next cue is so by a rule; it never falls below the shortest
        following = i + 1 < len(starts)
        last = min(longest, starts[i + 1] - limits.gap - start) if following else longest
        if end is not None:
            last = max(shortest, min(last, end - start))
        length = min(last, max(reading[i], round(spoken[i].end_s * 1000) - start, shortest))
        if following and last < longest and last - length <= CHAIN_MS:
            length = last
        times.append((start, start + length))
    return times


def _starts(wanted: Sequence[int], reading: Sequence[int], limits: _Limits, end: int | None) -> list[int]:
    step = limits.shortest + limits.gap
    latest: list[int] = []  # no cue is ever later than this
    earliest: list[int] = []  # all as early as the lead allows, leaving time to read
    for i, start in enumerate(wanted):
        lead = max(0, start - LEAD_MS)
        if i == 0:
            latest.append(start)
            earliest.append(lead)
            continue
        latest.append(max(start + DELAY_MS, latest[-1] + step))
        after_reading = earliest[-1] + reading[i - 1] + limits.gap
        earliest.append(min(latest[-1], max(lead, after_reading)))
    starts = list(earliest)
    for i in range(len(wanted) - 1, -1, -1):
        # as near to the speech as the cue after it leaves room for
        following = starts[i + 1] - limits.gap if i + 1 < len(wanted) else end
        room = wanted[i] if following is None else following - reading[i]
        starts[i] = max(earliest[i], min(max(wanted[i], earliest[i]), room))
    return starts


def _inside(starts: Sequence[int], limits: _Limits, end: int) -> list[int]:
    """As late as the starts, but early enough for all cues to end inside the medium; where they never would, from
    its beginning on.
    """
    step = limits.shortest + limits.gap
    moved, latest = list(starts), end - limits.shortest
    for i in range(len(moved) - 1, -1, -1):
        moved[i] = min(moved[i], latest)
        latest = moved[i] - step
    return [max(start, i * step) for i, start in enumerate(moved)]


def _between(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))
