"""The process that children fork from, because what they import takes longer than a probe: it has imported it.

``python -P -m pipelines.media.warm_parent OWNER``, for one process whose id is OWNER, which starts it in
:mod:`pipelines.media.warm_child`. It has one thread, opens no store and parses no medium; a child confines itself as
one that is started afresh.

A message on the control socket, its stdin, asks for a child: ``{"child": "decode_child", "scheme": "file"}``, with
five descriptors: what becomes the child's stdin, stdout and stderr, its folder, and the report. The child's stdin
begins with its environment, one line of JSON. Its exit status as :mod:`subprocess` has it is written to the report; a
report that ends without one belonged to a child that did not run. When the report's other end is shut, the child is
killed. When the control socket's is, the warm parent ends with its last child; when the owner dies, it ends at once and
so do its children.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from functools import partial
from pathlib import Path
from typing import NoReturn

from pipelines.archive.filesystems import load_driver
from pipelines.media import decode_child, remux_child

_CHILDREN = {"decode_child": decode_child.main, "remux_child": remux_child.main}
_DESCRIPTORS = 5
_MOST_BYTES = 1024


class WarmParent:
    """Forks children, tells how they end, kills those that are not wanted any more."""

    def __init__(self, control: socket.socket, owner: int) -> None:
        self._control = control
        self._pid = os.getpid()
        self._selector = selectors.DefaultSelector()
        self._selector.register(owner, selectors.EVENT_READ, partial(os._exit, 0))
        self._selector.register(control, selectors.EVENT_READ, self._take)

    def serve(self) -> None:
        """Until nobody can ask any more and no child runs."""
        while len(self._selector.get_map()) > 1:
            key, _ = self._selector.select()[0]  # one at a time: it may close what else is ready
            key.data()

    def _take(self) -> None:
        message, descriptors, _, _ = socket.recv_fds(self._control, _MOST_BYTES, _DESCRIPTORS)
        if not message:
            self._refuse_more()
            return
        try:
            if len(descriptors) == _DESCRIPTORS:  # fewer, if we may not open so many
                self._start(descriptors, **json.loads(message))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _start(self, descriptors: list[int], child: str, scheme: str) -> None:
        with contextlib.suppress(Exception):  # the child will say why its store cannot be opened
            load_driver(scheme)
        if len(list(Path("/proc/self/task").iterdir())) > 1:
            self._refuse_more()  # a thread of the driver's may hold a lock: in a child it would be held for ever
            return
        try:
            pid = os.fork()
        except OSError:
            return
        if pid == 0:
            self._be(child, descriptors)
        end, report = os.pidfd_open(pid), os.dup(descriptors[-1])
        self._selector.register(end, selectors.EVENT_READ, partial(self._ended, pid, end, report))
        self._selector.register(report, selectors.EVENT_READ, partial(self._kill, pid, report))

    def _refuse_more(self) -> None:
        self._selector.unregister(self._control)
        self._control.close()

    def _be(self, child: str, descriptors: list[int]) -> NoReturn:
        """What the forked process does until it ends. Nothing of the warm parent's stays open in it."""
        status = 1
        try:
            decode_child.die_with_parent()
            if os.getppid() == self._pid:
                for number, descriptor in enumerate(descriptors[:3]):
                    os.dup2(descriptor, number)
                os.fchdir(descriptors[3])
                os.closerange(3, 1 + max(int(entry.name) for entry in Path("/proc/self/fd").iterdir()))
                Path("/proc/self/comm").write_text(child)
                environment = json.loads(sys.stdin.readline())
                os.environ.clear()
                os.environ.update(environment)
                _CHILDREN[child]()
                status = 0
        except BaseException:  # noqa: BLE001  told as Python tells it
            traceback.print_exc()
        finally:
            os._exit(status)

    def _kill(self, pid: int, report: int) -> None:
        self._selector.unregister(report)
        os.kill(pid, signal.SIGKILL)

    def _ended(self, pid: int, end: int, report: int) -> None:
        _, status = os.waitpid(pid, 0)
        self._selector.unregister(end)
        with contextlib.suppress(KeyError):  # it was killed
            self._selector.unregister(report)
        with contextlib.suppress(BrokenPipeError):
            os.write(report, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(end)
        os.close(report)


def main() -> None:
    """Serve the owner, whose Ctrl-C is not ours: it says itself which child it does not want any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # an owner that ignores it hands that down, and nothing is told
    owner = os.pidfd_open(int(sys.argv[1]))
    if os.getppid() != int(sys.argv[1]):
        return
    gc.freeze()  # what is not touched is shared with the children
    control = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    WarmParent(control, owner).serve()


if __name__ == "__main__":
    main()
