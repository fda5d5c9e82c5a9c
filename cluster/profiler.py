"""Where the time goes: named operations, how often, how long, how much they handled.

A recorder for one process. What it holds can be merged with another's (actors hand theirs over), and stays
small however long it runs: durations are counted in buckets 2 % wide, from which percentiles are read. It
knows nothing of GPUs: work that is queued on one is timed only as far as the operation waits for it.
"""

from __future__ import annotations

import functools
import inspect
import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ParamSpec, TypedDict, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")

_BUCKETS_PER_E = 50.0
"""Buckets for each factor of e: a duration is known within 1 %."""
_NOTHING = nullcontext()


class OperationState(TypedDict):
    """What is kept of one operation; ``buckets`` counts durations by ``round(50 * ln(seconds))``."""

    count: int
    items: int
    total_s: float
    buckets: dict[int, int]


class OperationSummary(TypedDict):
    """``mean``, ``p50`` and ``p95`` are seconds of one call, the percentiles within 1 %."""

    count: int
    total_s: float
    mean: float
    p50: float
    p95: float
    items: int


class PerformanceProfiler:
    """Times operations from any thread. With ``enable_detailed_profiling=False`` it records nothing."""

    def __init__(self, enable_detailed_profiling: bool = True) -> None:
        self.enabled = enable_detailed_profiling
        self._lock = threading.Lock()
        self._operations: dict[str, OperationState] = {}

    def profile_operation(self, operation_name: str, batch_size: int = 1) -> AbstractContextManager[None]:
        """Time what happens inside, whether or not it raises. ``batch_size``: items that it handled."""
        return _Timer(self, operation_name, batch_size) if self.enabled else _NOTHING

    def record(self, operation_name: str, seconds: float, items: int = 1) -> None:
        """Add one call whose duration is already known."""
        if not self.enabled:
            return
        bucket = round(_BUCKETS_PER_E * math.log(max(seconds, 1e-9)))
        with self._lock:
            entry = self._operations.get(operation_name)
            if entry is None:
                entry = self._operations[operation_name] = _empty()
            entry["count"] += 1
            entry["items"] += items
            entry["total_s"] += seconds
            entry["buckets"][bucket] = entry["buckets"].get(bucket, 0) + 1

    def state(self) -> dict[str, OperationState]:
        """A copy of all that is held, for :meth:`merge` elsewhere."""
        with self._lock:
            return {name: {**entry, "buckets": dict(entry["buckets"])} for name, entry in self._operations.items()}

    def merge(self, state: Mapping[str, OperationState]) -> None:
        """Add what another profiler held. Buckets whose keys became strings in JSON are understood."""
        with self._lock:
            for name, other in state.items():
                entry = self._operations.setdefault(name, _empty())
                entry["count"] += other["count"]
                entry["items"] += other["items"]
                entry["total_s"] += other["total_s"]
                for key, count in other["buckets"].items():
                    entry["buckets"][int(key)] = entry["buckets"].get(int(key), 0) + count

    def summary(self) -> dict[str, OperationSummary]:
        """Per operation, the one with the longest total first."""
        entries = sorted(self.state().items(), key=lambda item: (-item[1]["total_s"], item[0]))
        return {name: _summarise(entry) for name, entry in entries}

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._operations.clear()


class _Timer(AbstractContextManager[None]):
    __slots__ = ("_items", "_name", "_profiler", "_start")

    def __init__(self, profiler: PerformanceProfiler, name: str, items: int) -> None:
        self._profiler, self._name, self._items = profiler, name, items

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._profiler.record(self._name, time.perf_counter() - self._start, self._items)


def _empty() -> OperationState:
    return {"count": 0, "items": 0, "total_s": 0.0, "buckets": {}}


def _summarise(entry: OperationState) -> OperationSummary:
    return {
        "count": entry["count"],
        "total_s": entry["total_s"],
        "mean": entry["total_s"] / entry["count"] if entry["count"] else 0.0,
        "p50": _percentile(entry, 0.50),
        "p95": _percentile(entry, 0.95),
        "items": entry["items"],
    }


def _percentile(entry: OperationState, share: float) -> float:
    rank, seen = max(1, math.ceil(share * entry["count"])), 0
    for bucket in sorted(entry["buckets"]):
        seen += entry["buckets"][bucket]
        if seen >= rank:
            return math.exp(bucket / _BUCKETS_PER_E)
    return 0.0


_default = PerformanceProfiler()


def get_profiler() -> PerformanceProfiler:
    """This process's profiler, which the decorators report to."""
    return _default


def profile_function(operation_name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator: time every call of a function, plain or ``async``, under this name."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def timed_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                with _default.profile_operation(operation_name):
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", timed_async)

        @functools.wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            with _default.profile_operation(operation_name):
                return function(*args, **kwargs)

        return timed

    return decorate


def b200_performance_monitor(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: time every call of a function under ``module.qualified_name``."""
    return profile_function(f"{function.__module__}.{function.__qualname__}")(function)
