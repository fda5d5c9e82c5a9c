"""A multipart body to files on disk, counted as it arrives.

Nothing of a file is held in memory, and no more than a few kilobytes of anything else. A file's name, as the client
gives it, is never looked at: the file is called by a random name, and known by the hash of its content.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import os
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ray_apps.serving.errors import ApiError, invalid
from ray_apps.serving.settings import DoorLimits

_PREFIX = "voxtral-upload-"
_SWEEP_S = 600.0
FILE = "file"
"""Name of the part that is the medium."""


@dataclass
class Upload:
    """A form that has arrived: its medium, and its other fields as text, in the order of their coming."""

    path: Path
    size: int = 0
    sha256: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Uploads:
    """A form with several media, in the order of their coming, and its other fields."""

    files: list[Path]
    fields: list[tuple[str, str]]


@contextlib.contextmanager
def spooled(folder: Path) -> Iterator[Path]:
    """A new empty file that nobody else may read; it is gone at the end."""
    handle, name = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


@contextlib.contextmanager
def spooled_folder(folder: Path) -> Iterator[Path]:
    """A new empty folder that nobody else may read; it is gone at the end."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=folder) as name:
        yield Path(name)


def sweep_now_and_then(folder: Path, older_than_s: float) -> None:
    """:func:`sweep` for ever, in a thread of its own."""

    def sweeping() -> None:
        while True:
            sweep(folder, older_than_s)
            time.sleep(_SWEEP_S)

    threading.Thread(target=sweeping, name="voxtral-sweep", daemon=True).start()


def sweep(folder: Path, older_than_s: float) -> None:
    """Delete what a service that was killed has left."""
    for path in folder.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - older_than_s:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


async def receive(body: AsyncIterator[bytes], headers: dict[str, str], path: Path, limits: DoorLimits) -> Upload:
    """The form of a request, its part ``file`` in ``path``.

    ``headers`` have lower-case names. Raises ApiError: 413 for a body that is larger than allowed, 415 for one that is
    no form, 400 for one that is malformed, 422 without a file.
    """
    form = _Form(iter([path]), limits)
    await _receive(body, headers, form, limits)
    return Upload(path, form.size, form.hash.hexdigest(), form.fields)


async def receive_several(
    body: AsyncIterator[bytes], headers: dict[str, str], folder: Path, limits: DoorLimits
) -> Uploads:
    """The same with as many parts ``file`` as a form may have parts, in files of the folder."""
    form = _Form((folder / str(number) for number in itertools.count(1)), limits)
    await _receive(body, headers, form, limits)
    return Uploads(form.files, form.fields)


async def _receive(body: AsyncIterator[bytes], headers: dict[str, str], form: _Form, limits: DoorLimits) -> None:
    kind, options = parse_options_header(headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise ApiError(415, "unsupported_body", "send a form: Content-Type multipart/form-data with a boundary")
    declared = headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > limits.upload_bytes:
        raise _too_large(limits)
    try:
        parser = MultipartParser(options[b"boundary"], form.callbacks())
        received = 0
        while (block := await _next(body, limits)) is not None:
            received += len(block)
            if received > limits.upload_bytes:
                raise _too_large(limits)
            await asyncio.to_thread(parser.write, block)  # a disk that stalls must not stall everybody
        parser.finalize()
    except FormParserError as error:
        raise invalid("the form is malformed: its parts and its boundary do not fit", code="malformed_form") from error
    finally:
        form.close()
    if not form.ended:
        raise invalid("the form ends in the middle of a part", code="malformed_form")
    if not form.files:
        raise ApiError(422, "missing_file", "the form has no part `file`", param=FILE)


async def _next(body: AsyncIterator[bytes], limits: DoorLimits) -> bytes | None:
    """The next block; None at the end. Raises ApiError (408) where none comes."""
    try:
        async with asyncio.timeout(limits.stalled_s):
            return await anext(body, None)
    except TimeoutError as error:
        message = f"nothing of the request came for {limits.stalled_s:g} s; send it again"
        raise ApiError(408, "upload_stalled", message) from error


def _too_large(limits: DoorLimits) -> ApiError:
    return ApiError(413, "too_large", f"a request may have {limits.upload_bytes} bytes here", param=FILE)


class _Form:
    """What the parser calls with every piece of the body. ``paths`` are where its media go."""

    def __init__(self, paths: Iterator[Path], limits: DoorLimits) -> None:
        self.limits, self._paths = limits, paths
        self._file: IO[bytes] | None = None
        self.files: list[Path] = []
        self.hash = hashlib.sha256()
        """Of all media."""
        self.size = 0
        self.ended = False
        self.fields: list[tuple[str, str]] = []
        self._parts = 0
        self._header, self._value, self._name = bytearray(), bytearray(), ""
        self._disposition = b""
        self._field = bytearray()

    def callbacks(self) -> Any:
        names = "part_begin part_data part_end header_field header_value header_end headers_finished end"
        return {f"on_{name}": getattr(self, name) for name in names.split()}

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def part_begin(self) -> None:
        self._parts += 1
        if self._parts > self.limits.parts:
            raise ApiError(413, "too_large", f"a form may have {self.limits.parts} parts here")
        self._disposition, self._name = b"", ""
        self._field.clear()

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", errors="replace")
        if not self._name:
            raise invalid("a part of the form has no name", code="malformed_form")
        if self._name == FILE:
            path = next(self._paths, None)
            if path is None:
                raise invalid("the form has two files; send one a request", FILE)
            self.close()
            self._file = path.open("wb")
            self.files.append(path)

    def part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE and self._file is not None:
            piece = data[start:end]
            self._file.write(piece)
            self.hash.update(piece)
            self.size += len(piece)
            return
        self._field += data[start:end]
        if len(self._field) > self.limits.field_bytes:
            raise ApiError(413, "too_large", f"a field may have {self.limits.field_bytes} bytes here")

    def part_end(self) -> None:
        if self._name != FILE:
            try:
                self.fields.append((self._name, self._field.decode()))
            except UnicodeDecodeError as error:
                raise invalid("a field of the form is not UTF-8", code="malformed_form") from error

    def end(self) -> None:
        self.ended = True
