from __future__ import annotations

import asyncio
import json
import threading
import timeit

import pytest

from cluster import profiler as module
from cluster.profiler import (
    PerformanceProfiler,
    Span,
    b200_performance_monitor,
    get_profiler,
    profile_function,
)


@pytest.fixture
def clock(monkeypatch):
    """``time.perf_counter`` in the profiler reads ``clock[0]``."""
    now = [100.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    return now


@pytest.fixture(autouse=True)
def empty():
    get_profiler().clear()
    yield
    get_profiler().clear()


def test_the_seeds_example(clock):
    profiler = PerformanceProfiler()
    with profiler.profile_operation("model_inference", batch_size=32):
        clock[0] += 2.0
    summary = profiler.summary()["model_inference"]
    assert (summary["count"], summary["items"], summary["total_s"], summary["mean"]) == (1, 32, 2.0, 2.0)
    assert summary["p50"] == pytest.approx(2.0, rel=0.011)


def test_percentiles_within_one_percent():
    profiler = PerformanceProfiler()
    for ms in range(1, 1001):
        profiler.record("x", ms / 1000)
    summary = profiler.summary()["x"]
    assert summary["p50"] == pytest.approx(0.500, rel=0.011)
    assert summary["p95"] == pytest.approx(0.950, rel=0.011)


def test_an_operation_that_raises_counts(clock):
    profiler = PerformanceProfiler()

    def fail():
        with profiler.profile_operation("x"):
            clock[0] += 1.0
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert profiler.summary()["x"]["total_s"] == 1.0


def test_nested_operations_count_each(clock):
    profiler = PerformanceProfiler()
    with profiler.profile_operation("outer"):
        clock[0] += 1.0
        with profiler.profile_operation("inner"):
            clock[0] += 2.0
    assert list(profiler.summary()) == ["outer", "inner"]  # longest first
    assert [s["total_s"] for s in profiler.summary().values()] == [3.0, 2.0]


def test_decorators_cost_next_to_nothing_where_nobody_listens(monkeypatch):
    monkeypatch.setattr(module, "_own", None)

    @b200_performance_monitor
    @profile_function("x")
    def call():
        pass

    assert min(timeit.repeat(call, number=2000, repeat=5)) / 2000 < 2e-6
    assert get_profiler().summary() == {}
    call()
    assert len(get_profiler().summary()) == 2  # who asked for it listens


def test_disabled_records_nothing_and_costs_next_to_nothing():
    profiler = PerformanceProfiler(enable_detailed_profiling=False)

    def call():
        with profiler.profile_operation("x"):
            pass

    assert min(timeit.repeat(call, number=2000, repeat=5)) / 2000 < 2e-6
    profiler.record("x", 1.0)
    assert profiler.summary() == {}


def test_no_call_is_lost_between_threads():
    profiler = PerformanceProfiler()

    def work():
        for _ in range(2000):
            profiler.record("x", 0.001, items=2)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    summary = profiler.summary()["x"]
    assert (summary["count"], summary["items"]) == (8000, 16000)


def test_merged_equals_recorded_in_one_also_through_json():
    one, left, right = PerformanceProfiler(), PerformanceProfiler(), PerformanceProfiler()
    for i, seconds in enumerate([0.5, 0.25, 3.0, 0.5]):
        one.record("x", seconds, i)
        (left, right)[i % 2].record("x", seconds, i)
    for each in (one, right):
        each.record("y", 1.0, stage="listen", audio_s=60.0, tokens=7)
        each.gauge("memory_gb", 1.5)
    merged = PerformanceProfiler()
    merged.merge(left.state())
    merged.merge(json.loads(json.dumps(right.state())))
    assert merged.summary() == one.summary()
    assert merged.state() == one.state()


def test_state_is_a_copy():
    profiler = PerformanceProfiler()
    profiler.record("x", 1.0)
    state = profiler.state()
    profiler.record("x", 1.0)
    assert sum(state["operations"]["x"]["seconds"]["bins"].values()) == 1


def test_spans_are_given_from_where_one_asks_and_the_newest_stay():
    profiler = PerformanceProfiler()
    for number in range(module.SPANS_KEPT + 10):
        profiler.span(Span("x", "stage", str(number), float(number), 1.0))
    first, spans = profiler.spans()
    assert (first, len(spans), spans[0].subject) == (10, module.SPANS_KEPT, "10")
    first, spans = profiler.spans(after=module.SPANS_KEPT + 8)
    assert [span.subject for span in spans] == [str(first), str(first + 1)]
    assert profiler.spans(after=first + 2) == (first + 2, [])


def test_what_is_under_way_is_told_until_it_ends():
    profiler = PerformanceProfiler()
    with profiler.working_on("listen", "a"), profiler.working_on("translate", "b"):
        assert [(stage, subject) for stage, subject, _ in profiler.at_work()] == [("listen", "a"), ("translate", "b")]
    assert profiler.at_work() == []


def test_a_duration_of_zero_is_a_duration():
    profiler = PerformanceProfiler()
    profiler.record("x", 0.0)
    assert profiler.summary()["x"]["count"] == 1


def test_decorated_function_keeps_its_name_and_result():
    @profile_function("custom_operation")
    def double(x):
        """Twice."""
        return 2 * x

    assert double(21) == 42
    assert (double.__name__, double.__doc__) == ("double", "Twice.")
    assert get_profiler().summary()["custom_operation"]["count"] == 1


def test_decorated_coroutine_is_timed_until_it_is_done(clock):
    @profile_function("slow")
    async def slow():
        await asyncio.sleep(0)
        clock[0] += 5.0
        return "done"

    assert asyncio.run(slow()) == "done"
    assert get_profiler().summary()["slow"]["total_s"] == 5.0


def test_b200_performance_monitor_names_the_function():
    @b200_performance_monitor
    def process_audio_batch(batch):
        return len(batch)

    assert process_audio_batch([1, 2]) == 2
    (name,) = get_profiler().summary()
    assert name.endswith("process_audio_batch")
