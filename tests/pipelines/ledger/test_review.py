"""The review file: what it lists, and what is read back from what spreadsheets make of it."""

from __future__ import annotations

import contextlib
import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ledger.coverage import Stretch
from pipelines.ledger.review import COLUMNS, ReviewError, read_review, render_review, review_rows
from pipelines.records import Cue


def cue(index: int, start_s: float, text: str = "Bonjour.", verdict: str = "accepted", reasons=()) -> Cue:
    return Cue(
        index=index,
        start_s=start_s,
        end_s=start_s + 2,
        lines=tuple(text.split("\n")),
        source="Merhaba.",
        score=0.5,
        verdict=verdict,
        reasons=reasons,
    )


def stretch(start_s: float, reason: str = "empty", speech_s: float = 3.0) -> Stretch:
    return Stretch(language="fr", start_s=start_s, end_s=start_s + 3, speech_s=speech_s, reason=reason)


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def filled(rows, **given: str) -> bytes:
    """A review file with corrections by cue number."""
    read = table(render_review(rows, "ab12", "fr"))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for row in read:
        writer.writerow(row | {"correction": given.get(f"cue{row['index']}", "")})
    return text.getvalue().encode()


def test_only_what_wants_a_look_is_listed_in_time_order() -> None:
    cues = [
        cue(1, 0.0),
        cue(2, 10.0, verdict="needs_review", reasons=("loop",)),
        cue(3, 20.0, reasons=("max_cps",)),
        cue(4, 30.0, verdict="corrected", reasons=("max_cps",)),
    ]
    rows = review_rows(cues, [stretch(14.0), stretch(50.0, "no_speech", 0.5), stretch(29.5)])
    assert [getattr(row, "index", "stretch") for row in rows] == [2, "stretch", 3]
    read = table(render_review(rows, "ab12", "fr"))
    assert [(r["index"], r["start"], r["reasons"]) for r in read] == [
        ("2", "0:00:10.000", "loop"),
        ("", "0:00:14.000", "no text: empty"),
        ("3", "0:00:20.000", "max_cps"),
    ]
    assert {r["source"] for r in read} == {"Merhaba.", ""}


def test_rows_without_a_correction_are_no_corrections() -> None:
    rows = [cue(2, 10.0), cue(7, 20.0, "- Oui.\n- Non.")]
    assert read_review("r.csv", render_review(rows, "ab12", "fr")) == []
    (read,) = read_review("r.csv", filled(rows, cue7="- Si.\n- Non."))
    assert (read.index, read.start_s, read.text, read.correction) == (7, 20.0, "- Oui.\n- Non.", "- Si.\n- Non.")
    assert (read.medium, read.language) == ("ab12", "fr")


@pytest.mark.parametrize("text", ["=1+1", "- Oui.", "+33", "@moi", "'=x", "'tis"])
def test_no_cell_is_a_formula_and_every_text_comes_back(text) -> None:
    data = filled([cue(1, 1.0, text)], cue1="x")
    assert not table(data)[0]["text"].startswith(("=", "+", "-", "@"))
    assert read_review("r.csv", data)[0].text == text


@pytest.mark.parametrize("separator", [";", "\t"])
def test_it_is_read_as_other_spreadsheets_write_it(separator) -> None:
    cells = {"index": "3", "text": "a", "correction": "b", "medium": "ab12", "language": "fr", "start_ms": "65500"}
    lines = [separator.join(COLUMNS), separator.join(cells.get(c, "") for c in COLUMNS)]
    (row,) = read_review("r.csv", "\ufeff".encode() + "\r\n".join(lines).encode())
    assert (row.line, row.index, row.start_s, row.correction) == (2, 3, 65.5, "b")


def test_a_row_beyond_an_hour_is_found_whatever_becomes_of_its_clock_times() -> None:
    written = filled([cue(7, 3723.345)], cue7="x")
    assert b"1:02:03.345" in written
    (row,) = read_review("r.csv", written.replace(b"1:02:03.345", b"02:03.3"))
    assert row.start_s == 3723.345


HEADER = ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: no column index"),
        (b"index,text\n1,a\n", "line 1: no column start"),
        (f"{HEADER}1,0:00:01.0,,,,a,b,,fr,1000\n".encode(), "line 2: its column medium"),
        (f"{HEADER}1,0:00:01.0,,,,a,b,m,fr,\n".encode(), "line 2: its column start_ms"),
        (f'{HEADER}1,,,,,"a\nb",,m,fr\nx,,,,,a,b,m,fr,1\n'.encode(), "line 4: 'x' is no cue"),
        (f"{HEADER},,,,,a,b,m,fr,soon\n".encode(), "line 2: 'soon' in its column start_ms"),
        (f"{HEADER}1,,,,,a\xe9".encode("latin-1"), "line 2: not UTF-8"),
        (f'{HEADER}1,,,,,"a,b,m,fr\n'.encode(), "line 2"),
    ],
)
def test_what_does_not_fit_is_told_with_its_line(content, said) -> None:
    with pytest.raises(ReviewError, match=said):
        read_review("r.csv", content)


def test_all_wrong_lines_are_told_at_once() -> None:
    with pytest.raises(ReviewError, match=r"(?s)line 2.*line 3"):
        read_review("r.csv", f"{HEADER}x,,,,,a,b,m,fr\ny,,,,,a,b,m,fr\n".encode())


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=30))
def test_any_file_is_read_or_refused(content) -> None:
    for data in (content.encode(), (HEADER + content).encode()):
        with contextlib.suppress(ReviewError):
            assert isinstance(read_review("r.csv", data), list)
