"""The faults by name: what goes wrong and when, how the runs must end, and which media may fail for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tests.chaos.fake_faults import Do, FakeFault, note, plan
from tests.chaos.fake_job import JUMPED
from tests.chaos.job import Job
from tests.chaos.nodes import NODES, STORE_BYTES, until

PART, ENTRY, TABLE = "*/_voxtral/parts/*.json", "*/_voxtral/ledger/*.json.gz", "*/cues.parquet"
WRITE, FOREVER = "store.write", 10**9
FULL = "store-full"
"""Kind of the note that more was put into a node's object store than fits."""
DONE, LEFT, KILLED = 0, 1, -9

Play = Callable[[Job, "Fault"], None]


def until_done(job: Job, fault: Fault) -> None:
    """Run the same command again until it says that all is done, at most as often as it should take."""
    for _ in fault.codes:
        if job.run(fault.clock, fault.pauses) == DONE:
            return


def freed_after_one_run(job: Job, fault: Fault) -> None:
    """One run with the fault, one without."""
    job.run()
    plan(job.control, [])
    job.run()


def two_drivers(job: Job, fault: Fault) -> None:
    """A second driver, whose clock may be another, while the first is at work."""
    first = job.start()
    until(lambda: any(job.out.glob("_voxtral/lease/*.json")), 60, "the first driver holds the lease")
    second = job.start(fault.clock)
    second.end()
    first.end()


def under_pressure(job: Job, fault: Fault) -> None:
    with fake_ballast():
        until_done(job, fault)


@dataclass(frozen=True)
class Fault:
    """``codes`` are the exit codes of the runs, in the order of their ends."""

    name: str
    what: str
    strikes: tuple[FakeFault, ...] = ()
    codes: tuple[int, ...] = (DONE,)
    excused: Mapping[str, str] = field(default_factory=dict)
    on_faulty_store: bool = True
    kills_only: bool = True
    """The work repeated is bounded by what was in flight; a store that fails makes a pass over what stayed open."""
    clock: str = ""
    pauses: str = "0.5,1,2"
    play: Play = until_done
    noted: Mapping[str, int] = field(default_factory=dict)
    """What shows that it struck, where that is no strike: kinds of notes, and how many there must be."""


def _driver(name: str, what: str, *strikes: FakeFault) -> Fault:
    return Fault(f"driver-{name}", f"driver killed {what}", strikes, (KILLED, DONE))


def _worker(name: str, what: str, *strikes: FakeFault) -> Fault:
    return Fault(f"worker-{name}", f"worker killed {what}", strikes)


def _node(name: str, what: str, strike: Do) -> Fault:
    """In the middle of a shard's translation; the node does not come back while the job runs."""
    return Fault(name, what, (FakeFault(strike, "stage.translate", nth=3),), on_faulty_store=False)


_FLAKY = (
    FakeFault("fail", "store.*", share=0.1),
    FakeFault("fail", "store.*", when="after", share=0.05),
)
_CRASH = FakeFault("crash", "store.open", "*/crash.webm", nth=4, times=FOREVER)

FAULTS = (
    _driver("at-work", "while a shard is translated", FakeFault("kill-driver", "stage.translate", nth=5)),
    _driver("before-part", "before a part is written", FakeFault("kill-driver", WRITE, PART, nth=4)),
    _driver("after-part", "after a part was written", FakeFault("kill-driver", WRITE, PART, "after", nth=4)),
    _driver("before-commit", "before a medium is committed", FakeFault("kill-driver", WRITE, ENTRY)),
    _driver("after-commit", "after a medium was committed", FakeFault("kill-driver", WRITE, ENTRY, "after", nth=2)),
    _driver("in-cleanup", "while a committed medium's parts go", FakeFault("kill-driver", "store.delete", PART, nth=2)),
    _driver("before-tables", "before the tables are written", FakeFault("kill-driver", WRITE, TABLE)),
    Fault("actor", "actor killed at work", (FakeFault("kill", "stage.translate", nth=4),), on_faulty_store=False),
    Fault(
        "actors",
        "three actors killed one after the other",
        tuple(FakeFault("kill", "stage.translate", nth=n) for n in (3, 7, 11)),
        on_faulty_store=False,
    ),
    _worker("listening", "while it listens", FakeFault("kill", "stage.listen", nth=3)),
    _worker("before-part", "before a part is written", FakeFault("kill", WRITE, PART, nth=4)),
    _worker("after-part", "after a part was written", FakeFault("kill", WRITE, PART, "after", nth=4)),
    _worker("before-commit", "before a medium is committed", FakeFault("kill", WRITE, ENTRY)),
    _worker("after-commit", "after a medium was committed", FakeFault("kill", WRITE, ENTRY, "after")),
    _node("raylet", "raylet of an actor killed", "kill-raylet"),
    _node("node", "raylet and all its workers killed", "kill-node"),
    Fault(
        "object-store",
        "object stores kept full",
        on_faulty_store=False,
        kills_only=False,
        play=under_pressure,
        noted={FULL: NODES},
    ),
    Fault(
        "disk-full-a-while",
        "output disk full for three seconds",
        (FakeFault("full", WRITE, PART, nth=4, seconds=3.0),),
        kills_only=False,
    ),
    Fault(
        "disk-full",
        "output disk full until after the run",
        (FakeFault("full", WRITE, nth=20, times=FOREVER),),
        (LEFT, DONE),
        kills_only=False,
        play=freed_after_one_run,
    ),
    Fault("store-flaky", "one in ten calls to the store fails", _FLAKY, kills_only=False),
    Fault(
        "store-away",
        "store away for 30 s",
        (FakeFault("fail", "store.*", "*/store-away*", nth=60, seconds=30.0),),
        kills_only=False,
        pauses="2,10,30",
    ),
    Fault(
        "decoder-crashes",
        "a medium crashes its decoder",
        (_CRASH,),
        (LEFT,),
        {"crash.webm": "crashed"},
        kills_only=False,
    ),
    Fault(
        "decoder-hangs",
        "a medium hangs its decoder",
        (FakeFault("hang", "store.open", "*/hang.m4a", nth=4, times=FOREVER),),
        (LEFT,),
        {"hang.m4a": "timeout"},
        kills_only=False,
        pauses="0.2",
    ),
    Fault(
        "clock",
        "driver's clock an hour on, then two back",
        on_faulty_store=False,
        clock="8:3600,12:-7200",
        noted={JUMPED: 2},
    ),
    Fault("two-drivers", "a second driver on one output", codes=(LEFT, DONE), on_faulty_store=False, play=two_drivers),
    Fault(
        "two-drivers-clock",
        "a second driver whose clock is an hour ahead",
        codes=(DONE, LEFT),
        on_faulty_store=False,
        kills_only=False,
        clock="0:3600",
        play=two_drivers,
    ),
    Fault(
        "all-at-once",
        "node and actor killed, flaky store, crashing medium",
        (
            FakeFault("kill-node", "stage.translate", nth=6),
            FakeFault("kill", "stage.translate", nth=3),
            *_FLAKY,
            _CRASH,
        ),
        (LEFT,),
        {"crash.webm": "crashed"},
        kills_only=False,
    ),
)


@ray.remote(num_cpus=0)
class FakeBallast:
    """Puts more into its node's object store than fits, over and over."""

    def fill(self) -> None:
        kept: list[ray.ObjectRef] = []
        most = 2 * STORE_BYTES // (10 * 2**20)
        while True:
            kept.append(ray.put(np.ones(10 * 2**20, np.uint8)))
            if len(kept) == most:
                note(FULL, ray.get_runtime_context().get_node_id())  # twice what fits: half of it lies on the disk
            kept = kept[-most:]


@contextmanager
def fake_ballast() -> Iterator[None]:
    """Every worker node's object store is full, so that it spills, for the length of a block."""
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    ballast = [
        FakeBallast.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote()
        for node in nodes
    ]
    for one in ballast:
        one.fill.remote()
    try:
        yield
    finally:
        for one in ballast:
            ray.kill(one)
