"""A glossary as subtitlers keep it: a CSV of terms and what the target language calls them.

    köprü,pont                    two columns, where a run has one target language
    Turkish,French,English        a header that names the languages (or `source,target`) may stand above
    köprü,pont,bridge

UTF-8 with or without a byte order mark; columns parted by a comma, a semicolon or a tab. It does not know how terms
are found in a text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from pipelines.languages import UnknownLanguage, language_code
from quality.glossary import Term

_SEPARATORS = ",;\t"
LONGEST_TERM = 100
"""Characters; what is longer is no term, and would crowd the prompt."""


class GlossaryError(ValueError):
    """A glossary cannot be used; the message says where and why."""


def read_glossary(path: Path, targets: Sequence[str]) -> tuple[Term, ...]:
    """The terms of a file, each once, in its order; without a header they are for the one target (ISO 639-1).

    Raises:
        GlossaryError: it cannot be read, a line does not fit, or it does not say which of several target languages
        it is for.
    """
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise GlossaryError(f"--glossary {path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise GlossaryError(f"--glossary {path}, line {line}: not UTF-8; save it as CSV in UTF-8") from error
    rows = _rows(path, content)
    if not rows:
        raise GlossaryError(f"--glossary {path} holds no terms: write one a line, such as köprü,pont")
    columns = _header(rows[0][1], targets)
    if columns is not None and not set(columns) & set(targets):
        raise GlossaryError(f"--glossary {path}, line {rows[0][0]}: none of its languages is {' or '.join(targets)}")
    if columns is None and len(targets) > 1:
        raise GlossaryError(f"--glossary {path} is for which of {', '.join(targets)}? Say so in a header: tr,fr,en")
    body = rows if columns is None else rows[1:]
    columns = columns or list(targets)
    terms = [term for line, row in body for term in _terms(path, line, row, columns)]
    if not terms:
        raise GlossaryError(f"--glossary {path} holds no terms below its header: write one a line, such as köprü,pont")
    return tuple(dict.fromkeys(terms))


def _rows(path: Path, content: str) -> list[tuple[int, list[str]]]:
    """Rows that hold something, with the number of their last line."""
    first = next((line for line in content.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True)
    rows = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise GlossaryError(f"--glossary {path}, line {reader.line_num}: {error}") from error
    return rows


def _header(row: Sequence[str], targets: Sequence[str]) -> list[str] | None:
    """The target language of every column but the first, if this row is a header."""
    if [cell.lower() for cell in row] == ["source", "target"] and len(targets) == 1:
        return list(targets)
    try:
        codes = [language_code(cell) for cell in row]
    except UnknownLanguage:
        return None
    if len(codes) < 2 or len(set(codes)) < len(codes):
        return None
    # Three letters are a code of some language more often than not ("kar,mer"): only one that is asked for counts.
    return codes[1:] if set(codes[1:]) & set(targets) or all(len(cell) != 3 for cell in row) else None


def _terms(path: Path, line: int, row: Sequence[str], columns: Sequence[str]) -> list[Term]:
    where = f"--glossary {path}, line {line}"
    if len(row) < 2 or not row[0]:
        raise GlossaryError(f"{where}: a term and what it is called are needed, such as köprü,pont")
    if len(row) > len(columns) + 1:
        raise GlossaryError(
            f"{where}: {len(row)} columns, not {len(columns) + 1}: put a term that holds commas in quotes"
        )
    for cell in row:
        if len(cell) > LONGEST_TERM or "\n" in cell:
            raise GlossaryError(f"{where}: {cell[:30]!r}… is longer than {LONGEST_TERM} characters or a line")
    named = zip(columns, row[1:], strict=False)
    return [Term(source=row[0], target=cell, language=code) for code, cell in named if cell]
