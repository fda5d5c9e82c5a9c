"""What the work tells of itself to the profile: one ``with`` a stage for a shard, and the driver's side of a run.

Everything takes the name of the run's book; None means that nobody profiles, and costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cluster.profile.book import Book, DamagedProfile, Snapshot
from cluster.profiler import Span
from pipelines.archive.storage import Store
from pipelines.ledger.parts import ROOT

SERVICE = "service"
"""The book of the HTTP service's replicas."""


@dataclass
class Costs:
    """What a stage's work on one shard cost, as far as it came; ``seconds`` by operation, in their order."""

    seconds: dict[str, float] = field(default_factory=dict)
    items: int = 1
    audio_s: float = 0.0
    tokens: int = 0
    fill: float | None = None
    """Share of the model's input that was audio and not padding."""


@contextmanager
def stage(book: str | None, name: str, subject: str) -> Iterator[Costs]:
    """Around a stage's work on a shard (the ``subject``), which fills in what it cost; work that fails cost nothing."""
    costs = Costs()
    if book is None:
        yield costs
        return
    # Imported where somebody listens: Ray is large, and a script with an engine of its own has no use for it.
    from cluster.profile.reporter import reporting

    reporter = reporting(book)
    with reporter.profiler.working_on(name, subject):
        yield costs
    left_s, ended_at = sum(costs.seconds.values()), time.time()
    for operation, seconds in costs.seconds.items():
        reporter.profiler.record(
            operation, seconds, costs.items, stage=name, audio_s=costs.audio_s, tokens=costs.tokens
        )
        left_s -= seconds
        reporter.profiler.span(Span(operation, name, subject, ended_at - left_s, seconds))
    if costs.fill is not None:
        reporter.profiler.gauge("fill", costs.fill)
    reporter.hand_over()


@contextmanager
def timed_stage(book: str | None, name: str, subject: str) -> Iterator[None]:
    """As :func:`stage`, where the stage is one operation, of its name."""
    with stage(book, name, subject) as costs:
        began = time.monotonic()
        yield
        costs.seconds[name] = time.monotonic() - began


def book_of(run: str) -> str:
    """The name of a run's book."""
    return f"run-{run}"


def save_profile(store: Store, fingerprint: str, run: str, snapshot: Snapshot) -> None:
    """Raises StoreError."""
    if snapshot.workers:
        store.write_bytes(f"{ROOT}/profile/{fingerprint}/{run}.json.gz", snapshot.encode())


def load_profile(store: Store, fingerprint: str) -> Snapshot | None:
    """What was saved of all runs of a fingerprint; None where nothing was. Raises DamagedProfile, StoreError."""
    book, newest = Book(), 0.0
    for path in store.list(f"{ROOT}/profile/{fingerprint}"):
        try:
            saved = Snapshot.decode(store.read_bytes(path))
        except DamagedProfile as error:
            raise DamagedProfile(f"{store.url_of(path)} is damaged ({error}): delete it, the rest is shown") from error
        book.join(saved)
        newest = max(newest, saved.at)
    snapshot = book.snapshot()
    return Snapshot(newest, snapshot.workers, snapshot.parts) if newest else None
