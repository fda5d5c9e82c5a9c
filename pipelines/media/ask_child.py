"""Asks a confined child process one thing, and turns whatever becomes of it into its answer or one MediaError.

Where it can, the child is forked from this process's warm parent (:mod:`pipelines.media.warm_child`); elsewhere, and
when warm parents keep dying, a fresh Python is started, which does the same and takes longer. It watches the clock and
the amount of the child's output, and does not know what is asked.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol

from pipelines.archive.filesystems import scheme_of
from pipelines.archive.url_rules import UrlRefused
from pipelines.media.media_error import CRASHED, MediaError
from pipelines.media.stop import Stop, Stopped
from pipelines.media.warm_child import Lost, Streams, start_warm_child
from pipelines.records import Failure
from pipelines.settings import MediaLimits

_PROJECT = str(Path(__file__).resolve().parents[2])
_WARM_TRIES = 3
_LONGEST_SCHEME = 64
_MOST_WORDS = 64 * 1024
_OWN_FAULT = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}
_log = logging.getLogger(__name__)


class _Child(Protocol):
    def wait(self, timeout: float) -> int:
        """Its exit status as :mod:`subprocess` has it. Raises TimeoutError; Lost if nobody can tell."""

    def end(self) -> None:
        """Kill it unless it has ended; it is gone when this returns."""


class _FreshChild:
    """A new process."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], streams: Streams) -> None:
        stdin, stdout, stderr = streams
        self._process = subprocess.Popen(list(command), stdin=stdin, stdout=stdout, stderr=stderr, env=environment)

    def wait(self, timeout: float) -> int:
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired as late:
            raise TimeoutError from late

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class _Bounds:
    """``deadline`` is on the monotonic clock."""

    limits: MediaLimits
    deadline: float
    most_bytes: int
    stop: Stop | None


def fresh_command(name: str) -> tuple[str, ...]:
    """What starts this child. ``-P`` keeps the current folder, which may be an archive, out of the module path."""
    return (sys.executable, "-P", "-m", f"pipelines.media.{name}")


def ask_child(
    name: str,
    request: dict[str, Any],
    limits: MediaLimits,
    most_bytes: int,
    command: Sequence[str] | None = None,
    stop: Stop | None = None,
) -> tuple[bytearray, dict[str, Any]]:
    """Ask ``decode_child`` or ``remux_child``. Returns its output, at most ``most_bytes``, and its answer.

    ``command`` is started instead. Raises MediaError, and Stopped where ``stop`` said so.
    """
    line = json.dumps({**request, "limits": limits.model_dump()}) + "\n"
    bounds = _Bounds(limits, time.monotonic() + limits.wall_s, most_bytes, stop)
    environment = _environment()
    if command is None and sys.platform == "linux":
        start = partial(start_warm_child, name, _scheme(request["url"], limits), environment)
        for _ in range(_WARM_TRIES):
            with contextlib.suppress(Lost):
                return _asked(start, json.dumps(environment) + "\n" + line, bounds)
        _log.warning("No warm parent runs %s: started afresh, which costs more.", name)
    return _asked(partial(_FreshChild, command or fresh_command(name), environment), line, bounds)


def _scheme(url: str, limits: MediaLimits) -> str:
    """What the URL will be opened by, if it may be opened at all."""
    try:
        if limits.urls is not None:
            limits.urls.check(url)
    except UrlRefused:
        return "file"
    return scheme_of(url)[:_LONGEST_SCHEME]


def _environment() -> dict[str, str]:
    """The caller's, so that stores find their credentials; one thread for the numeric libraries, which
    reserve memory for every thread that they could start.
    """
    paths = [_PROJECT, os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def _asked(start: Callable[[Streams], _Child], lines: str, bounds: _Bounds) -> tuple[bytearray, dict[str, Any]]:
    """Raises MediaError, Stopped, and Lost as the child does."""
    with contextlib.ExitStack() as ours:
        with contextlib.ExitStack() as theirs:
            output, output_end = _pipe(ours, theirs)
            words, words_end = _pipe(ours, theirs)
            child = start((theirs.enter_context(_as_file(lines)).fileno(), output_end, words_end))
        ours.callback(child.end)
        try:
            data, said = _listen(output, words, bounds)
            status = child.wait(max(1.0, bounds.deadline - time.monotonic()))
        except TimeoutError:
            raise _error("timeout", f"not decoded within {bounds.limits.wall_s:.0f} s", permanent=False) from None
    return data, _answer(said, status, bounds.limits)


def _pipe(ours: contextlib.ExitStack, theirs: contextlib.ExitStack) -> tuple[int, int]:
    """Descriptors: what we read and what the child writes to."""
    reader, writer = os.pipe()
    ours.callback(os.close, reader)
    theirs.callback(os.close, writer)
    return reader, writer


def _as_file(lines: str) -> IO[bytes]:
    """What a child reads as its stdin: nobody has to wait until it does."""
    if sys.platform == "linux":
        file: IO[bytes] = os.fdopen(os.memfd_create("request"), "w+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(lines.encode())
    file.seek(0)
    return file


def _listen(output: int, words: int, bounds: _Bounds) -> tuple[bytearray, bytes]:
    """Collect stdout and the end of stderr until both close. Raises TimeoutError at the deadline, and Stopped."""
    data, said = bytearray(), bytearray()
    open_ends = 2
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ, data)
        selector.register(words, selectors.EVENT_READ, said)
        if bounds.stop is not None:
            selector.register(bounds.stop, selectors.EVENT_READ)
        while open_ends:
            left_s = bounds.deadline - time.monotonic()
            ready = selector.select(max(0.0, left_s))
            if not ready or left_s < 0:
                raise TimeoutError
            for key, _ in ready:
                if key.fileobj is bounds.stop:
                    raise Stopped
                piece = os.read(key.fd, 1 << 20)
                if not piece:
                    selector.unregister(key.fd)
                    open_ends -= 1
                key.data.extend(piece)
            if len(data) > bounds.most_bytes:
                raise _error(CRASHED, "the decoder wrote more than it was asked for", permanent=True)
            del said[:-_MOST_WORDS]
    return data, bytes(said)


def _answer(said: bytes, status: int, limits: MediaLimits) -> dict[str, Any]:
    lines = said.decode(errors="replace").strip().splitlines()
    if status == 0:
        try:
            told: dict[str, Any] = json.loads(lines[-1])
        except (IndexError, ValueError):
            raise _error(CRASHED, "the decoder ended without an answer", permanent=False) from None
        if "answer" in told:
            return dict(told["answer"])
        raise _error(told["kind"], told["detail"], told["permanent"])
    if -status == signal.SIGXCPU:
        raise _error("limit", f"decoding took more than {limits.cpu_s:.0f} s of CPU time", permanent=True)
    last = f": {lines[-1]}" if lines else ""
    if status < 0:
        name = signal.Signals(-status).name
        raise _error(CRASHED, f"the decoder died of {name}{last}", permanent=-status in _OWN_FAULT)
    raise _error(CRASHED, f"the decoder ended with status {status}{last}", permanent=False)


def _error(kind: str, detail: str, permanent: bool) -> MediaError:
    return MediaError(Failure(kind=kind, detail=detail, permanent=permanent))
