"""One driver holds an output at a time, and a dead one does not hold it for long."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from pipelines.archive.storage import Store, StoreError
from pipelines.ledger import lease
from pipelines.ledger.lease import STALE_S, Lease, LeaseHeld

FP = "f" * 16
PATH = f"_voxtral/lease/{FP}.json"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(str(tmp_path))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def kept(store: Store) -> dict:
    return json.loads(store.read_bytes(PATH))


def from_elsewhere(store: Store, **changes) -> None:
    """The lease as a process of another machine would have written it."""
    store.write_bytes(PATH, json.dumps(kept(store) | {"token": "x", "host": "far"} | changes).encode())


def test_a_second_driver_is_refused_and_told_who_and_what_to_do(store, clock):
    with Lease(store, FP, clock):
        clock.now += 30
        with (
            pytest.raises(LeaseHeld, match=rf"process {os.getpid()} on .*30 s ago.*Wait until") as caught,
            Lease(store, FP, clock),
        ):
            pass
        assert store.url in str(caught.value)
        with Lease(store, "0" * 16, clock):
            pass
    assert not store.exists(PATH)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_it_is_released_however_the_block_ends(store, clock, error):
    with pytest.raises(error), Lease(store, FP, clock):
        raise error
    with Lease(store, FP, clock):
        assert kept(store)["pid"] == os.getpid()


def test_a_holder_that_renews_keeps_it_and_one_that_is_silent_loses_it(store, clock):
    with Lease(store, FP, clock) as first:
        clock.now += STALE_S - 1
        first.renew()
        assert kept(store)["heartbeat"] == clock.now
        clock.now += STALE_S - 1
        with pytest.raises(LeaseHeld), Lease(store, FP, clock):
            pass
        first.check()
        clock.now += 1
        with Lease(store, FP, clock):
            first.renew()
            with pytest.raises(LeaseHeld):
                first.check()
            assert kept(store)["heartbeat"] == clock.now
        assert not store.exists(PATH)


def test_the_lease_of_another_is_not_released(store, clock):
    with Lease(store, FP, clock):
        from_elsewhere(store)
    assert kept(store)["host"] == "far"


def test_a_dead_process_of_this_machine_holds_nothing(store, clock):
    dead = subprocess.Popen([sys.executable, "-S", "-c", ""])
    dead.wait()
    with Lease(store, FP, clock):
        mine = kept(store)
    store.write_bytes(PATH, json.dumps(mine | {"pid": dead.pid}).encode())
    with Lease(store, FP, clock):
        assert kept(store)["pid"] == os.getpid()
    for other in ({"host": "far"}, {"pids": "pid:[1]"}):
        store.write_bytes(PATH, json.dumps(mine | {"pid": dead.pid} | other).encode())
        with pytest.raises(LeaseHeld), Lease(store, FP, clock):
            pass


def test_a_damaged_lease_holds_nothing(store, clock):
    store.write_bytes(PATH, b"{")
    with Lease(store, FP, clock):
        assert kept(store)["pid"] == os.getpid()


def test_the_thread_renews_and_outlives_a_store_that_is_away(store, clock, monkeypatch):
    monkeypatch.setattr(lease, "BEAT_S", 0.0)
    beats = []

    def renew(self):
        beats.append(1)
        if len(beats) == 3:
            self._over.set()
        raise StoreError("away")

    monkeypatch.setattr(Lease, "renew", renew)
    with Lease(store, FP, clock) as held:
        held._thread.join(10)
    assert len(beats) == 3


def test_it_works_in_a_bucket(s3_url, clock):
    store = Store(f"{s3_url}/out")
    with Lease(store, FP, clock), pytest.raises(LeaseHeld), Lease(store, FP, clock):
        pass
    assert store.list() == []
