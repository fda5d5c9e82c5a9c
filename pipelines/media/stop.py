"""Tells a thread that waits for a child that nobody wants the answer any more. It does not know who waits for what."""

from __future__ import annotations

import contextlib
import socket
import threading


class Stopped(Exception):
    """Nobody wanted the answer any more."""


class Stop:
    """Becomes readable when it is time to stop: something to select on, beside what a child writes."""

    def __init__(self) -> None:
        self._seen, self._told = socket.socketpair()
        self._lock = threading.Lock()

    def now(self) -> None:
        """From any thread, and too late without harm."""
        with self._lock, contextlib.suppress(OSError):
            self._told.send(b"x")

    def fileno(self) -> int:
        """Of the end that becomes readable."""
        return self._seen.fileno()

    def __enter__(self) -> Stop:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._seen.close()
            self._told.close()
