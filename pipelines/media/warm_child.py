"""Starts children by asking this process's warm parent (:mod:`pipelines.media.warm_parent`) to fork them.

The warm parent is started with the first request, replaced when it has died, and ends with this process. A forked
process gets one of its own. It does not know what a child is asked; Linux alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

Streams = tuple[int, int, int]
"""Descriptors that become a child's stdin, stdout and stderr."""

_AT_START = ("PYTHON", "FSSPEC_", "LD_", "LANG", "LC_", "HOME")
"""How variables begin that count when Python starts or fsspec is imported: others reach the child as they are then."""
_PATIENCE_S = 10.0


class Lost(Exception):
    """The warm parent has not run the child, or has ended before it: ask again."""


@dataclass(frozen=True)
class _WarmParent:
    process: subprocess.Popen[bytes]
    control: socket.socket
    at_start: dict[str, str]


class WarmChild:
    """A process that the warm parent has forked or soon will."""

    def __init__(self, parent: subprocess.Popen[bytes], report: socket.socket) -> None:
        self._parent, self._report = parent, report
        self._status: int | None = None

    def wait(self, timeout: float) -> int:
        """Its exit status as :mod:`subprocess` has it. Raises TimeoutError; Lost if nobody can tell."""
        if self._status is None:
            self._report.settimeout(timeout)
            try:
                told = self._report.recv(16)
            except ConnectionError as gone:
                raise Lost from gone
            if not told:
                raise Lost
            self._status = int(told)
        return self._status

    def end(self) -> None:
        """Kill it unless it has ended; it is gone when this returns."""
        with self._report, contextlib.suppress(Lost, OSError):
            try:
                self._report.shutdown(socket.SHUT_WR)
                self.wait(_PATIENCE_S)
            except TimeoutError:
                self._parent.kill()  # it hangs, and its children die with it
                self._parent.wait()


_lock = threading.Lock()
_current: _WarmParent | None = None
_former: list[subprocess.Popen[bytes]] = []


def start_warm_child(name: str, scheme: str, environment: dict[str, str], streams: Streams) -> WarmChild:
    """Start ``decode_child`` or ``remux_child``, which will read URLs of this scheme. Raises Lost.

    Its stdin begins with a line of JSON that is its environment.
    """
    message = json.dumps({"child": name, "scheme": scheme}).encode()
    ours, theirs = socket.socketpair()
    with theirs, _folder() as folder, _lock:
        try:
            parent = _warm_parent(environment)
            socket.send_fds(parent.control, [message], [*streams, folder, theirs.fileno()])
        except OSError as gone:
            _retire()
            raise Lost from gone
    return WarmChild(parent.process, ours)


@contextlib.contextmanager
def _folder() -> Iterator[int]:
    """The current folder, though its name may lead nowhere any more."""
    folder = os.open(".", os.O_PATH)
    try:
        yield folder
    finally:
        os.close(folder)


def _warm_parent(environment: dict[str, str]) -> _WarmParent:
    """The one that runs, unless it is dead or was started in another environment."""
    global _current
    at_start = {name: value for name, value in environment.items() if name.startswith(_AT_START)}
    if _current is not None and (_current.at_start != at_start or _current.process.poll() is not None):
        _retire()
    if _current is None:
        _current = _started(environment, at_start)
    return _current


def _started(environment: dict[str, str], at_start: dict[str, str]) -> _WarmParent:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(_PATIENCE_S)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pipelines.media.warm_parent", str(os.getpid())],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    return _WarmParent(process, ours, at_start)


def _retire() -> None:
    """Ask no more of the current one: it ends with its last child. Former ones that have ended are waited for."""
    global _current
    if _current is not None:
        with _current.control, contextlib.suppress(OSError):
            _current.control.shutdown(socket.SHUT_RDWR)
        _former[:] = [process for process in (*_former, _current.process) if process.poll() is None]
        _current = None


def _forget() -> None:
    """In a forked process: the warm parent is not ours, and the lock may be held by a thread that is not here."""
    global _lock, _current
    _lock, _current = threading.Lock(), None
    _former.clear()


os.register_at_fork(after_in_child=_forget)
