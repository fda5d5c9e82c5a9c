"""The dashboard as a picture: every panel with the lines that a Prometheus recorded, in SVG, which every page shows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from cluster.metrics.panels import Panel, Row
from cluster.metrics.prometheus import Line

_ACROSS, _WIDTH, _HEIGHT, _ROW = 3, 400, 210, 34
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 30, 52
_COLOURS = ("#3465a4", "#cc6d00", "#4e9a06", "#a40000", "#75507b", "#8f5902", "#2e8b8b", "#d3548b")
_UNITS = {"s": " s", "percent": " %", "ops": "/s", "reqps": "/s"}
_LINES = 8

Recorded = Mapping[str, Sequence[Line]]
"""What each expression gave."""


@dataclass(frozen=True)
class Shown:
    """A line with its name."""

    name: str
    points: tuple[tuple[float, float], ...]


def picture(title: str, rows: Sequence[Row], recorded: Recorded) -> str:
    """An SVG of all panels, three abreast, over the time that was recorded."""
    times = [t for lines in recorded.values() for line in lines for t, _ in line.points]
    span = (min(times), max(times)) if times else (0.0, 1.0)
    parts: list[str] = []
    top = 40
    for row in rows:
        parts.append(f'<text x="12" y="{top + 22}" font-size="15" font-weight="bold">{escape(row.title)}</text>')
        top += _ROW
        for at, panel in enumerate(row.panels):
            x, y = at % _ACROSS * _WIDTH, top + at // _ACROSS * _HEIGHT
            parts.append(f'<g transform="translate({x} {y})">{_panel(panel, recorded, span)}</g>')
        top += -(-len(row.panels) // _ACROSS) * _HEIGHT
    width = _ACROSS * _WIDTH
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}" height="{top}" '
        f'font-family="sans-serif"><rect width="{width}" height="{top}" fill="white"/>'
        f'<text x="12" y="26" font-size="17" font-weight="bold">{escape(title)}</text>'
    )
    return "\n".join([head, *parts, "</svg>\n"])


def _panel(panel: Panel, recorded: Recorded, span: tuple[float, float]) -> str:
    lines = [shown for legend, expression in panel.queries.items() for shown in _shown(legend, recorded[expression])]
    frame = (
        f'<rect x="6" y="4" width="{_WIDTH - 12}" height="{_HEIGHT - 10}" fill="none" stroke="#ccc"/>'
        f'<text x="14" y="22" font-size="13">{escape(panel.title)}</text>'
    )
    if not lines:
        empty = "no GPU here" if panel.gpu_only else "no data"
        return f'{frame}<text x="{_WIDTH / 2}" y="{_HEIGHT / 2}" font-size="12" text-anchor="middle">{empty}</text>'
    return frame + _chart(lines[:_LINES], panel.unit, span) + _legend(lines)


def _shown(legend: str, lines: Sequence[Line]) -> list[Shown]:
    finite = [
        Shown(_named(legend, line.labels), tuple((t, v) for t, v in line.points if math.isfinite(v))) for line in lines
    ]
    return sorted((one for one in finite if one.points), key=lambda one: one.name)


def _named(legend: str, labels: Mapping[str, str]) -> str:
    """The legend with the labels' values, as Grafana puts them in."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend)


def _chart(lines: Sequence[Shown], unit: str, span: tuple[float, float]) -> str:
    first, last = span
    highest = _round_up(max(v for line in lines for _, v in line.points))
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def at(t: float, v: float) -> str:
        x = _LEFT + (t - first) / max(last - first, 1e-9) * wide
        return f"{x:.1f},{_TOP + high * (1 - max(v, 0.0) / highest):.1f}"

    grid = "".join(
        f'<path d="M{at(first, v)} L{at(last, v)}" stroke="#e4e4e4"/>'
        f'<text x="{_LEFT - 5}" y="{_TOP + high * (1 - v / highest) + 4:.1f}" font-size="10" text-anchor="end">'
        f"{escape(_value(v, unit))}</text>"
        for v in (0.0, highest / 2, highest)
    )
    drawn = "".join(
        f'<polyline points="{" ".join(at(t, v) for t, v in line.points)}" fill="none" stroke="{_COLOURS[i]}" '
        f'stroke-width="1.5"/>'
        for i, line in enumerate(lines)
    )
    return grid + drawn


def _legend(lines: Sequence[Shown]) -> str:
    """Names below the chart, in two lines."""
    places, parts = _LINES // 2, []
    for i, line in enumerate(lines[:_LINES]):
        x, y = 14 + i % places * (_WIDTH - 24) / places, _HEIGHT - 34 + i // places * 14
        name = line.name if len(line.name) <= 16 else line.name[:7] + "…" + line.name[-8:]
        parts.append(f'<text x="{x:.0f}" y="{y}" font-size="10" fill="{_COLOURS[i]}">{escape(name)}</text>')
    if len(lines) > _LINES:
        more = f"and {len(lines) - _LINES} more"
        parts.append(f'<text x="{_WIDTH - 14}" y="22" font-size="10" text-anchor="end">{more}</text>')
    return "".join(parts)


def _value(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{100 * value:g} %"
    return f"{value:g}{_UNITS.get(unit, '')}"


def _round_up(value: float) -> float:
    """The next 1, 2 or 5 with zeros."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999)
