"""Lists of media: JSONL, CSV or Parquet with a column ``url`` and, if wanted, languages.

Knows how a list is written and how its relative URLs are meant. It does not look at the media.
"""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pyarrow
import pyarrow.parquet
from fsspec.core import split_protocol

from pipelines.archive.filesystems import is_local, local_path, open_for_reading
from pipelines.languages import UnknownLanguage, language_code

LIST_SUFFIXES = (".jsonl", ".csv", ".parquet")
_COLUMNS = ("url", "source_lang", "target_lang")

_Row = tuple[int, dict[str, Any]]


class ListError(ValueError):
    """A list of media that cannot be understood; the message names the file, the line and what is wrong."""


@dataclass(frozen=True)
class ListedMedium:
    """One row of a list: an absolute URL, and language codes where the list gives them."""

    url: str
    language: str | None = None
    targets: tuple[str, ...] = ()


def suffix_of(url: str) -> str:
    """The suffix of a URL's path, in lower case with its dot; empty if there is none."""
    path = urlsplit(url).path if url.startswith(("http://", "https://")) else url
    return posixpath.splitext(path)[1].lower()


def read_list(url: str) -> list[ListedMedium]:
    """The media of a list, in its order; relative URLs are relative to the list itself.

    ``target_lang`` holds one language or several, separated by ``,`` or ``;`` (in JSONL and Parquet also a
    list).
    Columns of other names are ignored, and so are empty lines.

    Raises:
        ListError: for a missing ``url`` column, a row without a URL, an unknown language, or a file that is
        no such list.
        OSError: if the list cannot be read.
    """
    with open_for_reading(url) as file:
        data = bytes(file.read())
    suffix = suffix_of(url)
    if suffix == ".parquet":
        return [_medium(url, f"row {number}", row) for number, row in _parquet_rows(url, data)]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ListError(f"{url}, line {line}: this is not UTF-8 text. Save the list as UTF-8.") from error
    rows = _csv_rows(url, text) if suffix == ".csv" else _json_rows(url, text)
    return [_medium(url, f"line {number}", row) for number, row in rows]


def _json_rows(url: str, text: str) -> Iterator[_Row]:
    # Not splitlines(): JSON strings may hold U+2028 and its like as they are.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ListError(f"{url}, line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise ListError(f'{url}, line {number}: expected an object such as {{"url": "film.mp4"}}.')
        yield number, row


def _csv_rows(url: str, text: str) -> Iterator[_Row]:
    header, _, body = text.partition("\n")
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=",", strict=True)
    try:
        delimiter = next((d for d in ",;\t" if "url" in _cells(header, d)), ",")
        columns = _cells(header, delimiter)
        _require_url(url, columns)
        reader = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True)
        for cells in reader:
            if cells:
                row = dict(zip(columns, cells, strict=False))
                yield reader.line_num + 1, {name: row[name] for name in _COLUMNS if name in row}
    except csv.Error as error:
        raise ListError(f"{url}, line {reader.line_num + 1}: not CSV: {error}") from error


def _cells(header: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([header.strip()], delimiter=delimiter), [])]


def _parquet_rows(url: str, data: bytes) -> Iterator[_Row]:
    try:
        file = pyarrow.parquet.ParquetFile(io.BytesIO(data))
        _require_url(url, file.schema_arrow.names)
        wanted = [name for name in _COLUMNS if name in file.schema_arrow.names]
        rows: list[dict[str, Any]] = file.read(columns=wanted).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise ListError(f"{url}: not a readable Parquet file: {error}") from error
    yield from enumerate(rows, start=1)


def _require_url(url: str, columns: list[str]) -> None:
    if "url" not in columns:
        there = ", ".join(columns) or "nothing"
        raise ListError(f"{url}, line 1: there is no column `url`; the columns are: {there}.")


def _medium(list_url: str, place: str, row: dict[str, Any]) -> ListedMedium:
    url = row.get("url")
    if not isinstance(url, str) or not url.strip() or "\0" in url:
        raise ListError(f"{list_url}, {place}: `url` is missing or no text: {url!r}.")
    try:
        source = [language_code(name) for name in _names(row.get("source_lang"))]
        targets = tuple(dict.fromkeys(language_code(name) for name in _names(row.get("target_lang"))))
    except UnknownLanguage as error:
        raise ListError(f"{list_url}, {place}: {error}") from error
    if len(source) > 1:
        raise ListError(f"{list_url}, {place}: `source_lang` must be one language, not {row['source_lang']!r}.")
    try:
        return ListedMedium(_resolve(list_url, url), source[0] if source else None, targets)
    except ValueError as error:
        raise ListError(f"{list_url}, {place}: {error}") from error


def _names(value: object) -> list[str]:
    if value is None:
        return []
    items: list[object] = value if isinstance(value, list) else [value]
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) < len(items):
        raise UnknownLanguage(f"{value!r} is not a language name.")
    return [name.strip() for text in texts for name in re.split("[,;]", text) if name.strip()]


def _resolve(list_url: str, url: str) -> str:
    """The absolute address of a list's entry."""
    if split_protocol(url)[0]:
        return local_path(url) if is_local(url) else url
    if url.startswith("/") and not list_url.startswith(("http://", "https://")):
        return local_path(url)
    if is_local(list_url):
        return local_path(str(Path(local_path(list_url)).parent / url))
    if list_url.startswith(("http://", "https://")):
        return urljoin(list_url, url)
    protocol, path = split_protocol(list_url)
    bucket, _, key = path.partition("/")
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(key), url))
    if joined.startswith(".."):
        raise ValueError(f"{url!r} leads out of the store of the list.")
    return f"{protocol}://{bucket}/{joined}"
