"""A run as a picture: a line a worker, time from left to right, every stage in its colour; the darker the busier.

SVG by ``drawsvg``. However long the run is, a line has :data:`_STEPS` steps at most.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import drawsvg

from cluster.profile.book import HandOver, Snapshot
from cluster.profiler import Span

_STEPS = 240
_LINES = 80
"""Workers that are drawn: those that worked most."""
_LEFT, _WIDTH, _TOP, _HEIGHT, _GAP = 250, 960, 64, 16, 4
_COLOURS = ("#3465a4", "#c17d11", "#4e9a06", "#75507b", "#06989a", "#a40000")
_FONT = {"font_family": "sans-serif", "fill": "#222"}


def picture(snapshot: Snapshot) -> str:
    """The SVG's text."""
    spans = [span for told in snapshot.workers for span in told.spans]
    begin = min((span.ended_at - span.seconds for span in spans), default=0.0)
    step_s = max(max((span.ended_at for span in spans), default=0.0) - begin, 1e-3) / _STEPS
    workers = sorted((told for told in snapshot.workers if told.spans), key=_worked)[-_LINES:]
    workers.sort(key=lambda told: (told.worker.node, told.worker.name, told.began_at))
    colours = dict(zip(sorted({span.stage for span in spans}), _COLOURS * len(spans), strict=False))
    height = _TOP + len(workers) * (_HEIGHT + _GAP) + 32
    drawing = drawsvg.Drawing(_LEFT + _WIDTH + 24, height)
    drawing.append(drawsvg.Rectangle(0, 0, "100%", "100%", fill="white"))
    title = f"{_STEPS * step_s:.0f} s of work by {len(workers)} of {len(snapshot.workers)} workers"
    drawing.append(drawsvg.Text(title, 15, 12, 24, font_weight="bold", **_FONT))
    for number, (stage, colour) in enumerate(colours.items()):
        drawing.append(drawsvg.Rectangle(_LEFT + number * 130, 36, 14, 14, fill=colour))
        drawing.append(drawsvg.Text(stage, 13, _LEFT + number * 130 + 20, 48, **_FONT))
    for number, told in enumerate(workers):
        _draw(drawing, told, _TOP + number * (_HEIGHT + _GAP), begin, step_s, colours)
    for number in range(5):
        x = _LEFT + number / 4 * _WIDTH
        drawing.append(
            drawsvg.Text(f"{number / 4 * _STEPS * step_s:.0f} s", 12, x, height - 12, text_anchor="middle", **_FONT)
        )
    return str(drawing.as_svg())


def _worked(told: HandOver) -> float:
    return sum(span.seconds for span in told.spans)


def _draw(
    drawing: drawsvg.Drawing, told: HandOver, y: float, begin: float, step_s: float, colours: dict[str, str]
) -> None:
    name = f"{told.worker.node} {told.worker.name}"
    drawing.append(drawsvg.Text(name, 12, _LEFT - 8, y + 13, text_anchor="end", **_FONT))
    drawing.append(drawsvg.Rectangle(_LEFT, y, _WIDTH, _HEIGHT, fill="#f3f3f3"))
    for step, stages in enumerate(_steps(told.spans, begin, step_s)):
        if stages:
            stage = max(stages, key=lambda name: stages[name])
            busy = min(1.0, sum(stages.values()) / step_s)
            x, width = _LEFT + step * _WIDTH / _STEPS, _WIDTH / _STEPS
            drawing.append(
                drawsvg.Rectangle(x, y, width, _HEIGHT, fill=colours[stage], fill_opacity=round(max(0.1, busy), 2))
            )


def _steps(spans: Iterable[Span], begin: float, step_s: float) -> Sequence[dict[str, float]]:
    """Seconds by stage, for every step."""
    steps: list[dict[str, float]] = [defaultdict(float) for _ in range(_STEPS)]
    for span in spans:
        start, end = span.ended_at - span.seconds - begin, span.ended_at - begin
        for step in range(int(start / step_s), min(_STEPS - 1, int(end / step_s)) + 1):
            steps[step][span.stage] += max(0.0, min(end, (step + 1) * step_s) - max(start, step * step_s))
    return steps
