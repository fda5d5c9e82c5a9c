"""What a user names as input, and every file that this stands for: folders, globs, single files and lists.

Knows names and listings of any fsspec store. It opens no medium: whether a candidate is one is found out by
its content, elsewhere (:mod:`pipelines.archive.manifest`).
What a scan leaves out by name stands in :mod:`pipelines.archive.candidates`.
"""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cluster.feedback import Feedback
from pipelines.archive.candidates import (
    OUR_FOLDER,
    Candidate,
    Skipped,
    describe,
    describe_local,
    judge_name,
    locate,
    unreadable,
)
from pipelines.archive.filesystems import filesystem, is_local, local_path, store_errors
from pipelines.archive.input_lists import LIST_SUFFIXES, ListedMedium, read_list, suffix_of
from pipelines.archive.patience import patiently
from pipelines.records import Failure

_Info = Mapping[str, Any]
"""What a store says about a file: ``type``, ``size``, and more."""


class NoInput(ValueError):
    """Nothing was found where input was said to be; the message says what was looked for, and where."""


def find_candidates(inputs: Sequence[str], feedback: Feedback) -> list[Candidate]:
    """Every file that the inputs stand for, in the order of the inputs; the same URL may come more than once.

    ``name`` is the path below the folder, or below the fixed part of the glob; of a single file its base
    name; in a list what differs between its URLs, from their last common folder.

    Raises:
        NoInput: if an input does not exist or matches nothing, or if all of them together hold no candidate.
        ListError: for a list that cannot be understood.
    """
    skipped, found = Skipped(), list[Candidate]()
    for text in inputs:
        here = list(_expand(text, skipped))
        if not here:
            feedback.warning(f"Nothing to translate in {text}.")
        found += here
    left_out = str(skipped)
    if not found:
        looked = ", ".join(repr(text) for text in inputs) or "no path or URL at all"
        but = f" There were only {left_out}." if left_out else ""
        raise NoInput(f"No input: looked for audio or video files in {looked}.{but} Give a folder, a file, or a list.")
    if left_out:
        feedback.info(f"Left out {left_out}.")
    return found


def _expand(text: str, skipped: Skipped) -> Iterable[Candidate]:
    if not text.strip() or "\0" in text:
        raise NoInput(f"An input is empty or no path: {text!r}. Give a folder, a file, a glob, a list, or a URL.")
    try:
        return list(_expand_local(local_path(text), skipped) if is_local(text) else _expand_url(text, skipped))
    except FileNotFoundError as error:
        raise NoInput(f"No input: there is no file or folder {text!r}. Check the spelling.") from error
    except OSError as error:
        raise NoInput(f"No input: {text!r} cannot be read: {error.strerror or error}") from error


def _expand_local(path: str, skipped: Skipped) -> Iterator[Candidate]:
    if Path(path).is_dir():
        yield from _scan_local(path, path, skipped)
    elif os.path.lexists(path):
        _require_text(path)
        yield from _one_file(path)
    elif glob.has_magic(path):
        root, matches = _fixed_part(path), sorted(glob.glob(path, recursive=True))  # noqa: PTH207
        if not matches:
            raise NoInput(f"No input: nothing matches {path!r}. Looked below {root!r}.")
        for match in matches:
            if not Path(match).is_dir():
                yield from _sort_out_local(match, os.path.relpath(match, root), skipped, suffix_of(path))
            elif "**" not in path:
                yield from _scan_local(match, root, skipped)
    else:
        raise FileNotFoundError(path)


def _require_text(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise NoInput(f"The name of {os.fsencode(path)!r} is not UTF-8 text: rename the file.") from error


def _scan_local(folder: str, root: str, skipped: Skipped) -> Iterator[Candidate]:
    """All files below a folder, through links to folders too, but each folder once."""
    unreadable: list[OSError] = []
    been = {os.path.realpath(folder)}
    for here, folders, names in os.walk(folder, onerror=unreadable.append, followlinks=True):
        skipped.hidden += sum(name.startswith(".") for name in folders)
        folders[:] = _not_yet_walked(here, folders, been)
        above, below = here.rstrip("/"), os.path.relpath(here, root)
        for name in sorted(names):
            yield from _sort_out_local(f"{above}/{name}", name if below == "." else f"{below}/{name}", skipped)
    for error in unreadable:
        if os.fspath(error.filename) == folder:
            raise error
        failure = Failure(kind="unreadable", detail=f"folder: {error.strerror}", permanent=False)
        yield _odd_local(error.filename, os.path.relpath(error.filename, root), failure)


def _not_yet_walked(here: str, folders: Iterable[str], been: set[str]) -> list[str]:
    """The folders to go into, which are added to ``been`` (real paths); a folder before a link to it."""
    wanted = [name for name in folders if not name.startswith(".") and name != OUR_FOLDER]
    new = []
    for name in sorted(wanted, key=lambda name: (Path(here, name).is_symlink(), name)):
        real = os.path.realpath(f"{here}/{name}")
        if real not in been:
            been.add(real)
            new.append(name)
    return new


def _sort_out_local(path: str, name: str, skipped: Skipped, named: str = "") -> Iterator[Candidate]:
    """``name`` is the path below the root."""
    verdict = judge_name(name, skipped, named)
    if verdict == "skip":
        return
    try:
        path.encode()
        size, version = describe_local(path)
    except UnicodeEncodeError:
        failure = Failure(kind="unreadable", detail="its name is not UTF-8: rename the file", permanent=False)
        yield _odd_local(path, name, failure)
    except IsADirectoryError as error:
        yield _odd_local(path, name, Failure(kind="not_media", detail=str(error), permanent=True))
    except OSError as error:
        yield _odd_local(path, name, unreadable(error))
    else:
        yield Candidate(path, name, size, version, failure=verdict)


def _odd_local(path: str, name: str, failure: Failure) -> Candidate:
    """A file that will not be opened; bytes of its name that are no text are shown as ``\\xff``."""
    shown = [os.fsencode(p).decode("utf-8", "backslashreplace") for p in (path, name)]
    return Candidate(shown[0], shown[1], 0, "", failure=failure)


def _expand_url(url: str, skipped: Skipped) -> Iterator[Candidate]:
    kind = _kind(url)
    if kind == "file":
        yield from _one_file(url)
        return
    root = url if kind == "directory" else _fixed_part(url)
    named = "" if kind == "directory" else suffix_of(url)
    listing = _listing(url, kind)
    if kind == "glob" and not listing:
        raise NoInput(f"No input: nothing matches {url!r}. Looked below {root!r}.")
    for below, info in _below(root, listing):
        if info.get("type") != "directory":
            yield from _sort_out_url(root, below, info, skipped, named)
        elif "**" not in url:
            folder = _joined(root, below)
            for inner, inner_info in _below(root, _listing(folder, "directory")):
                yield from _sort_out_url(root, inner, inner_info, skipped, "")


def _listing(url: str, kind: str) -> dict[str, _Info]:
    """What a store has below a folder or for a glob, by its own paths."""
    fs, path = filesystem(url)
    with store_errors(url, "list"):
        found = patiently(fs.find if kind == "directory" else fs.glob, path, detail=True)
    return dict(found)


def _below(root: str, listing: Mapping[str, _Info]) -> Iterator[tuple[str, _Info]]:
    """The listing with paths below the URL ``root``, sorted."""
    start = len(str(filesystem(root)[1]).rstrip("/"))
    for key, info in sorted(listing.items()):
        yield key[start:].lstrip("/"), info


def _joined(root: str, below: str) -> str:
    return f"{root}{below}" if root.endswith("/") else f"{root}/{below}"


def _kind(url: str) -> str:
    """``file``, ``directory`` or ``glob``. On the web a folder ends in ``/``, and ``?`` begins a query."""
    if _is_web(url):
        path = urlsplit(url).path
        if "*" in path or path.endswith("/"):
            return "glob" if "*" in path else "directory"
    fs, path = filesystem(url)
    try:
        with store_errors(url, "look for"):
            return str(patiently(fs.info, path)["type"])
    except FileNotFoundError:
        if glob.has_magic(path) and not _is_web(url):
            return "glob"
        raise


def _is_web(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _sort_out_url(root: str, below: str, info: _Info, skipped: Skipped, named: str) -> Iterator[Candidate]:
    name = unquote(below.partition("?")[0]) if _is_web(root) else below
    verdict = judge_name(name, skipped, named)
    if verdict != "skip":
        size, version = describe(info)
        yield Candidate(_joined(root, below), name, size, version if size is not None else None, failure=verdict)


def _fixed_part(pattern: str) -> str:
    """The folder above the first part of a glob that has a wildcard."""
    parts = pattern.split("/")
    first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    return "/".join(parts[: min(first, len(parts) - 1)]) or "/"


def _one_file(url: str) -> Iterator[Candidate]:
    if suffix_of(url) not in LIST_SUFFIXES:
        size, version = locate(url)  # a single file that is not there is a typing error: said at once
        yield Candidate(url, _path_of(url)[-1], size, version)
        return
    rows = read_list(url)
    names = _names_below_common_parent(rows)
    for row, name in zip(rows, names, strict=True):
        yield Candidate(row.url, name, language=row.language, targets=row.targets)


def _names_below_common_parent(rows: Sequence[ListedMedium]) -> list[str]:
    paths = [_path_of(row.url) for row in rows]
    levels = zip(*(path[:-1] for path in paths), strict=False)
    common = sum(1 for _ in itertools.takewhile(lambda level: len(set(level)) == 1, levels))
    return ["/".join(path[common:]) for path in paths]


def _path_of(url: str) -> list[str]:
    """The parts of a URL below its scheme, host or bucket first; what the web escapes is given back."""
    if _is_web(url):
        split = urlsplit(url)
        path = [split.netloc, *(unquote(part) for part in split.path.split("/") if part)]
        return path if len(path) > 1 else [split.netloc, split.netloc]
    return [part for part in url.partition("://")[2].split("/") if part] if "://" in url else url.split("/")
