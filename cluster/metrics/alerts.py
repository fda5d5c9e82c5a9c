"""What wakes a person up: Prometheus' alert rules, each with what to look at and what to do.

A rule is a value and a limit, apart: so that a test can ask for the value alone, and an operator can draw it. How long
things may take is :class:`Pace`; a job that must be noticed sooner has a shorter one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cluster.metrics import catalogue as m
from cluster.metrics.panels import actor_speed, node_memory, object_store, standing_s
from cluster.metrics.promql import Look

FILE = "voxtral_alerts.yml"
_GUIDE = "docs/metrics.md"


@dataclass(frozen=True)
class Pace:
    """Seconds. Rates are taken over ``window_s``; a trend is held against ``before_s`` ago; a job stands still when it
    had no shard back for ``standing_s``; all else must stay wrong for ``hold_s``; rules are
    looked at every ``every_s``.

    A shard holds up to ten minutes of sound, which one actor on a CPU may work on for minutes, and a large model may
    take a quarter of an hour to load: hence half an hour.
    """

    every_s: int = 30
    window_s: int = 300
    before_s: int = 3600
    standing_s: int = 1800
    hold_s: int = 300


@dataclass(frozen=True)
class Alert:
    """Fires where ``value``, which is ``meaning`` in words, is above ``limit`` for ``hold_s``.

    ``severity``: ``page`` wakes a person, ``ticket`` waits for the morning. ``summary`` is a template of Prometheus.
    """

    name: str
    meaning: str
    value: str
    limit: float
    hold_s: int
    severity: str
    summary: str
    todo: str

    @property
    def expression(self) -> str:
        return f"({self.value}) > {self.limit:g}"


def alerts(pace: Pace = Pace()) -> tuple[Alert, ...]:
    """All alerts, those that page first."""
    look = Look(f"{pace.window_s}s")
    speed = actor_speed(look)
    before = f"{pace.before_s}s"
    rejects = 'verdict="needs_review"'
    waiting = look.total(m.REQUESTS_OPEN, "SessionName", 'state="waiting"')
    turned_away = look.rate(m.REQUESTS, "SessionName", 'status="429"')
    return (
        Alert(
            "VoxtralJobStalled",
            "seconds since a run with shards left had one back",
            standing_s(look, "SessionName, WorkerId"),
            pace.standing_s,
            0,
            "page",
            "A run has shards left and none came back for {{ $value | humanizeDuration }}",
            "Look at the actors in Ray's dashboard (py-spy shows where they are) and at the store. Ending the driver "
            "and running the same command again loses at most the shards under way.",
        ),
        Alert(
            "VoxtralShardsFail",
            "share of shards that came back failed or open",
            look.share(m.SHARDS, "SessionName", 'status!="done"'),
            0.05,
            pace.hold_s,
            "page",
            "{{ $value | humanizePercentage }} of the shards that came back failed or stay open",
            "The panel Errors has the kinds: `store` and `unreadable` are a store that is away (the run tries again), "
            "`worker_died` an actor that crashes, `deadline` an engine that hangs; others are the media's own.",
        ),
        Alert(
            "VoxtralRequestsFail",
            "share of requests answered with 5xx",
            look.share(m.REQUESTS, "SessionName", 'status=~"5.."'),
            0.05,
            pace.hold_s,
            "page",
            "{{ $value | humanizePercentage }} of the requests are answered with 5xx",
            "503: no translator answers (`serve status`); 504: past the deadline, so too few replicas or too long "
            "media; 500: the ingress' log.",
        ),
        Alert(
            "VoxtralMemoryNearFull",
            "share of a node's memory in use",
            node_memory(look, "SessionName, ip"),
            0.92,
            pace.hold_s,
            "page",
            "Node {{ $labels.ip }} uses {{ $value | humanizePercentage }} of its memory: Ray will kill workers there",
            "Fewer actors (--max-actors) or larger nodes; a shard whose worker is killed is tried again.",
        ),
        Alert(
            "VoxtralDiskNearFull",
            "percent of a node's disk in use",
            look.total(m.DISK_USE, "SessionName, ip", of="max"),
            90,
            pace.hold_s,
            "page",
            "The disk of node {{ $labels.ip }} is {{ $value | humanize }} % full",
            "Old sessions below Ray's temp folder can go. A run on a full disk keeps its shards open and loses none.",
        ),
        Alert(
            "VoxtralGateRejectsRise",
            "share of texts to be reviewed, less that of an hour ago",
            f"{look.share(m.TEXTS, 'SessionName', rejects)} - {look.share(m.TEXTS, 'SessionName', rejects, before)}",
            0.1,
            pace.hold_s,
            "ticket",
            "The share of texts to be reviewed rose by {{ $value | humanizePercentage }} points",
            "The panel Flags has the reasons: `language` or `contradicted` is speech in another language than said; "
            "`loop` or `density` across all media is a broken model or precision.",
        ),
        Alert(
            "VoxtralSlowActor",
            "speed of the middle actor over that of an actor",
            f"quantile by (SessionName) (0.5, {speed}) / on (SessionName) group_right () ({speed})",
            2,
            pace.hold_s,
            "ticket",
            "The actor {{ $labels.WorkerId }} on {{ $labels.NodeAddress }} is {{ $value | humanize }} times as slow as "
            "the middle one",
            "Its node: a throttled or shared GPU, a busy neighbour, swapping. Killing the actor is safe; Ray starts "
            "another.",
        ),
        Alert(
            "VoxtralQueueGrows",
            "growth of the requests that wait, or requests turned away, a second",
            f"deriv(({waiting})[{pace.window_s}s:{pace.every_s}s]) > 0 or {turned_away}",
            0,
            pace.hold_s,
            "ticket",
            "Requests come faster than they are answered",
            "More replicas (max_replicas in serve_config.yaml, or nodes for them): who finds the door full gets a 429.",
        ),
        Alert(
            "VoxtralObjectStoreNearFull",
            "share of the object store in use",
            object_store(look),
            0.9,
            pace.hold_s,
            "ticket",
            "Ray's object store is {{ $value | humanizePercentage }} full: it spills to disk and slows down",
            "Listening runs ahead of the actors: more of them, or a larger store (`--object-store-memory`).",
        ),
    )


def rules(pace: Pace = Pace()) -> dict[str, Any]:
    """The content of a Prometheus rule file."""
    return {
        "groups": [
            {"name": "voxtral", "interval": f"{pace.every_s}s", "rules": [_rule(alert) for alert in alerts(pace)]}
        ]
    }


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": f"{alert.hold_s}s",
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.summary, "description": alert.todo, "runbook": _GUIDE},
    }
