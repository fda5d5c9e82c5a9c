"""A file that may be a medium, and what its name and its store's listing already say about it.

What a scan (a folder, or a glob that does not end in the suffix itself) leaves out by name:

- hidden files and folders, and the ledger folder ``_voxtral``: skipped; hidden ones are counted;
- companion files, which lie beside media and which we write ourselves (subtitles, tables, pictures, notes:
  see ``COMPANIONS``; edited subtitles that we kept aside; copies of media with our subtitles): skipped without
  being opened, and counted;
- documents, archives, programs (``IRRELEVANT``): listed as ``not_opened``; an archive may hold
  them, so no run fails for them.

Everything else is a candidate, whatever its name. A file that is named outright, or by a list, always is one.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pipelines.archive.filesystems import filesystem, is_local, refusals, store_errors
from pipelines.archive.input_lists import suffix_of
from pipelines.archive.patience import patiently
from pipelines.archive.url_rules import UrlRefused, UrlRules
from pipelines.records import NOT_ALLOWED, NOT_OPENED, Failure

COMPANIONS = frozenset({
    ".srt", ".vtt", ".ass", ".ssa", ".sub", ".idx", ".ttml", ".lrc", ".json", ".jsonl", ".csv",
    ".parquet", ".xml", ".nfo", ".txt", ".md", ".log", ".md5", ".sha256", ".jpg", ".jpeg", ".png",
    ".gif", ".webp", ".bmp", ".tif", ".tiff", ".svg", ".heic",
})  # fmt: skip
IRRELEVANT = frozenset({
    ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".odt", ".ods", ".odp", ".rtf", ".epub",
    ".htm", ".html", ".css", ".js", ".py", ".pyc", ".sh", ".yaml", ".yml", ".zip", ".gz", ".tgz",
    ".tar", ".bz2", ".xz", ".zst", ".7z", ".rar", ".exe", ".dll", ".so", ".db", ".sqlite", ".ttf",
    ".otf",
})  # fmt: skip
SUBTITLED = "subtitled"
"""``film.subtitled.mp4`` is the copy of ``film.mp4`` with our subtitles in it."""
_SUBTITLED = re.compile(rf".*\.{SUBTITLED}\.(mp4|mov|mkv|webm)", re.DOTALL)
_KEPT_ASIDE = re.compile(r"\.edited\d*")
OUR_FOLDER = "_voxtral"
_VERSION_KEYS = ("ETag", "etag", "generation", "Content-MD5", "md5Hash", "content_md5", "mtime")
_DATE_KEYS = ("LastModified", "Last-Modified", "last_modified", "updated", "created", "modified")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may be a medium. ``size`` (bytes) and ``version`` are None where no listing gave them."""

    url: str
    name: str
    size: int | None = None
    version: str | None = None
    language: str | None = None
    targets: tuple[str, ...] = ()
    failure: Failure | None = None


@dataclass
class Skipped:
    """What scans left out: companion files by suffix, hidden entries, and our own ledger folder."""

    companions: Counter[str] = field(default_factory=Counter)
    hidden: int = 0

    def __str__(self) -> str:
        by_suffix = ", ".join(f"{count} {suffix}" for suffix, count in sorted(self.companions.items()))
        files = f"companion files ({by_suffix})" if by_suffix else ""
        hidden = f"hidden files or folders ({self.hidden})" if self.hidden else ""
        return " and ".join(part for part in (files, hidden) if part)


def judge_name(name: str, skipped: Skipped, named: str) -> Failure | Literal["skip"] | None:
    """What the name alone decides: ``"skip"``, a failure, or None. ``named`` is a suffix that was asked
    for.
    """
    parts, suffix = name.split("/"), suffix_of(name)
    if OUR_FOLDER in parts[:-1]:
        return "skip"
    if any(part.startswith(".") and part not in ("..", ".") for part in parts):
        skipped.hidden += 1
        return "skip"
    if suffix == named:
        return None
    if suffix in COMPANIONS or _KEPT_ASIDE.fullmatch(suffix) or _SUBTITLED.fullmatch(name):
        skipped.companions[suffix] += 1
        return "skip"
    if suffix in IRRELEVANT:
        detail = f"files named {suffix} are no media; name this file itself to have it opened"
        return Failure(kind=NOT_OPENED, detail=detail, permanent=True)
    return None


def describe(info: Mapping[str, Any]) -> tuple[int | None, str]:
    """Size in bytes and version tag (etag, else a date) of what a store says about a file."""
    size = info.get("size")
    known = (info[key] for key in (*_VERSION_KEYS, *_DATE_KEYS) if info.get(key))
    tag = next(known, "")
    # The same store may give a date as a number when it lists, and as a date when it is asked for one file.
    return size, str(tag.timestamp() if isinstance(tag, datetime) else tag).strip('"')


def locate(url: str, rules: UrlRules | None = None) -> tuple[int, str]:
    """Size (0 if the store cannot tell) and version tag of one file.

    Raises:
        OSError: if it is not there or the store is away; IsADirectoryError if it is a folder; UrlRefused if the rules
        do not allow it.
    """
    if is_local(url) and rules is None:
        return describe_local(url)
    fs, path = filesystem(url, rules)
    with store_errors(url, "look for"), refusals(fs):
        info = patiently(fs.info, path)
    if info.get("type") == "directory":
        raise IsADirectoryError(f"{url} is a folder, not a file.")
    size, version = describe(info)
    return size or 0, version


def describe_local(path: str) -> tuple[int, str]:
    """Size and version tag (time of change, nanoseconds) of a local file; raises as :func:`locate` does."""
    status = os.stat(path)  # noqa: PTH116 (a million paths: four times as fast)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(f"{path} is a folder, not a file.")
    if not stat.S_ISREG(status.st_mode):
        # A pipe or device would block or never end.
        raise IsADirectoryError(f"{path} is a pipe, socket or device, not a file.")
    return status.st_size, str(status.st_mtime_ns)


def unreadable(error: OSError) -> Failure:
    """The failure of a file that a store does not give: it may come back, so it is not permanent, unless it is one
    that may not be fetched.
    """
    if isinstance(error, UrlRefused):
        return Failure(kind=NOT_ALLOWED, detail=str(error), permanent=True)
    kind = "vanished" if isinstance(error, FileNotFoundError) else "unreadable"
    return Failure(kind=kind, detail=error.strerror or str(error) or type(error).__name__, permanent=False)
