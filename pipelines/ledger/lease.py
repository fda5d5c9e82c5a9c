"""One driver at a time on one output: a lease that is renewed while its holder lives.

    _voxtral/lease/<fingerprint>.json   who holds it, since when, and when it was last heard of

A lease whose holder was not heard of for 90 seconds, or is a dead process of this machine, is taken over. The
clocks of two machines may differ by less than that. Creating a lease is atomic; of two who take over the same
dead one at the same instant both may get it, and the first one learns of it when it renews (:meth:`Lease.check`).
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from pydantic import ValidationError

from pipelines.archive.storage import Store
from pipelines.ledger.parts import ROOT
from pipelines.records import Record

BEAT_S = 20.0
STALE_S = 90.0


class LeaseHeld(RuntimeError):
    """Another run works on this output. The message says which, and what to do."""


class Holder(Record):
    """Who holds a lease. Times are seconds since 1970, by the holder's clock."""

    token: str
    host: str
    pid: int
    pids: str
    """Which set of process numbers ``pid`` is of: containers of one host name may have sets of their own."""
    started: float
    heartbeat: float


class Lease:
    """The lease on one fingerprint of an output folder, held within a ``with`` block; not for two blocks at once."""

    def __init__(self, store: Store, fingerprint: str, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._path = f"{ROOT}/lease/{fingerprint}.json"
        self._over = threading.Event()
        self._lost_to: Holder | None = None

    def __enter__(self) -> Lease:
        """Raises LeaseHeld if somebody else has it, StoreError if it cannot be written."""
        now = self._clock()
        host, pids = _machine()
        self._me = Holder(token=uuid.uuid4().hex, host=host, pid=os.getpid(), pids=pids, started=now, heartbeat=now)
        if not self._store.create(self._path, _encoded(self._me)):
            self._take_over()
        self._over.clear()
        self._lost_to = None
        self._thread = threading.Thread(target=self._beat, name="voxtral-lease", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        # A store that is away must not hide why the block ended: the lease grows old by itself.
        with contextlib.suppress(OSError):
            if self._is_mine(self._read()):
                self._store.delete(self._path)

    def is_held(self) -> bool:
        """Whether anybody who is not known to be dead holds it."""
        there = self._read()
        return there is not None and not self._is_dead(there)

    @property
    def token(self) -> str:
        """32 hexadecimal digits that name this holder, and nobody else."""
        return self._me.token

    def renew(self) -> None:
        """Say that we live, unless somebody else has taken over. The thread calls it every 20 seconds."""
        there = self._read()
        if there is not None and not self._is_mine(there):
            self._lost_to = there
            return
        self._me = self._me.model_copy(update={"heartbeat": self._clock()})
        self._store.write_bytes(self._path, _encoded(self._me))

    def check(self) -> None:
        """Raises LeaseHeld if somebody else took the lease over, as after this machine had slept."""
        if self._lost_to is not None:
            raise LeaseHeld(self._sentence(self._lost_to))

    def _beat(self) -> None:
        while self._lost_to is None and not self._over.wait(BEAT_S):
            # A store that is away for a while: the next beat may reach it.
            with contextlib.suppress(OSError):
                self.renew()

    def _take_over(self) -> None:
        there = self._read()
        if there is not None and not self._is_dead(there):
            raise LeaseHeld(self._sentence(there))
        self._store.write_bytes(self._path, _encoded(self._me))
        winner = self._read()
        if winner is not None and not self._is_mine(winner):
            raise LeaseHeld(self._sentence(winner))

    def _is_dead(self, holder: Holder) -> bool:
        if self._clock() - holder.heartbeat >= STALE_S:
            return True
        return (holder.host, holder.pids) == _machine() and not _lives(holder.pid)

    def _is_mine(self, holder: Holder | None) -> bool:
        return holder is not None and holder.token == self._me.token

    def _read(self) -> Holder | None:
        """The holder; None if there is none, or the file is damaged."""
        try:
            return Holder.model_validate_json(self._store.read_bytes(self._path))
        except (FileNotFoundError, ValidationError):
            return None

    def _sentence(self, holder: Holder) -> str:
        age = max(self._clock() - holder.heartbeat, 0.0)
        return (
            f"Another run is working on {self._store.url}: process {holder.pid} on {holder.host}, last heard of "
            f"{age:.0f} s ago. Wait until it is done, stop it, or give another output folder. If it is dead, its "
            f"claim ends by itself in {max(STALE_S - age, 0.0):.0f} s."
        )


def _machine() -> tuple[str, str]:
    try:
        pids = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        pids = ""
    return socket.gethostname(), pids


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _encoded(holder: Holder) -> bytes:
    return holder.model_dump_json().encode()
