"""A folder in any store that fsspec reaches: local disk, ``s3://``, ``gs://``, ``memory://`` (one process).

Writes are whole or not at all. It knows nothing of what is stored, never caches a listing, and can be pickled
into any process. Not made for Windows.
"""

from __future__ import annotations

import contextlib
import errno
import inspect
import os
import tempfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.archive.filesystems import StoreError, filesystem, is_local, local_path, store_errors
from pipelines.archive.patience import is_passing, patiently

__all__ = ["Store", "StoreError"]

TEMPORARY = ".voxtral-tmp"
"""Suffix of the hidden files that a local write goes through; one that a kill left behind is never listed."""

_ADVICE = {
    errno.ENOSPC: "Free some space there, or choose another folder, and run the same command again.",
    errno.EDQUOT: "The quota is used up: free some space there, or choose another folder, and run again.",
    errno.EACCES: "Check the permissions of the folder, or choose another one.",
    errno.EPERM: "Check the permissions of the folder, or choose another one.",
    errno.EROFS: "The file system is read-only: choose another folder.",
    errno.ENOTDIR: "A part of this path is a file, not a folder: choose another folder.",
    errno.EEXIST: "A part of this path is a file, not a folder: choose another folder.",
    errno.EISDIR: "A folder has the name of the file: move it away, or choose another folder.",
}
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
Paths = list[str]  # within Store, ``list`` is the method
_MEMORY_LOCK = threading.Lock()


class Store:
    """A folder at ``url``. Paths are relative, with ``/`` between their parts, and never leave the folder."""

    def __init__(self, url: str) -> None:
        """``url`` is a local path (made absolute at once), or a URL. Nothing is created or contacted yet.

        Raises:
            ValueError: if it is empty.
        """
        if not url:
            raise ValueError("The address of a folder is empty. Give a path or a URL such as s3://bucket/folder.")
        self.local = is_local(url)
        self.url = local_path(url) if self.local else url.rstrip("/")

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Store) and other.url == self.url

    def __hash__(self) -> int:
        return hash(self.url)

    def url_of(self, path: str) -> str:
        """Where a path of this folder is, as an absolute local path or a URL.

        Raises:
            ValueError: if the path would leave the folder.
        """
        return f"{self.url.rstrip('/')}/{_checked(path)}"

    def exists(self, path: str) -> bool:
        """Whether there is a file of this name."""
        url = self.url_of(path)
        if self.local:
            return Path(url).is_file()
        fs, key = filesystem(url)
        with store_errors(url, "look for"):
            return _is_file(fs, key)

    def size(self, path: str) -> int:
        """Bytes of a file. Raises FileNotFoundError if it is not there."""
        url = self.url_of(path)
        if self.local:
            return Path(url).stat().st_size
        fs, key = filesystem(url)
        with store_errors(url, "look for"):
            return int(patiently(fs.info, key)["size"])

    def read_bytes(self, path: str) -> bytes:
        """A whole file. Raises FileNotFoundError if it is not there."""
        url = self.url_of(path)
        if self.local:
            return Path(url).read_bytes()
        fs, key = filesystem(url)
        with store_errors(url, "read"):
            return bytes(patiently(fs.cat_file, key))

    def write_bytes(self, path: str, data: bytes) -> None:
        """Write or replace a file: a reader sees all of it or what was there before, and so does a crash.

        Raises:
            StoreError: if it cannot be written; nothing of it is left then.
        """
        url = self.url_of(path)
        with _explained(url, self.url):
            if self.local:
                with _temporary(Path(url), data) as temporary:
                    temporary.replace(url)
            else:
                fs, key = filesystem(url)
                with store_errors(url, "write"):
                    patiently(fs.pipe_file, key, data)

    @contextlib.contextmanager
    def new_folder(self, path: str) -> Iterator[Path]:
        """A hidden folder on this machine for a file that is too big for memory and will be ``path``; gone afterwards.

        Beside where the file will be, if the store is local, so that :meth:`take_in` has nothing to copy.
        """
        url = self.url_of(path)
        if self.local:
            with _explained(url, self.url):
                Path(url).parent.mkdir(parents=True, exist_ok=True)
        beside = str(Path(url).parent) if self.local else None
        with tempfile.TemporaryDirectory(dir=beside, prefix=".", suffix=TEMPORARY) as folder:
            yield Path(folder)

    def take_in(self, file: Path, path: str) -> None:
        """Write or replace a file with one of this machine, whole or not at all; ``file`` may be gone afterwards.

        Raises:
            StoreError: if it cannot be written.
        """
        url = self.url_of(path)
        with _explained(url, self.url):
            if self.local:
                file.replace(url)
            else:
                fs, key = filesystem(url)
                with store_errors(url, "write"):
                    patiently(fs.put_file, str(file), key)

    def create(self, path: str, data: bytes) -> bool:
        """Write a file only if there is none of this name; of several callers at once, exactly one is told
        True.

        Atomic on local disks, and on S3, Google and Azure by a conditional put. A store that has none (some
        S3 look-alikes) gets a look and then a put: two callers at the same instant may both be told True
        there.

        Raises:
            StoreError: if it cannot be written.
        """
        url = self.url_of(path)
        with _explained(url, self.url):
            return _create_local(Path(url), data) if self.local else _create_remote(url, data)

    def list(self, prefix: str = "") -> Paths:
        """Relative paths of all files below the folder ``prefix``, sorted; empty if there is no such
        folder.

        Raises:
            OSError: if it, or a folder below it, cannot be listed (a StoreError on local disks).
        """
        root = self.url_of(prefix.rstrip("/")) if prefix.strip("/") else self.url
        within = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
        if self.local:
            return sorted(within + name for name in _local_files(root))
        fs, key = filesystem(root)
        start = key.rstrip("/") + "/"
        with store_errors(root, "list"):
            try:
                found = patiently(fs.find, key)
            except FileNotFoundError:
                return []
        return sorted(within + name[len(start) :] for name in found if name.startswith(start))

    def delete(self, path: str) -> None:
        """Remove a file; one that is not there is no error. Raises StoreError if it cannot be removed."""
        url = self.url_of(path)
        with _explained(url, self.url), contextlib.suppress(FileNotFoundError):
            if self.local:
                Path(url).unlink()
                return
            fs, key = filesystem(url)
            with store_errors(url, "delete"):
                patiently(fs.rm_file, key)


def _checked(path: str) -> str:
    if not path or "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError(f"{path!r} is not a relative path inside a folder.")
    return path


@contextlib.contextmanager
def _explained(url: str, store: str) -> Iterator[None]:
    """A failed write says where and what to do."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        advice = _ADVICE.get(error.errno or 0, "Check that the store is there and may be written to, and run again.")
        raise StoreError(f"Cannot write {url} in the store {store}: {reason}. {advice}", error.errno) from error


@contextlib.contextmanager
def _temporary(path: Path, data: bytes) -> Iterator[Path]:
    """A hidden file beside ``path`` that holds the data, on disk for good; gone afterwards, whatever
    happens.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{uuid.uuid4().hex}{TEMPORARY}"
    try:
        _write_new(temporary, data)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _write_new(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _create_local(path: Path, data: bytes) -> bool:
    if os.path.lexists(path):
        return False
    with _temporary(path, data) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            return _create_exclusively(path, data)
    return True


def _create_exclusively(path: Path, data: bytes) -> bool:
    """For file systems without hard links: one creator still, but a crash in between may leave a part of the
    file.
    """
    try:
        _write_new(path, data)
    except FileExistsError:
        return False
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


def _create_remote(url: str, data: bytes) -> bool:
    fs, key = filesystem(url)
    lock = _MEMORY_LOCK if url.startswith("memory:") else contextlib.nullcontext()
    with store_errors(url, "write"), lock:
        return patiently(_Creation(fs, key, data).attempt)


class _Creation:
    """A file made only if there is none. A put that failed may have been done: then it is known by its bytes."""

    def __init__(self, fs: Any, key: str, data: bytes) -> None:
        self._fs, self._key, self._data = fs, key, data
        self._put_before = False

    def attempt(self) -> bool:
        """Whether the file is ours."""
        if _is_file(self._fs, self._key):
            return self._put_before and patiently(self._fs.cat_file, self._key) == self._data
        self._put_before = True
        if not _has_conditional_put(self._fs):
            self._fs.pipe_file(self._key, self._data)
            return True
        try:
            self._fs.pipe_file(self._key, self._data, mode="create")
        except FileExistsError:
            return False
        except OSError as error:
            if is_passing(error):
                raise
            if _is_file(self._fs, self._key):  # S3 look-alikes word the refusal in other ways
                return False
            if error.errno != errno.ENOSYS:
                raise
            self._fs.pipe_file(self._key, self._data)
        return True


def _is_file(fs: Any, key: str) -> bool:
    """Unlike fsspec's ``isfile`` this does not take a store that is away for a file that is not there."""
    try:
        return bool(patiently(fs.info, key)["type"] == "file")
    except FileNotFoundError:
        return False


def _has_conditional_put(fs: Any) -> bool:
    put = getattr(fs, "_pipe_file", None) or fs.pipe_file
    return "mode" in inspect.signature(put).parameters


def _local_files(root: str) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        """A folder that cannot be listed must not pass for an empty one; one that is not there is empty."""
        if not isinstance(error, FileNotFoundError):
            reason = error.strerror or str(error) or type(error).__name__
            advice = _ADVICE.get(error.errno or 0, "Check that the store is there, and run again.")
            raise StoreError(f"Cannot list {error.filename or root}: {reason}. {advice}", error.errno) from error

    for folder, folders, names in os.walk(root, followlinks=True, onerror=refuse):
        folders[:] = [name for name in folders if not name.endswith(TEMPORARY)]
        below = os.path.relpath(folder, root)
        for name in names:
            if not name.endswith(TEMPORARY):
                yield name if below == "." else f"{below}/{name}"
