"""Which nodes a job or a service is meant for."""

from __future__ import annotations

import pytest

from ray_apps.ray_session import Share, cluster_share, is_meant, share_nodes


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


def test_nodes_are_shared_by_selectors_that_a_node_meets_both(local_ray):
    assert share_nodes({}, {})
    assert share_nodes({"pool": "!batch"}, {"pool": "!serving"})
    assert not share_nodes({"pool": "serving"}, {"pool": "!serving"})


@pytest.mark.parametrize(
    ("gpus", "share", "of_gpus"), [(0, 0.5, 0), (1, 0.5, 1), (8, 0.5, 4), (8, 0.01, 1), (8, 1.0, 8)]
)
def test_a_part_of_a_cluster_has_its_share_of_everything_and_a_gpu_if_there_is_one(gpus, share, of_gpus):
    part = Share(cpus=16.0, gpus=gpus, memory_gb=64.0, node_cpus=8.0, feed_cores=None).part(share)
    assert (part.cpus, part.gpus, part.memory_gb, part.node_cpus) == (16.0 * share, of_gpus, 64.0 * share, 8.0)
