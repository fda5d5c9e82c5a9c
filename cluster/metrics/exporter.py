"""Metrics on their way to Ray, which exports them to Prometheus on every node.

In a process that is not part of a Ray cluster nothing happens, nor where ``VOXTRAL_METRICS=0`` stands in the
environment. A call costs a few microseconds (docs/log.md), so it stands once a stage for a shard or a request, not in a
loop over tokens. It knows the catalogue's kinds, and no metric of it.

Ray 2.60 exports a gauge once for each time that it is set, and forgets it two report intervals later, also while its
process lives: the gauges of a job that stands still would vanish when they are needed. So a thread sets them again.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from typing import Any

from cluster.metrics.catalogue import SECONDS, Kind, Metric

SWITCH = "VOXTRAL_METRICS"
REFRESH_S = 2.0
"""Well below the 20 s after which Ray forgets a gauge by default."""

_gauges: dict[tuple[Metric, tuple[tuple[str, str], ...]], float] = {}
"""What this process has set, by metric and labels."""


def add(metric: Metric, value: float = 1.0, **labels: str) -> None:
    """Let a counter grow. Nothing to add is nothing to tell."""
    if value > 0 and _listens():
        _instrument(metric, "counter").inc(value, _checked(metric, labels))


def put(metric: Metric, value: float, **labels: str) -> None:
    """Set a gauge; it keeps its value as long as this process lives."""
    if _listens():
        _instrument(metric, "gauge").set(value, _checked(metric, labels))
        _gauges[metric, tuple(labels.items())] = value
        _refresher()


def observe(metric: Metric, value: float, **labels: str) -> None:
    """Count a value in a histogram."""
    if _listens():
        _instrument(metric, "histogram").observe(value, _checked(metric, labels))


@functools.cache
def _refresher() -> threading.Thread:
    """The thread that sets gauges again; one a process."""
    thread = threading.Thread(target=_refresh, name="metrics", daemon=True)
    thread.start()
    return thread


def _refresh() -> None:
    waiting = threading.Event()
    while not waiting.wait(REFRESH_S):
        if not _listens():
            _gauges.clear()  # they belong to a cluster that this process has left
        for (metric, labels), value in list(_gauges.items()):
            _instrument(metric, "gauge").set(value, dict(labels))


def _listens() -> bool:
    # Not imported here: who works without Ray need not load it.
    ray = sys.modules.get("ray")
    return ray is not None and ray.is_initialized() and os.environ.get(SWITCH) != "0"


@functools.cache
def _instrument(metric: Metric, kind: Kind) -> Any:
    """Ray's own object, one a process. Raises ValueError for a metric of another kind."""
    from ray.util.metrics import Counter, Gauge, Histogram

    if metric.kind != kind or not metric.ours:
        raise ValueError(f"{metric.name} is no {kind} of ours")
    description = f"{metric.help} ({metric.unit})"
    if kind == "histogram":
        return Histogram(metric.name, description, list(SECONDS), metric.labels)
    return (Counter if kind == "counter" else Gauge)(metric.name, description, metric.labels)


def _checked(metric: Metric, labels: dict[str, str]) -> dict[str, str]:
    """Ray itself takes labels that nobody declared. Raises ValueError."""
    if labels.keys() != set(metric.labels):
        raise ValueError(f"{metric.name} has the labels {metric.labels}, not {tuple(labels)}")
    return labels
