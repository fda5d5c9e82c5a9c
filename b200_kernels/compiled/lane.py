"""A thread with a batch: it takes what has arrived, lets windows join, steps, and hands out what is finished.

An error belongs to the request that caused it: where memory ran out, or a join failed, windows join again in halves,
down to one; where it runs out in a step, half of them begin again later. What breaks the device breaks the engine, and
everybody is told. A CPU has a lane a core, each computing in one thread: that needs no barriers, and lets one lane
encode while another one writes. It knows jobs and futures; it does not know what a result looks like.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import torch

from b200_kernels.compiled.batch import Batch, Job
from b200_kernels.engine import EngineError, SpeechRequest, SpeechResult
from b200_kernels.oom import is_out_of_memory


@dataclass(frozen=True)
class Asked:
    """A request under way, and where its answer goes."""

    request: SpeechRequest
    job: Job
    future: Future[SpeechResult]


Inbox = queue.SimpleQueue[Asked | None]
"""What has arrived, for all lanes; a None for each of them ends it."""


class Lane:
    """``tell`` makes the result of a finished request. ``threads`` is for torch; None leaves torch's own number."""

    def __init__(self, batch: Batch, inbox: Inbox, tell: Callable[[Asked], SpeechResult], threads: int | None) -> None:
        self.batch = batch
        self.busy_s = 0.0
        self._inbox, self._tell, self._threads = inbox, tell, threads
        self._waiting: deque[Asked] = deque()
        self._joining: list[Asked] = []
        self._running: list[Asked] = []
        self._crowded = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="compiled-engine", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for the thread's end: once all that arrived before its None is done."""
        self._thread.join()

    def _run(self) -> None:
        with torch.inference_mode():
            try:
                while self._arrive():
                    began = time.perf_counter()
                    self._step()
                    self._hand_out()
                    self.busy_s += time.perf_counter() - began
            except Exception as error:  # noqa: BLE001  a thread that dies silently leaves everybody waiting
                self._abandon(error)

    def _step(self) -> None:
        if not self.batch.rows:
            return
        try:
            self.batch.step()
        except Exception as error:  # noqa: BLE001  Triton's errors have no common base but this
            if is_out_of_memory(error) and len(self._running) > 1:
                self._put_back(self._running[len(self._running) // 2 :])
            else:
                self._fail(self._running, error)

    def _put_back(self, asked: list[Asked]) -> None:
        """Requests that have no room beside the others begin again once these are done."""
        self._drop(asked)
        for one in asked:
            for writing in one.job.writings:
                writing.begin_again()
        self._waiting.extendleft(reversed(asked))
        self._crowded = True
        if self.batch.device.type == "cuda":
            torch.cuda.empty_cache()

    def _abandon(self, error: Exception) -> None:
        """Answer everybody with the error, those too who come later, until the engine is closed."""
        told = EngineError(f"the engine is broken: {error}")
        told.__cause__ = error
        left = [*self._running, *self._joining, *self._waiting]
        while left or not self._closing:
            for asked in left:
                _refuse(asked, told)
            taken = self._take(wait=True)
            left = [taken] if taken is not None else []

    def _arrive(self) -> bool:
        """Let join what has arrived, as much as fits and is encoded together; False once all is done and closed."""
        joining: list[Asked] = []
        while len(joining) < self.batch.encode_at_once and not (self._crowded and self._running):
            idle = not (self._running or joining or self._waiting)
            asked = self._waiting.popleft() if self._waiting else self._take(wait=idle)
            if asked is None:
                break
            if asked.future.cancelled():
                continue
            if (joining and not self.batch.fits(_together([*joining, asked]))) or not self.batch.fits(asked.job):
                self._waiting.appendleft(asked)
                break
            joining.append(asked)
        if self._threads is not None:
            torch.set_num_threads(self._threads)  # each time: other libraries set it for the whole process
        began = time.perf_counter()
        self._joining = joining
        self._join(joining)
        self._joining = []
        self.busy_s += time.perf_counter() - began
        return bool(self._running or joining or self._waiting or not self._closing)

    def _take(self, wait: bool) -> Asked | None:
        if self._closing:
            return None
        try:
            asked = self._inbox.get(block=wait)
        except queue.Empty:
            return None
        self._closing = asked is None
        return asked

    def _join(self, joining: list[Asked]) -> None:
        """In one batch, or where that fails in halves: a request that cannot be computed fails alone."""
        if not joining:
            return
        try:
            self.batch.join([asked.job for asked in joining])
        except Exception as error:  # noqa: BLE001  likewise
            if is_out_of_memory(error) and self.batch.device.type == "cuda":
                torch.cuda.empty_cache()
            if len(joining) == 1:
                self._fail(joining, error)
                return
        else:
            self._running += joining
            self._hand_out()
            return
        middle = len(joining) // 2
        self._join(joining[:middle])
        self._join(joining[middle:])

    def _fail(self, failed: list[Asked], error: Exception) -> None:
        told = error if isinstance(error, ValueError) else EngineError(f"the engine failed: {error}")
        for asked in failed:
            _refuse(asked, told)
        self._drop(failed)

    def _drop(self, asked: list[Asked]) -> None:
        gone = {id(one) for one in asked}
        self._running = [one for one in self._running if id(one) not in gone]
        self.batch.drop([one.job for one in asked])

    def _hand_out(self) -> None:
        """What is finished, to whoever waits; what nobody waits for any more is forgotten."""
        cancelled = [asked for asked in self._running if asked.future.cancelled()]
        if cancelled:
            self.batch.drop([asked.job for asked in cancelled])
        finished = [asked for asked in self._running if asked.job.done]
        gone = {id(asked) for asked in (*cancelled, *finished)}
        self._running = [asked for asked in self._running if id(asked) not in gone]
        self._crowded = self._crowded and not finished
        for asked in finished:
            if asked.future.set_running_or_notify_cancel():
                asked.future.set_result(self._tell(asked))


def _refuse(asked: Asked, error: Exception) -> None:
    if not asked.future.done() and asked.future.set_running_or_notify_cancel():
        asked.future.set_exception(error)


def _together(asked: list[Asked]) -> Job:
    """Several jobs as one, to ask whether there is room."""
    return Job(None, [writing for one in asked for writing in one.job.writings])
