from __future__ import annotations

import json
import random

import pytest

from cluster.profile.sketch import Sketch


def of(values: list[float]) -> Sketch:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    return sketch


@pytest.fixture(scope="module")
def values() -> list[float]:
    rng = random.Random(1)
    return [rng.lognormvariate(0, 2) for _ in range(4001)]


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 0.99, 1.0])
def test_percentiles_are_within_one_percent(values, share):
    assert of(values).quantile(share) == pytest.approx(sorted(values)[round(share * 4000)], rel=0.0101)


def test_merged_is_what_one_would_be_that_saw_all(values):
    merged = of(values[:1000])
    merged.merge(of(values[1000:]))
    one = of(values)
    assert merged.state()["bins"] == one.state()["bins"]
    assert merged.total == pytest.approx(sum(values), rel=1e-12)
    assert (merged.count, merged.most) == (4001, max(values))


def test_it_comes_back_from_json(values):
    one = of(values)
    back = Sketch(json.loads(json.dumps(one.state())))
    assert back.state() == one.state()
    assert [back.quantile(q / 20) for q in range(21)] == [one.quantile(q / 20) for q in range(21)]
    back.add(1.0)
    assert back.count == one.count + 1


def test_nothing_and_zero():
    assert (Sketch().quantile(0.5), Sketch().mean, Sketch().count) == (0.0, 0.0, 0)
    sketch = of([0.0, 0.0])
    assert (sketch.quantile(0.5), sketch.total, sketch.count) == (0.0, 0.0, 2)
