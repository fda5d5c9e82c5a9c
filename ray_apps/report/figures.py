"""The figures of a report, as shapes in a box of 1000 by 100: bars that a page stretches to the room it has.

No text is inside, for it would be stretched too: a page writes ``left``, ``right`` and ``top`` beside the box, and
``desc`` is for those who do not see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ray_apps.report.facts import Quality, Session, Work

WIDTH, HEIGHT = 1000.0, 100.0
_GAP = 12.0
"""Between two sessions."""


@dataclass(frozen=True)
class Rect:
    x: float
    y: float
    width: float
    height: float
    kind: str = ""


@dataclass(frozen=True)
class Figure:
    """``rects`` by their upper left corner, y downwards; ``top`` is what the whole height stands for."""

    title: str
    desc: str
    rects: tuple[Rect, ...]
    breaks: tuple[float, ...] = ()
    """Where, across, time is left out."""
    top: str = ""
    left: str = ""
    right: str = ""


def speed_figure(work: Work, left: str, right: str) -> Figure:
    """Audio done a second, over the time of work; pauses are left out and marked."""
    sessions = work.sessions.rows
    highest = max((bar.speed for s in sessions for bar in s.bars), default=0.0) or 1.0
    room = WIDTH - _GAP * (len(sessions) - 1)
    a_second = room / (sum(s.length_s for s in sessions) or 1.0)
    rects: list[Rect] = []
    breaks: list[float] = []
    x = 0.0
    for number, session in enumerate(sessions):
        if number:
            breaks.append(x + _GAP / 2)
            x += _GAP
        rects += _bars(session, x, a_second, highest)
        x += session.length_s * a_second
    return Figure(
        title="Speed over time",
        desc=f"Seconds of audio done a second, from {left} to {right}: {_mean(sessions):.1f} in the mean, "
        f"{highest:.1f} at most. {len(breaks)} pauses are left out.",
        rects=tuple(rects),
        breaks=tuple(breaks),
        top=f"{highest:,.1f} × real time",
        left=left,
        right=right,
    )


def score_figure(quality: Quality) -> Figure:
    """How many cues have which score."""
    steps, highest = len(quality.scores), max(quality.scores, default=0) or 1
    width = WIDTH / max(steps, 1)
    return Figure(
        title="Cues by score",
        desc=f"{quality.cues} cues, mean score {quality.mean_score:.2f}; "
        + ", ".join(f"{count} from {i / steps:.2f}" for i, count in enumerate(quality.scores) if count),
        rects=tuple(
            _bar(i * width, width, count / highest, "low" if i < steps / 2 else "")
            for i, count in enumerate(quality.scores)
        ),
        top=f"{highest:,} cues",
        left="0",
        right="1",
    )


def stage_figure(work: Work) -> Figure:
    """What share of the time each stage took, side by side."""
    whole = sum(stage.total_s for stage in work.stages) or 1.0
    rects, x = [], 0.0
    for number, stage in enumerate(work.stages):
        width = WIDTH * stage.total_s / whole
        rects.append(Rect(x, 0.0, max(width - 2, 1.0), HEIGHT, f"stage-{number % 6}"))
        x += width
    shares = ", ".join(f"{stage.stage} {stage.total_s / whole:.0%}" for stage in work.stages)
    return Figure(title="Share of the time by stage", desc=shares, rects=tuple(rects))


def _bars(session: Session, x: float, a_second: float, highest: float) -> Iterator[Rect]:
    for bar in session.bars:
        width = bar.length_s * a_second
        yield _bar(x, width, bar.speed / highest)
        x += width


def _bar(x: float, width: float, share: float, kind: str = "") -> Rect:
    """A bar that stands on the ground, with a little air on its right; what is not nothing is to be seen."""
    height = max(HEIGHT * share, 1.0) if share > 0 else 0.0
    return Rect(x, HEIGHT - height, max(width * 0.88, 0.5), height, kind)


def _mean(sessions: tuple[Session, ...]) -> float:
    return sum(s.audio_s for s in sessions) / (sum(s.length_s for s in sessions) or 1.0)
