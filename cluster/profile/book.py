"""The one place where the profiles of many processes come together.

Every hand-over carries all that its sender has recorded so far under the sender's id, so a lost one costs nothing,
one that comes twice counts once, a book that was lost is full again after one round, and what a dead process said
last stays. Two books join into one that knows what either knew. It does not know Ray, and nothing of what was done.
"""

from __future__ import annotations

import gzip
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from cluster.profiler import ProfilerState, Span

SPANS_KEPT = 50_000
"""Of the newest stretches of work, over all workers; each keeps :data:`_LEAST_SPANS`."""
_LEAST_SPANS = 200
_FORM = 1
"""Of the file; another number is another form."""


class DamagedProfile(ValueError):
    """A profile's file is not what was written."""


@dataclass(frozen=True)
class Worker:
    """A process that works. ``actor`` is its actor's id in Ray, or empty for one that runs tasks; ``gpus`` are those
    that it was given.
    """

    id: str
    node: str
    pid: int
    actor: str = ""
    gpus: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"actor {self.actor[:8]}" if self.actor else f"worker {self.pid}"


@dataclass(frozen=True)
class HandOver:
    """All that a worker has recorded. Times are seconds since 1970.

    ``number`` grows with every hand-over of a worker. ``at_work`` are (stage, subject, since when) of what is under
    way. ``spans`` begin with its span number ``first_span``: those that the book has not confirmed.
    """

    worker: Worker
    number: int
    began_at: float
    at: float
    state: ProfilerState
    at_work: tuple[tuple[str, str, float], ...] = ()
    first_span: int = 0
    spans: tuple[Span, ...] = ()


class Receipt(NamedTuple):
    """What a book answers: which book it is (another one may know less), and the first span that it lacks."""

    book: str
    next_span: int


@dataclass(frozen=True)
class Cost:
    """What a run's finished shards say that an operation cost: calls and seconds."""

    count: int
    seconds: float


@dataclass(frozen=True)
class Snapshot:
    """All that a book knew ``at`` a time. ``parts`` are costs by run and operation."""

    at: float
    workers: tuple[HandOver, ...] = ()
    parts: Mapping[str, Mapping[str, Cost]] = field(default_factory=dict)

    def encode(self) -> bytes:
        """As a file: gzipped JSON."""
        # Not asdict() of the whole: it copies every span, of which there are many.
        fields = {
            "form": _FORM,
            "at": self.at,
            "workers": [vars(told) | {"worker": asdict(told.worker)} for told in self.workers],
            "parts": {run: {name: asdict(cost) for name, cost in costs.items()} for run, costs in self.parts.items()},
        }
        return gzip.compress(json.dumps(fields, separators=(",", ":")).encode(), compresslevel=3, mtime=0)

    @classmethod
    def decode(cls, data: bytes) -> Snapshot:
        """Raises DamagedProfile."""
        try:
            fields = json.loads(gzip.decompress(data))
            if fields["form"] != _FORM:
                raise DamagedProfile(f"it has the form {fields['form']}, which another version wrote")
            return cls(
                at=fields["at"],
                workers=tuple(_hand_over(each) for each in fields["workers"]),
                parts={
                    run: {name: Cost(**cost) for name, cost in costs.items()} for run, costs in fields["parts"].items()
                },
            )
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise DamagedProfile(str(error)) from error


class Book:
    """What is known of every worker."""

    def __init__(self) -> None:
        self._id = uuid.uuid4().hex
        self._workers: dict[str, HandOver] = {}
        self._spans: dict[str, dict[Span, None]] = {}
        """Sets in order."""
        self._parts: dict[str, Mapping[str, Cost]] = {}

    def hand_over(self, told: HandOver) -> Receipt:
        """Take in what a worker tells; an older one than is known changes nothing."""
        self._take(told)
        return Receipt(self._id, told.first_span + len(told.spans))

    def tell_parts(self, run: str, costs: Mapping[str, Cost]) -> None:
        """What the finished shards of a run have cost so far."""
        known = self._parts.get(run, {})
        if _calls(costs) >= _calls(known):
            self._parts[run] = costs

    def join(self, other: Snapshot) -> None:
        """Learn what another book knew."""
        for told in other.workers:
            self._take(told)
        for run, costs in other.parts.items():
            self.tell_parts(run, costs)

    def knows_more_than(self, other: Snapshot) -> bool:
        """Whether a worker is missing there, or is older than here."""
        theirs = {told.worker.id: told.number for told in other.workers}
        return any(told.number > theirs.get(worker, -1) for worker, told in self._workers.items())

    def snapshot(self) -> Snapshot:
        return Snapshot(
            at=time.time(),
            workers=tuple(replace(told, spans=tuple(self._spans[worker])) for worker, told in self._workers.items()),
            parts=dict(self._parts),
        )

    def _take(self, told: HandOver) -> None:
        worker = told.worker.id
        spans = self._spans.setdefault(worker, {})
        spans.update(dict.fromkeys(told.spans))
        for span in list(spans)[: -max(_LEAST_SPANS, SPANS_KEPT // len(self._spans))]:
            del spans[span]
        known = self._workers.get(worker)
        if known is None or told.number > known.number:
            self._workers[worker] = replace(told, spans=())


def _calls(costs: Mapping[str, Cost]) -> int:
    return sum(cost.count for cost in costs.values())


def _hand_over(fields: dict[str, Any]) -> HandOver:
    worker = Worker(**(fields["worker"] | {"gpus": tuple(fields["worker"]["gpus"])}))
    return HandOver(
        **fields
        | {
            "worker": worker,
            "at_work": tuple((stage, subject, since) for stage, subject, since in fields["at_work"]),
            "spans": tuple(Span(*span) for span in fields["spans"]),
        }
    )
