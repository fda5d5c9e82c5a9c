"""Where the time goes: named operations, how often, how long, how much they handled.

A recorder for one process. What it holds can be merged with another's (:mod:`cluster.profile` does, over a cluster),
and stays small however long it runs: durations and other quantities are kept as sketches. The decorators report to
this process's own recorder once somebody has asked for it (:func:`get_profiler`), and until then only call their
function. It knows nothing of GPUs: work that is queued on one is timed only as far as the operation waits for it.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple, ParamSpec, TypedDict, TypeVar, cast

from cluster.profile.sketch import Sketch, SketchState

P = ParamSpec("P")
R = TypeVar("R")

SPANS_KEPT = 4096
"""Of the newest stretches of work; older ones are in the sketches alone."""
_NOTHING = nullcontext()


class Span(NamedTuple):
    """A stretch of work: an operation of a ``stage`` on ``subject``. ``ended_at`` is seconds since 1970."""

    operation: str
    stage: str
    subject: str
    ended_at: float
    seconds: float


class OperationState(TypedDict):
    """What is kept of one operation. ``stage`` is the part of the way that it belongs to, empty for none."""

    stage: str
    items: int
    audio_s: float
    tokens: int
    seconds: SketchState


class OperationSummary(TypedDict):
    """``mean`` and the percentiles are seconds of one call, the percentiles within 1 %."""

    count: int
    total_s: float
    mean: float
    p50: float
    p95: float
    p99: float
    items: int
    audio_s: float
    tokens: int


class ProfilerState(TypedDict):
    """All that a profiler holds but spans; ``gauges`` are quantities that are no durations, by name."""

    operations: dict[str, OperationState]
    gauges: dict[str, SketchState]


class Operation:
    """What is known of one operation."""

    __slots__ = ("audio_s", "items", "seconds", "stage", "tokens")

    def __init__(self, stage: str = "", state: OperationState | None = None) -> None:
        self.stage = state["stage"] if state else stage
        self.items = state["items"] if state else 0
        self.audio_s = state["audio_s"] if state else 0.0
        self.tokens = state["tokens"] if state else 0
        self.seconds = Sketch(state["seconds"] if state else None)

    def merge(self, other: Operation) -> None:
        self.stage = self.stage or other.stage
        self.items += other.items
        self.audio_s += other.audio_s
        self.tokens += other.tokens
        self.seconds.merge(other.seconds)

    def state(self) -> OperationState:
        return {
            "stage": self.stage,
            "items": self.items,
            "audio_s": self.audio_s,
            "tokens": self.tokens,
            "seconds": self.seconds.state(),
        }

    def summary(self) -> OperationSummary:
        seconds = self.seconds
        return {
            "count": seconds.count,
            "total_s": seconds.total,
            "mean": seconds.mean,
            "p50": seconds.quantile(0.50),
            "p95": seconds.quantile(0.95),
            "p99": seconds.quantile(0.99),
            "items": self.items,
            "audio_s": self.audio_s,
            "tokens": self.tokens,
        }


class PerformanceProfiler:
    """Times operations from any thread. With ``enable_detailed_profiling=False`` it records nothing."""

    def __init__(self, enable_detailed_profiling: bool = True) -> None:
        self.enabled = enable_detailed_profiling
        self._lock = threading.Lock()
        self._operations: dict[str, Operation] = {}
        self._gauges: dict[str, Sketch] = {}
        self._spans: deque[Span] = deque(maxlen=SPANS_KEPT)
        self._span_count = 0
        self._at_work: dict[int, tuple[str, str, float]] = {}
        self._numbers = itertools.count()

    def profile_operation(self, operation_name: str, batch_size: int = 1) -> AbstractContextManager[None]:
        """Time what happens inside, whether or not it raises. ``batch_size``: items that it handled."""
        return _Timer(self, operation_name, batch_size) if self.enabled else _NOTHING

    def record(
        self,
        operation_name: str,
        seconds: float,
        items: int = 1,
        *,
        stage: str = "",
        audio_s: float = 0.0,
        tokens: int = 0,
    ) -> None:
        """Add one call whose duration is already known. ``audio_s``: seconds of audio that it brought on its way."""
        if not self.enabled:
            return
        with self._lock:
            entry = self._operations.get(operation_name)
            if entry is None:
                entry = self._operations[operation_name] = Operation(stage)
            entry.items += items
            entry.audio_s += audio_s
            entry.tokens += tokens
            entry.seconds.add(seconds)

    def gauge(self, name: str, value: float) -> None:
        """Add one look at a quantity that is no duration: GiB of memory, the share of a batch that is filled."""
        if not self.enabled:
            return
        with self._lock:
            self._gauges.setdefault(name, Sketch()).add(value)

    def span(self, span: Span) -> None:
        """Keep when something was done; the newest :data:`SPANS_KEPT` stay."""
        if not self.enabled:
            return
        with self._lock:
            self._spans.append(span)
            self._span_count += 1

    def spans(self, after: int = 0) -> tuple[int, list[Span]]:
        """The number of the first span (they count from 0) that is given, and all from it on, ``after`` at least."""
        with self._lock:
            first = max(after, self._span_count - len(self._spans))
            return first, list(itertools.islice(self._spans, first - self._span_count + len(self._spans), None))

    @contextmanager
    def working_on(self, stage: str, subject: str) -> Iterator[None]:
        """While it lasts, :meth:`at_work` tells of it."""
        number = next(self._numbers)
        self._at_work[number] = (stage, subject, time.time())
        try:
            yield
        finally:
            self._at_work.pop(number, None)

    def at_work(self) -> list[tuple[str, str, float]]:
        """(stage, subject, since when in seconds since 1970) of what is under way, oldest first."""
        return list(self._at_work.copy().values())

    def state(self) -> ProfilerState:
        """A copy of all that is held but spans, for :meth:`merge` elsewhere."""
        with self._lock:
            return {
                "operations": {name: entry.state() for name, entry in self._operations.items()},
                "gauges": {name: gauge.state() for name, gauge in self._gauges.items()},
            }

    def merge(self, state: ProfilerState) -> None:
        """Add what another profiler held. Bins whose keys became strings in JSON are understood."""
        with self._lock:
            for name, other in state["operations"].items():
                self._operations.setdefault(name, Operation()).merge(Operation(state=other))
            for name, gauge in state["gauges"].items():
                self._gauges.setdefault(name, Sketch()).merge(Sketch(gauge))

    def summary(self) -> dict[str, OperationSummary]:
        """Per operation, the one with the longest total first."""
        with self._lock:
            found = {name: entry.summary() for name, entry in self._operations.items()}
        return dict(sorted(found.items(), key=lambda item: (-item[1]["total_s"], item[0])))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._operations.clear()
            self._gauges.clear()
            self._spans.clear()
            self._span_count = 0


class _Timer(AbstractContextManager[None]):
    __slots__ = ("_items", "_name", "_profiler", "_start")

    def __init__(self, profiler: PerformanceProfiler, name: str, items: int) -> None:
        self._profiler, self._name, self._items = profiler, name, items

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._profiler.record(self._name, time.perf_counter() - self._start, self._items)


_own: PerformanceProfiler | None = None
_making = threading.Lock()


def get_profiler() -> PerformanceProfiler:
    """This process's profiler. The decorators report to it from the first time that it is asked for."""
    global _own
    with _making:
        if _own is None:
            _own = PerformanceProfiler()
        return _own


def use_profiler(profiler: PerformanceProfiler) -> None:
    """Make this the process's profiler: the decorators report to it from now on."""
    global _own
    with _making:
        _own = profiler


def profile_function(operation_name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator: time every call of a function, plain or ``async``, under this name."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def timed_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                if _own is None:
                    return await function(*args, **kwargs)
                with _own.profile_operation(operation_name):
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", timed_async)

        @functools.wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            if _own is None:
                return function(*args, **kwargs)
            with _own.profile_operation(operation_name):
                return function(*args, **kwargs)

        return timed

    return decorate


def b200_performance_monitor(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: time every call of a function under ``module.qualified_name``."""
    return profile_function(f"{function.__module__}.{function.__qualname__}")(function)
