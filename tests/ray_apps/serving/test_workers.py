"""A call whose replica dies is made again; one that fails by its own fault is not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ray.exceptions import ActorDiedError
from ray.serve.exceptions import BackPressureError

from ray_apps.serving import workers
from ray_apps.serving.workers import TRIES, Unavailable, asked


class Method:
    """A replica's method that ends, call by call, as it is told."""

    def __init__(self, *ends: Any) -> None:
        self.ends = list(ends)
        self.calls = self.cancelled = 0

    def remote(self, *_arguments: Any) -> Method:
        self.calls += 1
        return self

    def __await__(self) -> Any:
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        if isinstance(end, asyncio.Event):
            yield from end.wait().__await__()
        return end

    def cancel(self) -> None:
        self.cancelled += 1


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(workers, "PAUSE_S", 0.0)


def test_another_replica_is_asked():
    method = Method(ActorDiedError(), ActorDiedError(), "answer")
    assert asyncio.run(asked(method, 1)) == "answer"
    assert method.calls == 3


def test_what_kills_every_replica_is_given_up():
    method = Method(*[ActorDiedError() for _ in range(TRIES + 1)])
    with pytest.raises(Unavailable):
        asyncio.run(asked(method))
    assert method.calls == TRIES


@pytest.mark.parametrize(("end", "error"), [(ValueError("no"), ValueError), (BackPressureError(9, 8), Unavailable)])
def test_a_fault_of_the_request_is_told_at_once(end, error):
    method = Method(end, "never")
    with pytest.raises(error):
        asyncio.run(asked(method))
    assert method.calls == 1


def test_who_stops_waiting_stops_the_replica():
    method = Method(asyncio.Event())

    async def leave() -> None:
        waiting = asyncio.create_task(asked(method))
        await asyncio.sleep(0)
        waiting.cancel()
        await waiting

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(leave())
    assert method.cancelled == 1
