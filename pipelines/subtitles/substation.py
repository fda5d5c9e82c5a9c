"""SubStation Alpha: cues as ``ass`` or ``ssa``, in the styles of a file that the user gives.

Its times are hundredths of a second. It does not know where that file came from.
"""

from __future__ import annotations

from collections.abc import Sequence

import pysubs2

from pipelines.records import Cue
from pipelines.subtitles.cue_text import shown_lines, without_braces

_LOOK = ("PlayResX", "PlayResY", "LayoutResX", "LayoutResY", "WrapStyle", "ScaledBorderAndShadow", "YCbCr Matrix")
"""What of a style file's head its styles mean anything with."""


def read_styles(content: str) -> pysubs2.SSAFile:
    """A style file: an ASS or SSA file with at least one style.

    Raises:
        ValueError: if it is none.
    """
    try:
        found = pysubs2.SSAFile.from_string(content, format_="ssa" if "[V4 Styles]" in content else "ass")
    except Exception as error:  # pysubs2 raises whatever a broken line runs into
        raise ValueError(f"it is no ASS file: {error}") from error
    if not found.styles:
        raise ValueError("it is no ASS file with styles")
    return found


def write(fmt: str, cues: Sequence[Cue], title: str, ass_style: str) -> bytes:
    """The file, UTF-8. Cues take the style ``Default``, or the first one where a style file has none of this name."""
    track = pysubs2.SSAFile()
    style = "Default"
    if ass_style:
        given = read_styles(ass_style)
        track.styles = dict(given.styles)
        track.info.update({name: value for name, value in given.info.items() if name in _LOOK})
        style = style if style in given.styles else next(iter(given.styles))
    if title:
        track.info["Title"] = title
    for cue in cues:
        if lines := [without_braces(line) for line in shown_lines(cue)]:
            start, end = round(cue.start_s * 1000), round(cue.end_s * 1000)
            track.append(pysubs2.SSAEvent(start=start, end=end, text=r"\N".join(lines), style=style))
    text: str = track.to_string(fmt)
    return text.encode()
