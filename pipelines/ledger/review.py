"""The review file of a medium: a CSV of the cues that want a look and of speech that got no cue, with room to correct.

    film.fr.review.csv    index,start,end,reasons,source,text,correction,medium,language,start_ms

Somebody opens it in a spreadsheet, writes into ``correction`` what a cue shall say (:data:`DELETE` to take it away, or
where nobody speaks), and gives it to ``voxtral apply-review``. So it is read as spreadsheets write: UTF-8 with a byte
order mark, commas, semicolons or tabs. ``start_ms`` is when a row begins, for spreadsheets make of ``1:02:03.345`` what
they like. It does not know what becomes of a correction.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from pipelines.ledger.corrections import CORRECTED, NEAR_S, Correction
from pipelines.ledger.coverage import Stretch
from pipelines.records import Cue, Record

REVIEW = "review.csv"
"""What the file's name ends in, where subtitles have their format."""
DELETE = "[delete]"
COLUMNS = ("index", "start", "end", "reasons", "source", "text", "correction", "medium", "language", "start_ms")
_FORMULA = ("=", "+", "-", "@", "'")
"""A cell that begins so is run as a formula by spreadsheets; an apostrophe before it says that it is text."""


class ReviewError(ValueError):
    """A review file cannot be used; the message names every line that is wrong."""


class Reviewed(Record):
    """One row that somebody corrected. ``index`` is None for speech that had no cue."""

    line: int
    index: int | None
    start_s: float
    text: str
    correction: str
    medium: str
    language: str


def wants_a_look(cue: Cue) -> bool:
    """A text that the gate marked, or a broken rule; not what a person has written already."""
    return cue.verdict != CORRECTED and (cue.verdict == "needs_review" or bool(cue.reasons))


def review_rows(
    cues: Sequence[Cue], stretches: Sequence[Stretch], dismissals: Sequence[Correction] = ()
) -> list[Cue | Stretch]:
    """What a review file lists, in time order; a stretch that has been given a cue since, or of which somebody said
    that nobody speaks there, is no longer listed.
    """
    open_stretches = [
        stretch
        for stretch in stretches
        if stretch.wants_a_look
        and not any(c.start_s < stretch.end_s and c.end_s > stretch.start_s for c in cues)
        and not any(_holds(dismissal, stretch) for dismissal in dismissals)
    ]
    return sorted([*filter(wants_a_look, cues), *open_stretches], key=lambda row: row.start_s)


def _holds(dismissal: Correction, stretch: Stretch) -> bool:
    return dismissal.start_s - NEAR_S <= stretch.start_s and stretch.end_s <= dismissal.end_s + NEAR_S


def render_review(rows: Sequence[Cue | Stretch], medium_id: str, language: str) -> bytes:
    """The file's bytes; the same rows give the same bytes."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(map(_cell, (*_row(row), "", medium_id, language, f"{round(row.start_s * 1000)}")))
    return text.getvalue().encode("utf-8-sig", "replace")


def _row(row: Cue | Stretch) -> tuple[str, str, str, str, str, str]:
    times = _clock(row.start_s), _clock(row.end_s)
    if isinstance(row, Stretch):
        return "", *times, f"no text: {row.reason}", "", ""
    return str(row.index), *times, ", ".join(row.reasons) or row.verdict, row.source, row.text


def _cell(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value


def _plain(value: str) -> str:
    return value[1:] if value.startswith("'") and value[1:].startswith(_FORMULA) else value


def _clock(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def read_review(name: str, data: bytes) -> list[Reviewed]:
    """The rows that hold a correction.

    Raises:
        ReviewError: it is no review file, or a row does not fit; every such row is named with its line.
    """
    content = _decoded(name, data)
    first = content.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True)
    found: list[Reviewed] = []
    wrong: list[str] = []
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        if missing := [column for column in COLUMNS if column not in header]:
            raise ReviewError(
                f"{name}, line 1: no column {', '.join(missing)}; a review file begins {','.join(COLUMNS)}"
            )
        line = reader.line_num + 1
        for cells in reader:
            # The number of a row's first line: a cell may hold several.
            try:
                row = _reviewed(line, dict(zip(header, cells, strict=False)))
                found += [row] if row else []
            except ValueError as error:
                wrong.append(f"{name}, line {line}: {error}")
            line = reader.line_num + 1
    except csv.Error as error:
        wrong.append(f"{name}, line {reader.line_num}: {error}")
    if wrong:
        raise ReviewError("\n".join(wrong))
    return found


def _decoded(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ReviewError(f"{name}, line {line}: not UTF-8; save it as CSV in UTF-8") from error


def _reviewed(line: int, row: dict[str, str]) -> Reviewed | None:
    """Raises ValueError for a corrected row that does not say what it corrects."""
    correction = _plain(row.get("correction", "").strip()).strip()
    if not correction:
        return None
    index = row.get("index", "").strip()
    if index and not re.fullmatch(r"[0-9]{1,9}", index):
        raise ValueError(f"{index!r} is no cue's number")
    for column in ("medium", "language", "start_ms"):
        if not row.get(column, "").strip():
            raise ValueError(f"its column {column} is empty: leave the other columns as they were")
    start_ms = row["start_ms"].strip()
    if not re.fullmatch(r"[0-9]{1,12}", start_ms):
        raise ValueError(f"{start_ms!r} in its column start_ms is no number of milliseconds: leave it as it was")
    return Reviewed(
        line=line,
        index=int(index) if index else None,
        start_s=int(start_ms) / 1000,
        text=_plain(row.get("text", "").strip()),
        correction=correction,
        medium=row["medium"].strip(),
        language=row["language"].strip(),
    )
