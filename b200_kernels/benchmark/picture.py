"""The benchmark as a picture: one bar a contender, in SVG, which every browser and README shows."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

_WIDTH, _BAR, _GAP, _LABEL, _LIMIT = 720, 26, 12, 170, 420


def bars(title: str, values: Mapping[str, float], unit: str) -> str:
    """An SVG with a bar for each value, the longest of them filling the width."""
    top = max(values.values(), default=1.0) or 1.0
    height = 44 + len(values) * (_BAR + _GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" font-family="sans-serif">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="12" y="24" font-size="15" font-weight="bold">{escape(title)}</text>',
    ]
    for i, (name, value) in enumerate(values.items()):
        y = 40 + i * (_BAR + _GAP)
        length = max(1.0, value / top * _LIMIT)
        lines += [
            f'<text x="{_LABEL - 8}" y="{y + 18}" font-size="13" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{_LABEL}" y="{y}" width="{length:.1f}" height="{_BAR}" fill="#3465a4"/>',
            f'<text x="{_LABEL + length + 8:.1f}" y="{y + 18}" font-size="13">{value:.1f} {escape(unit)}</text>',
        ]
    return "\n".join([*lines, "</svg>\n"])
