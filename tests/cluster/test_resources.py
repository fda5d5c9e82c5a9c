from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.resources import plan


def held(shares, actors):
    """CPUs that so many actors, all listen tasks and two light tasks hold at once."""
    return actors * shares.actor_cpus + shares.listen_tasks * shares.listen_cpus + 2 * shares.light_cpus


def test_two_cores_without_a_gpu():
    shares = plan(2, 0, 24)
    assert (shares.min_actors, shares.max_actors, shares.torch_threads) == (2, 2, 1)
    assert shares.actor_gpus == 0
    assert shares.listen_tasks == 1
    assert held(shares, 2) <= 2


@given(cpus=st.integers(1, 512), memory=st.floats(1, 4096), shards=st.none() | st.integers(0, 1000))
def test_all_stages_fit_side_by_side_without_a_gpu(cpus, memory, shards):
    shares = plan(cpus, 0, memory, shards=shards)
    assert held(shares, shares.max_actors) <= cpus + 1e-9
    assert shares.torch_threads * shares.max_actors <= cpus
    assert 1 <= shares.min_actors <= shares.max_actors


@given(cpus=st.integers(1, 512), gpus=st.integers(1, 64))
def test_all_stages_fit_side_by_side_with_gpus(cpus, gpus):
    if cpus * 8 < gpus:
        return  # hundredths of a core are no plan
    shares = plan(cpus, gpus, 1024)
    assert shares.max_actors == gpus
    assert shares.actor_gpus == 1
    assert gpus * shares.actor_cpus + shares.listen_cpus + 2 * shares.light_cpus <= cpus + 1e-9


@given(nodes=st.integers(1, 16), size=st.integers(1, 16), actors=st.integers(1, 16))
def test_no_actor_is_larger_than_a_node(nodes, size, actors):
    shares = plan(nodes * size, 0, 1e6, max_actors=actors, node_cpus=size)
    assert shares.torch_threads <= size
    assert shares.actor_cpus + shares.listen_cpus + 2 * shares.light_cpus <= size + 1e-9


def test_a_fraction_of_a_core_still_runs():
    shares = plan(0.5, 0, 2)
    assert shares.max_actors == 1
    assert held(shares, 1) <= 0.5


def test_memory_bounds_actors_and_they_get_the_threads():
    shares = plan(16, 0, 40, actor_memory_gb=10)
    assert shares.max_actors == 3
    assert shares.torch_threads == 5


def test_no_more_actors_than_shards():
    assert plan(16, 0, 64, shards=2).max_actors == 2
    assert plan(16, 4, 64, shards=2).max_actors == 2
    assert plan(16, 0, 64, shards=0).max_actors == 1


def test_a_gpu_gets_whole_cores_to_feed_it():
    shares = plan(16, 1, 128)
    assert (shares.actor_cpus, shares.max_actors) == (1.0, 1)
    assert shares.listen_tasks == 15
    assert not shares.notes


def test_few_cores_a_gpu_are_shared_and_told():
    shares = plan(4, 8, 64, feed_cores=4)
    assert shares.actor_cpus == 0.25
    assert any("0.5 CPU cores a GPU are few: 4 should listen" in note for note in shares.notes)


@pytest.mark.parametrize(("cpus", "enough"), [(159, False), (160, True)])
def test_a_core_for_the_actor_and_those_that_feed_its_gpu(cpus, enough):
    assert (plan(cpus, 8, 2048, feed_cores=19).notes == ()) is enough


def test_wishes_are_met():
    shares = plan(8, 0, 64, min_actors=1, max_actors=3)
    assert (shares.min_actors, shares.max_actors) == (1, 3)


def test_more_actors_than_cores_shrink_to_fit():
    shares = plan(2, 0, 24, min_actors=4)
    assert shares.min_actors == 4
    assert held(shares, 4) <= 2
    assert "4 actors" in shares.notes[0]


def test_a_cluster_that_grows_may_be_asked_for_more_gpus_later():
    shares = plan(8, 2, 64, min_actors=4, max_actors=16)
    assert (shares.min_actors, shares.max_actors) == (2, 16)
    assert "GPUs for 2" in " ".join(shares.notes)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"cpus": 0, "gpus": 0}, "can run nothing"),
        ({"cpus": 2, "gpus": -1}, "can run nothing"),
        ({"cpus": 2, "gpus": 0, "min_actors": 0}, "--min-actors is 0"),
        ({"cpus": 2, "gpus": 0, "max_actors": 0}, "--max-actors is 0"),
        ({"cpus": 2, "gpus": 0, "min_actors": 3, "max_actors": 2}, "--min-actors 3 is more than"),
    ],
)
def test_what_cannot_be(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        plan(memory_gb=8, **arguments)


def test_a_plan_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan(2, 0, 8).max_actors = 3
