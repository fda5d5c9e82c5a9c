"""The book as an actor with a name, which every process of a run finds, and a command in another terminal too.

It asks for no CPU, is started again when it dies, and is then empty until the workers' next hand-overs and the run's
driver, which keeps a copy (:class:`Keeper`), fill it. Nothing ever waits for it for long: work goes on without it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import ray
from ray.actor import ActorHandle
from ray.exceptions import ActorDiedError, GetTimeoutError, RayActorError, RayError

from cluster.profile.book import Book, Cost, Snapshot

NAMESPACE = "voxtral-profiles"
_ANSWER_S = 5.0
"""The longest that anybody waits for the book."""
_PULL_S = 5.0
_REST = 100
"""After a copy comes a rest of so many times what it took: a hundredth of a core, however large the cluster."""


class NoBook(ConnectionError):
    """There is no profile to be seen here. The message says what to do."""


def open_book(name: str) -> ActorHandle:
    """The book of this name, made if it is not there. It lives until its maker ends, or kills it."""
    return _open(name, {})


def open_lasting_book(name: str) -> ActorHandle:
    """As :func:`open_book`, but it outlives its maker: for services, whose replicas come and go."""
    return _open(name, {"lifetime": "detached"})


def close_book(name: str) -> None:
    """End a book; one that is not there is no error."""
    if ray.is_initialized():  # to ask for an actor would start a Ray
        with contextlib.suppress(ValueError, RayError):
            ray.kill(ray.get_actor(name, NAMESPACE))


def _open(name: str, options: dict[str, str]) -> ActorHandle:
    actor: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Book)
    found: ActorHandle = actor.options(name=name, namespace=NAMESPACE, get_if_exists=True, **options).remote()
    return found


def _knows(book: Any) -> Snapshot:
    found: Any = ray.get(book.snapshot.remote(), timeout=_ANSWER_S)
    return cast(Snapshot, found)


def books() -> list[str]:
    """Names of all books of the cluster that Ray is joined to, sorted."""
    found = ray.util.list_named_actors(all_namespaces=True)
    return sorted(each["name"] for each in found if each["namespace"] == NAMESPACE)


def read_book(name: str) -> Snapshot:
    """What a book knows now. Raises NoBook."""
    try:
        return _knows(ray.get_actor(name, NAMESPACE))
    except (ValueError, RayActorError, GetTimeoutError) as error:
        raise NoBook(f"the profile {name} does not answer ({type(error).__name__}): its run may have ended") from error


class Keeper:
    """The driver's copy of its run's book: it outlives the book, opens and fills a new one, and is saved now and then.

    ``save`` is given every new copy, in a thread of its own; an OSError of it is left for the next time.
    """

    def __init__(self, name: str, save: Callable[[Snapshot], None]) -> None:
        self.name, self._save = name, save
        self._own = Book()
        self._actor = open_book(name)
        self._costs: dict[str, Cost] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="profile keeper", daemon=True)
        self._thread.start()

    def finished(self, seconds: Mapping[str, float]) -> None:
        """A shard is done, and this is what its part says that it cost, by operation."""
        for name, cost in seconds.items():
            known = self._costs.get(name, Cost(0, 0.0))
            self._costs[name] = Cost(known.count + 1, known.seconds + cost)

    def close(self, calls: Mapping[str, int] | None = None, patience_s: float = 3.0) -> None:
        """End the book when it has heard of all that is done, or after ``patience_s``, and save the last copy.

        ``calls`` are those that are known to be done, by operation, besides the ones that :meth:`finished` was told of.
        """
        self._ended.set()
        self._thread.join(timeout=_ANSWER_S)
        until = time.monotonic() + patience_s
        done = {name: cost.count for name, cost in self._costs.items()} | dict(calls or {})
        while self._learn() is not None and self._lacks(done) and time.monotonic() < until:
            time.sleep(0.05)
        close_book(self.name)
        self._store()

    def _keep(self) -> None:
        rest_s = _PULL_S
        while not self._ended.wait(rest_s):
            began = time.thread_time()
            theirs = self._learn()
            if theirs is not None:
                self._teach(theirs)
                self._store()
            rest_s = max(_PULL_S, _REST * (time.thread_time() - began))

    def _learn(self) -> Snapshot | None:
        """Take in what the book knows, and return it; None where it does not answer."""
        if self._costs:
            self._own.tell_parts(self.name, dict(self._costs))
        try:
            theirs = _knows(self._actor)
        except ActorDiedError:  # somebody ended it
            self._actor = open_book(self.name)
            return None
        except (RayActorError, GetTimeoutError):
            return None
        self._own.join(theirs)
        return theirs

    def _teach(self, theirs: Snapshot) -> None:
        """Tell the book what it does not know."""
        if self._own.knows_more_than(theirs):
            self._actor.join.remote(self._own.snapshot())
        elif self._costs:
            self._actor.tell_parts.remote(self.name, dict(self._costs))

    def _lacks(self, done: Mapping[str, int]) -> bool:
        """Whether workers have told of fewer calls than are done."""
        told: dict[str, int] = {}
        for worker in self._own.snapshot().workers:
            for name, operation in worker.state["operations"].items():
                told[name] = told.get(name, 0) + sum(operation["seconds"]["bins"].values())
        return any(told.get(name, 0) < count for name, count in done.items())

    def _store(self) -> None:
        with contextlib.suppress(OSError):
            self._save(self._own.snapshot())
