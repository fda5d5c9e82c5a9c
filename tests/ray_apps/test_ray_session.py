"""Which nodes a job or a service is meant for."""

from __future__ import annotations

import pytest

from ray_apps.ray_session import cluster_share, is_meant


@pytest.mark.parametrize(
    ("has", "labels", "meant"),
    [
        ({}, {}, True),
        ({"pool": "serving"}, {}, True),
        ({"pool": "serving"}, {"pool": "serving"}, True),
        ({"pool": "serving"}, {"pool": "!serving"}, False),
        ({}, {"pool": "!serving"}, True),
        ({}, {"pool": "serving"}, False),
        ({"pool": "batch", "zone": "b"}, {"pool": "batch", "zone": "!a"}, True),
    ],
)
def test_labels_are_read_as_ray_reads_them(has, labels, meant):
    assert is_meant(has, labels) == meant


def test_the_share_of_nodes_that_are_not_there_is_nothing(local_ray):
    assert cluster_share({"pool": "elsewhere"}).cpus == 0
    assert cluster_share({"pool": "!elsewhere"}) == cluster_share({})
    assert cluster_share({}).cpus >= 1
