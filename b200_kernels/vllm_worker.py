"""What is added to vLLM's worker: its process ends with the one that started it.

vLLM imports this in its own process. Killed from outside (as Ray kills an actor), ours cannot end vLLM's, which
would keep its memory, a GPU's too, for ever.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.process import BaseProcess


class EndsWithItsParent:
    """Mixed into vLLM's worker class (``worker_extension_cls``)."""

    def end_with_parent(self) -> None:
        """From now on this process is killed when its parent is gone, however that ended."""
        threading.Thread(target=_outlive_nobody, name="parent-watch", daemon=True).start()


def _outlive_nobody() -> None:
    parent = multiprocessing.parent_process()
    if isinstance(parent, BaseProcess):
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)
