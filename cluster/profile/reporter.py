"""A worker's side of the profile: what this process records, handed over to the run's book.

At the end of a piece of work, and every two seconds besides, all that was recorded so far is sent, and nobody waits
for an answer. The next hand-over is made once the one before has arrived, and after a rest of a hundred times the
CPU that it took: a slow book slows down nothing but the profile.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from typing import Any

import ray
from ray.exceptions import ActorDiedError, RayError

from cluster.profile.book import HandOver, Receipt, Worker
from cluster.profile.process_figures import process_figures
from cluster.profile.ray_book import NAMESPACE
from cluster.profiler import PerformanceProfiler, use_profiler

BEAT_S = 2.0
_SOON_S = 0.1
_REST = 100
_LEAST_REST_S = 1.0
"""Whoever sends pays a little, and the book pays as much again for every sender."""
_SPANS_AT_ONCE = 500
_LOOKS = 30
"""For a book that is not there, before its run is taken to be over."""


class Reporter:
    """Hands ``profiler`` over to the book called ``book``. Never raises; only its thread ever waits."""

    def __init__(self, book: str) -> None:
        self.book = book
        self.profiler = PerformanceProfiler()
        self.worker = this_worker()
        self._began_at = time.time()
        self._number = 0
        self._actor: Any = None
        self._sent: Any = None
        self._receipt = Receipt("", 0)
        self._rest_until = 0.0
        self._missed = 0
        self._one_at_a_time = threading.Lock()
        self._closed = threading.Event()
        self._left = threading.Event()
        """Set while something recorded was not sent at once."""
        threading.Thread(target=self._beat, name="profile reporter", daemon=True).start()

    def hand_over(self) -> None:
        """Send what is recorded; while the last hand-over is on its way, or rests, leave it to the thread."""
        if self.is_closed or not self._one_at_a_time.acquire(blocking=False):
            self._left.set()
            return
        try:
            began = time.thread_time()
            if self._actor is None or time.monotonic() < self._rest_until or not self._has_arrived():
                self._left.set()
                return
            self._left.clear()
            self._send()
            spent_s = time.thread_time() - began
            self._rest_until = time.monotonic() + min(BEAT_S, max(_LEAST_REST_S, _REST * spent_s))
        except RayError:
            self._rest_until = time.monotonic() + BEAT_S
        finally:
            self._one_at_a_time.release()

    def close(self) -> None:
        """Send nothing any more."""
        self._closed.set()

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set()

    def _has_arrived(self) -> bool:
        if self._sent is None:
            return True
        if not ray.wait([self._sent], timeout=0)[0]:
            return False
        sent, self._sent = self._sent, None
        try:
            receipt: Receipt = ray.get(sent)
        except ActorDiedError:  # for good; its run is over, or has opened another one
            self._actor = None
            return False
        # A book that was lost and is another one now gets all spans that are still here.
        self._receipt = receipt if receipt.book == self._receipt.book else Receipt(receipt.book, 0)
        return True

    def _send(self) -> None:
        first, spans = self.profiler.spans(self._receipt.next_span)
        self._number += 1
        told = HandOver(
            worker=self.worker,
            number=self._number,
            began_at=self._began_at,
            at=time.time(),
            state=self.profiler.state(),
            at_work=tuple(self.profiler.at_work()),
            first_span=first,
            spans=tuple(spans[:_SPANS_AT_ONCE]),
        )
        self._sent = self._actor.hand_over.remote(told)

    def _beat(self) -> None:
        look_at = 0.0
        while not self._closed.wait(_SOON_S if self._left.wait(BEAT_S) else 0.0):
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + BEAT_S
                for name, value in process_figures(self.worker.gpus).items():
                    self.profiler.gauge(name, value)
            if self._actor is None:
                self._find()
            self.hand_over()

    def _find(self) -> None:
        """Looking a name up may take long, where the cluster is in trouble."""
        try:
            self._actor, self._missed = ray.get_actor(self.book, NAMESPACE), 0
        except (ValueError, RayError):
            self._missed += 1
            if self._missed == _LOOKS:
                self.close()
            self._closed.wait(BEAT_S)


def this_worker() -> Worker:
    """This process, as Ray knows it."""
    context = ray.get_runtime_context()
    node = f"{ray.util.get_node_ip_address()} {context.get_node_id()[:6]}"
    gpus = tuple(context.get_accelerator_ids().get("GPU", ()))
    return Worker(id=uuid.uuid4().hex, node=node, pid=os.getpid(), actor=context.get_actor_id() or "", gpus=gpus)


_reporter: Reporter | None = None
_changing = threading.Lock()


def reporting(book: str) -> Reporter:
    """This process's reporter to a book; one that reported to another book ends. What the decorators of
    :mod:`cluster.profiler` time in this process goes to the same book from now on.
    """
    global _reporter
    with _changing:
        if _reporter is None or _reporter.book != book or _reporter.is_closed:
            if _reporter is not None:
                _reporter.close()
            _reporter = Reporter(book)
            use_profiler(_reporter.profiler)
        return _reporter
