"""A Ray cluster of several nodes on this machine, and everything that belongs to it, by an environment variable.

A head without CPUs (the driver sits there) and two workers. Ray's folder is the cluster's own, so that no other session
finds it and its fixed file of "the current cluster" is not left behind for others. It knows nothing of the job.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import ray

MARK = "FAKE_FAULTS_CLUSTER"
NODES, CPUS = 2, 2
STORE_BYTES = 100 * 2**20


class Nodes:
    """The cluster while a matrix runs. Use :func:`started`."""

    def __init__(self, mark: str) -> None:
        from ray.cluster_utils import Cluster

        self.mark = mark
        self._cluster = Cluster()
        head = {
            "gcs_server_port": 0,
            "dashboard_port": 0,
            "include_dashboard": False,
            "dashboard_agent_listen_port": None,
        }
        self._cluster.add_node(num_cpus=0, object_store_memory=STORE_BYTES, **head)
        for _ in range(NODES):
            self._add()
        self.address: str = self._cluster.address
        ray.init(self.address, log_to_driver=False, logging_level="error")
        self.whole = self._total()

    def _add(self) -> None:
        self._cluster.add_node(num_cpus=CPUS, object_store_memory=STORE_BYTES, memory=4 * 2**30)

    def mend(self) -> None:
        """A new node for each that lost its raylet."""
        for node in list(self._cluster.worker_nodes):
            (raylet,) = node.all_processes[ray._private.ray_constants.PROCESS_TYPE_RAYLET]
            if raylet.process.poll() is not None:
                self._cluster.remove_node(node, allow_graceful=False)
                self._add()

    def at_rest(self) -> str:
        """Empty when all that the cluster has is free and no process is left over; else what is not."""
        total, free = self._total(), ray.available_resources()
        if total != self.whole:
            return f"the cluster has {total}, and had {self.whole}"
        short = {name: has - free.get(name, 0.0) for name, has in total.items() if free.get(name, 0.0) != has}
        if short:
            return f"still reserved: {short}"
        if left := self.orphans():
            return f"still there: {left}"
        return ""

    def orphans(self) -> list[str]:
        """Processes of this cluster or its jobs above which nobody of ours lives, and decoders that still run.

        A warm parent that waits under a worker is neither: the name of what it forks says "decode_child", its own does
        not.
        """
        ours = {process.pid for process in psutil.Process().children(recursive=True)}
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == self.mark and process.pid != os.getpid():
                    words = " ".join([process.name(), *process.cmdline()])
                    if process.status() == psutil.STATUS_ZOMBIE:
                        continue
                    if process.pid not in ours or "decode_child" in words:
                        found.append(f"{process.pid} {words[:80]}")
        return found

    def close(self) -> None:
        ray.shutdown()
        self._cluster.shutdown()

    def _total(self) -> dict[str, float]:
        """Without the names of single nodes, which change when a node is replaced."""
        return {name: amount for name, amount in ray.cluster_resources().items() if not name.startswith("node:")}


@contextlib.contextmanager
def started() -> Iterator[Nodes]:
    """A cluster for the length of a block; nothing of it is left afterwards."""
    mark, folder = uuid.uuid4().hex, Path(tempfile.mkdtemp(prefix="vx-"))
    os.environ |= {MARK: mark, "RAY_TMPDIR": str(folder)}
    nodes = None
    try:
        nodes = Nodes(mark)
        signal.signal(signal.SIGTERM, _interrupt)  # after Ray's own handler, which would leave the nodes behind
        yield nodes
    finally:
        if nodes is not None:
            nodes.close()
        _end_all(mark)
        shutil.rmtree(folder, ignore_errors=True)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _end_all(mark: str) -> None:
    """Only what bears our mark."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                process.send_signal(signal.SIGKILL)


def until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until something is so. Raises TimeoutError that says what was not."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.1)
