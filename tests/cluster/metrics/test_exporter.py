"""What the exporter takes, and that it does nothing where nobody listens."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cluster.metrics import catalogue as m
from cluster.metrics.exporter import add, observe, put


def test_without_ray_nothing_happens_and_ray_is_not_loaded():
    program = (
        "import sys; from cluster.metrics import catalogue as m; from cluster.metrics.exporter import add, put\n"
        "add(m.TOKENS, 3); put(m.QUEUE, 1, queue='shards'); assert 'ray' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize(
    ("call", "metric", "labels"),
    [
        (add, m.QUEUE, {"queue": "shards"}),
        (put, m.TOKENS, {}),
        (observe, m.TOKENS, {}),
        (put, m.GPU_USE, {"ip": "x", "GpuIndex": "0"}),
        (add, m.TEXTS, {}),
        (add, m.TEXTS, {"verdict": "accepted", "file": "film.mp4"}),
    ],
)
def test_a_call_that_does_not_fit_the_catalogue_is_refused(call, metric, labels):
    with pytest.raises(ValueError, match=metric.name):
        call(metric, 1.0, **labels)
