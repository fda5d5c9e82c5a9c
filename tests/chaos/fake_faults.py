"""Fake faults: what is to go wrong in a run, met by every process at points that have a name.

Every process of the job (driver, workers, decoding children) asks :func:`meet` at its kill points: a call to the store
(``store.write``, ``read``, ``look``, ``list``, ``delete``, ``open`` of a path) or a stage's work on a shard
(``stage.listen``, ``stage.translate``). The plan is a file in the folder that the environment names, so that it can
change while the job runs; counting is done with files, so that "the fourth write of a part" is the fourth of all
processes together.

It knows nothing of Ray and of who asks.
"""

from __future__ import annotations

import errno
import fnmatch
import json
import os
import random
import signal
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import psutil

FOLDER = "FAKE_FAULTS"
"""Environment variable with the folder of the plan; without it nothing ever goes wrong."""

Do = Literal["fail", "full", "hang", "crash", "kill", "kill-driver", "kill-raylet", "kill-node"]


@dataclass(frozen=True)
class FakeFault:
    """Something goes wrong at the ``nth`` meeting, and at ``times`` - 1 more or for ``seconds``.

    ``point`` and ``name`` are shell patterns: what is done, and the path or shard that it is done to. ``share`` is the
    chance of each. ``kill`` is SIGKILL of whoever asks, ``crash`` its SIGSEGV.
    """

    do: Do
    point: str
    name: str = "*"
    when: Literal["before", "after"] = "before"
    nth: int = 1
    times: int = 1
    seconds: float = 0.0
    share: float = 1.0


@dataclass(frozen=True)
class Met:
    """A note that a process left: ``at`` is the time of the kernel's clock, which no fault moves."""

    kind: str
    name: str
    at: float


def arm(folder: Path, faults: Sequence[FakeFault]) -> None:
    """The plan from now on; what was counted and noted before is forgotten."""
    for kind in ("counts", "notes"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for file in (folder / kind).iterdir():
            file.unlink()
    plan(folder, faults)


def plan(folder: Path, faults: Sequence[FakeFault]) -> None:
    """Change the plan; counts and notes stay."""
    new = folder / f"{uuid.uuid4().hex}.tmp"
    new.write_text(json.dumps([asdict(fault) for fault in faults]))
    new.replace(folder / "plan.json")


def note(kind: str, name: str) -> None:
    """Leave a note that something was met."""
    if folder := _folder():
        (folder / "notes" / f"{kind}~{name.replace('/', '+')}~{uuid.uuid4().hex}").touch()


def notes(folder: Path, kind: str) -> list[Met]:
    """The notes of a kind, oldest first."""
    found = [
        Met(kind, file.name.split("~")[1].replace("+", "/"), file.stat().st_mtime)
        for file in (folder / "notes").glob(f"{kind}~*")
    ]
    return sorted(found, key=lambda met: met.at)


@contextmanager
def meet(point: str, name: str) -> Iterator[None]:
    """Do something that may go wrong before or after."""
    _suffer(point, name, "before")
    yield
    _suffer(point, name, "after")


def _suffer(point: str, name: str, when: str) -> None:
    folder = _folder()
    if folder is None:
        return
    for number, fault in enumerate(_plan(folder)):
        meant = fault.when == when and fnmatch.fnmatch(point, fault.point) and fnmatch.fnmatch(name, fault.name)
        if meant and _strikes(folder, number, fault):
            note(fault.do, f"{number}")
            _do(folder, fault)


def _plan(folder: Path) -> list[FakeFault]:
    return [FakeFault(**fields) for fields in json.loads((folder / "plan.json").read_text())]


def _strikes(folder: Path, number: int, fault: FakeFault) -> bool:
    if fault.share < 1.0:
        return random.Random().random() < fault.share
    met = _count(folder, f"{number}")
    if fault.seconds:
        # Files' times and this clock are the kernel's: a clock that a fault moves is not asked.
        began = folder / "counts" / f"{number}.began"
        if met == fault.nth:
            began.touch()
        return began.exists() and time.clock_gettime(time.CLOCK_REALTIME) - began.stat().st_mtime < fault.seconds
    return fault.nth <= met < fault.nth + fault.times


def _count(folder: Path, name: str) -> int:
    """The next number, each given once, whoever asks."""
    number = 1
    while True:
        try:
            (folder / "counts" / f"{name}.{number}").touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return number


def _do(folder: Path, fault: FakeFault) -> None:
    match fault.do:
        case "fail":
            raise ConnectionResetError(errno.ECONNRESET, f"fake fault: {os.strerror(errno.ECONNRESET)}")
        case "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        case "hang":
            time.sleep(3600)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "kill-driver":
            os.kill(int((folder / "driver.pid").read_text()), signal.SIGKILL)
        case "kill-raylet":
            os.kill(_raylet().pid, signal.SIGKILL)
        case "kill-node":
            raylet = _raylet()
            others = [child for child in raylet.children(recursive=True) if child.pid != os.getpid()]
            for process in (raylet, *others):
                process.kill()
            os.kill(os.getpid(), signal.SIGKILL)


def _raylet() -> psutil.Process:
    """The raylet above this worker."""
    return next(parent for parent in psutil.Process().parents() if parent.name() == "raylet")


def _folder() -> Path | None:
    return Path(os.environ[FOLDER]) if FOLDER in os.environ else None
