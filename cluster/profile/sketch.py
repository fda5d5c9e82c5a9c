"""How a quantity is distributed, in little room: a DDSketch, whose percentiles are within 1 % of the true ones.

Two sketches merge into exactly the one that had seen the values of both. The sketch is Datadog's ``ddsketch``; this
module gives it a form that JSON can hold, and an exact total. It does not know what is measured.
"""

from __future__ import annotations

from typing import TypedDict

from ddsketch.ddsketch import BaseDDSketch
from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import DenseStore

ACCURACY = 0.01
"""Relative error of a percentile, at most."""
_LEAST = 1e-9
"""Smaller values, zero among them, count as this one."""


class SketchState(TypedDict):
    """``bins`` counts values by the key of their bin; ``most`` is the largest value, ``total`` their sum."""

    total: float
    most: float
    bins: dict[int, int]


class Sketch:
    """Values of 0 and above. Not safe for threads by itself."""

    __slots__ = ("_sketch", "_store", "most", "total")

    def __init__(self, state: SketchState | None = None) -> None:
        """Empty, or as ``state`` tells; bins whose keys became strings in JSON are understood."""
        self._store = DenseStore()
        self.total, self.most = (state["total"], state["most"]) if state else (0.0, 0.0)
        for key, count in (state["bins"] if state else {}).items():
            self._store.add(int(key), count)
        # Over a store of our own, for that is what has to be written down.
        self._sketch = BaseDDSketch(LogarithmicMapping(ACCURACY), self._store, DenseStore(), 0.0)

    @property
    def count(self) -> int:
        return int(self._store.count)

    def add(self, value: float) -> None:
        self._sketch.add(value if value > _LEAST else _LEAST)
        self.total += value
        if value > self.most:
            self.most = value

    def merge(self, other: Sketch) -> None:
        """Add the values that ``other`` has seen."""
        self._sketch.merge(other._sketch)
        self.total += other.total
        self.most = max(self.most, other.most)

    def quantile(self, share: float) -> float:
        """The value below which this share of them lies, within 1 %; 0.0 where there are none."""
        found = self._sketch.get_quantile_value(share)
        return 0.0 if found is None else min(float(found), self.most)

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

    def state(self) -> SketchState:
        """A copy, fit for JSON."""
        bins = {self._store.offset + i: int(count) for i, count in enumerate(self._store.bins) if count}
        return {"total": self.total, "most": self.most, "bins": bins}
