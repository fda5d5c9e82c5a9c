from __future__ import annotations

from dataclasses import replace

from cluster.profile.book import Snapshot
from cluster.profile.trace import chrome_trace
from cluster.profiler import Span
from tests.cluster.profile.hand_overs import hand_over


def test_every_span_is_an_event_on_its_workers_line():
    snapshot = Snapshot(100.0, (hand_over("a", [1.0, 2.0], node="n1"), hand_over("b", [0.5], node="n2")))
    events = chrome_trace(snapshot)["traceEvents"]
    names = {(e["name"], e["pid"]): e["args"]["name"] for e in events if e["ph"] == "M"}
    assert set(names.values()) == {"n1", "n2", "actor a", "actor b"}
    done = [e for e in events if e["ph"] == "X"]
    assert [(e["ts"], e["dur"], e["args"]["subject"]) for e in done] == [
        (0, 1_000_000, "m/00000"),
        (1_000_000, 2_000_000, "m/00001"),
        (0, 500_000, "m/00000"),
    ]
    assert {(e["cat"], e["name"]) for e in done} == {("translate", "engine")}
    assert len({(e["pid"], e["tid"]) for e in done}) == 2


def test_what_goes_on_at_once_stands_on_lines_of_its_own():
    spans = (Span("x", "s", "1", 10.0, 10.0), Span("x", "s", "2", 6.0, 3.0), Span("x", "s", "3", 12.0, 2.0))
    snapshot = Snapshot(100.0, (replace(hand_over("a", []), spans=spans),))
    done = {e["args"]["subject"]: e["tid"] for e in chrome_trace(snapshot)["traceEvents"] if e["ph"] == "X"}
    assert done["1"] == done["3"] != done["2"]


def test_nothing_done_is_an_empty_trace():
    assert chrome_trace(Snapshot(1.0))["traceEvents"] == []
