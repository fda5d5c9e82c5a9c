"""The service itself, on a free port of this machine, and what its processes use. It knows no load."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import psutil
from ray import serve

from ray_apps.serve_app import APP, build
from ray_apps.serving.run import LOGGING

_EVERY_S = 0.25
_MIB = 2**20
_KINDS = ("Proxy", "Ingress", "MediaPreparation", "VoxtralTranslator", "ServeController")


@contextlib.contextmanager
def serving(args: dict[str, Any]) -> Iterator[str]:
    """URL of a service with these ``args`` on the Ray that is joined."""
    port = free_port()
    serve.start(http_options={"host": "127.0.0.1", "port": port}, logging_config=LOGGING)
    try:
        serve.run(build(args), name=APP, route_prefix="/", logging_config=LOGGING)
        yield f"http://127.0.0.1:{port}"
    finally:
        serve.shutdown()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Memory:
    """MiB (resident) of the service's processes with their children, by kind, while it is entered: the most at once."""

    def __init__(self) -> None:
        self.most: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.is_set():
            now = resident()
            self.most = {kind: max(self.most.get(kind, 0.0), now.get(kind, 0.0)) for kind in {*self.most, *now}}
            self._ended.wait(_EVERY_S)


def resident() -> dict[str, float]:
    """MiB now, by kind and ``all``; memory that processes share counts for each.

    Ray names its processes by what they do; they are this one's descendants, as this one has started Ray.
    """
    found: defaultdict[str, float] = defaultdict(float)
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            kind = _kind(process)
            if kind:
                found[kind] += process.memory_info().rss / _MIB
    found["all"] = sum(found.values())
    return {kind: round(mib, 1) for kind, mib in found.items()}


def cpu_seconds() -> dict[str, float]:
    """CPU seconds since the start of every process that this one has started and that lives, by kind; what a process
    waited for counts as its own. ``Ray``: what Ray runs beside the service's own.
    """
    found: defaultdict[str, float] = defaultdict(float)
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found[_kind(process) or "Ray"] += sum(process.cpu_times()[:4])
    return dict(found)


def spent(before: dict[str, float]) -> dict[str, float]:
    """CPU seconds since then, by kind."""
    now = cpu_seconds()
    return {kind: round(max(0.0, seconds - before.get(kind, 0.0)), 2) for kind, seconds in sorted(now.items())}


def _kind(process: psutil.Process) -> str | None:
    """Of a replica, or of a replica's decoders and the warm parent that they fork from."""
    line = " ".join(process.cmdline())
    if "pipelines.media." in line:
        return "decoders"
    return next((kind for kind in _KINDS if line.startswith("ray::") and kind in line), None)
