"""A run as a Chrome trace, which chrome://tracing and ui.perfetto.dev show: a process a node, a thread a worker.

The format is Google's "Trace Event Format", complete events (``ph: X``) with times in µs. Where a worker does several
things at once, each goes on a line of its own. Clocks are those of the nodes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cluster.profile.book import HandOver, Snapshot
from cluster.profiler import Span

_LINES = 64
"""Of one worker, at most: thread ids of workers must not meet."""


def chrome_trace(snapshot: Snapshot) -> dict[str, Any]:
    """The newest stretches of work of every worker, from the earliest one on."""
    nodes = sorted({told.worker.node for told in snapshot.workers})
    begin = min((span.ended_at - span.seconds for told in snapshot.workers for span in told.spans), default=0.0)
    events: list[dict[str, Any]] = [_named("process_name", pid, 0, node) for pid, node in enumerate(nodes, 1)]
    for number, told in enumerate(sorted(snapshot.workers, key=lambda w: (w.worker.node, w.began_at)), 1):
        events += _events(told, nodes.index(told.worker.node) + 1, number * _LINES, begin)
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"begin": begin}}


def _events(told: HandOver, pid: int, first_tid: int, begin: float) -> Iterable[dict[str, Any]]:
    lines: list[float] = []
    for span in sorted(told.spans, key=lambda s: s.ended_at - s.seconds):
        line = _line(lines, span)
        if line == len(lines):
            lines.append(0.0)
            yield _named("thread_name", pid, first_tid + line, told.worker.name)
        lines[line] = span.ended_at
        yield {
            "name": span.operation,
            "cat": span.stage,
            "ph": "X",
            "ts": round((span.ended_at - span.seconds - begin) * 1e6),
            "dur": round(span.seconds * 1e6),
            "pid": pid,
            "tid": first_tid + line,
            "args": {"subject": span.subject},
        }


def _line(ends: list[float], span: Span) -> int:
    """The first line that is free when the span begins, or a new one."""
    begins = span.ended_at - span.seconds
    # A µs of grace: spans of one piece of work follow each other, and their times are rounded.
    free = (line for line, end in enumerate(ends) if end <= begins + 1e-6)
    return min(next(free, len(ends)), _LINES - 1)


def _named(what: str, pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": pid, "tid": tid, "args": {"name": name}}
