"""A fake store, ``fake://WAY/path``, whose files do something in the child that opens them. There are none.

fsspec finds it through an entry point on PYTHONPATH, as it finds any store's driver.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import psutil
from fsspec import AbstractFileSystem

LIMITS = {"memory": resource.RLIMIT_AS, "cpu": resource.RLIMIT_CPU, "core": resource.RLIMIT_CORE}


def look(path: Path) -> None:
    """What a child has, as JSON in ``path``."""
    told = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "warm": _warm(),
        "folder": str(Path.cwd()),
        "environment": dict(os.environ),
        "descriptors": [str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()],
        "threads_of_the_parent": psutil.Process().parent().num_threads(),
        "argv": psutil.Process().cmdline(),
        "name": psutil.Process().name(),
        "safe_path": sys.flags.safe_path,
        "limits": {name: resource.getrlimit(limit) for name, limit in LIMITS.items()},
    }
    new = path.with_suffix(".tmp")
    new.write_text(json.dumps(told))
    new.replace(path)


def _warm() -> bool:
    return any("warm_parent" in word for word in psutil.Process().parent().cmdline())


def hang(path: Path) -> None:
    look(path)
    time.sleep(600)


def spin(_: Path) -> None:
    while True:
        pass


def kill_warm_parent(path: Path) -> None:
    if _warm():
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    look(path)


def kill_warm_parent_once(path: Path) -> None:
    if not path.exists():
        path.touch()
        kill_warm_parent(path)
    look(path)


WAYS = {
    "look": look,
    "hang": hang,
    "spin": spin,
    "crash": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "kill-parent": kill_warm_parent,
    "kill-parent-once": kill_warm_parent_once,
}


class FakeStore(AbstractFileSystem):
    protocol: ClassVar[str] = "fake"

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        way, _, where = path.rpartition("://")[2].partition("/")
        WAYS[way](Path("/", where))
        raise FileNotFoundError(path)


def write_entry_points(folder: Path) -> Path:
    """A folder for PYTHONPATH that makes fsspec know the fake store, and one whose driver starts a thread."""
    about = folder / "fake_store-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-store\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        f"[fsspec.specs]\nfake = {__name__}:FakeStore\nthreaded = fake_threaded_store:FakeStore\n"
    )
    (folder / "fake_threaded_store.py").write_text(
        f"from {__name__} import FakeStore, start_thread\n\nstart_thread()\n"
    )
    return folder


def start_thread() -> None:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
