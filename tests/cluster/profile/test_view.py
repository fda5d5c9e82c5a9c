from __future__ import annotations

import pytest

from cluster.profile.book import Cost, Snapshot
from cluster.profile.view import view
from tests.cluster.profile.hand_overs import hand_over


def test_it_merges_by_operation_stage_node_and_actor():
    profile = view(
        Snapshot(
            100.0,
            (
                hand_over("a", [2.0] * 3, node="n1"),
                hand_over("b", [4.0] * 3, node="n2"),
                hand_over("c", [1.0] * 6, node="n2", operation="decode", stage="listen"),
            ),
        )
    )
    engine, decode = profile.operations
    assert (engine.operation, engine.count, engine.total_s, engine.items, engine.tokens) == ("engine", 6, 18.0, 60, 600)
    assert (engine.share, engine.rtfx) == (18 / 24, 360 / 18)
    assert (engine.p50_s, engine.p99_s) == (pytest.approx(2.0, rel=0.01), pytest.approx(4.0, rel=0.01))
    assert (decode.stage, decode.total_s, decode.rtfx) == ("listen", 6.0, 60.0)
    assert [(s.stage, s.total_s, s.rtfx) for s in profile.stages] == [("translate", 18.0, 20.0), ("listen", 6.0, 60.0)]
    assert {(n.node, n.operation): n.total_s for n in profile.nodes} == {
        ("n1", "engine"): 6.0,
        ("n2", "engine"): 12.0,
        ("n2", "decode"): 6.0,
    }
    assert {(a.worker, a.operation): a.total_s for a in profile.actors} == {
        ("actor a", "engine"): 6.0,
        ("actor b", "engine"): 12.0,
        ("actor c", "decode"): 6.0,
    }
    assert profile.total_s == 24.0


def test_what_a_dead_worker_never_told_is_taken_from_the_parts():
    told = hand_over("a", [1.0] * 4)
    profile = view(Snapshot(100.0, (told,), {"run": {"engine": Cost(6, 7.0), "decode": Cost(6, 0.5)}}))
    assert {line.operation: (line.count, line.total_s) for line in profile.operations} == {
        "engine": (6, 7.0),
        "decode": (6, 0.5),
    }
    assert profile.parts["engine"].never_told_s == 3.0
    assert profile.total_s == 7.5


def test_work_that_is_in_no_part_is_named():
    profile = view(Snapshot(100.0, (hand_over("a", [1.0] * 4),), {"run": {"engine": Cost(3, 3.0)}}))
    part = profile.parts["engine"]
    assert (part.not_in_parts_s, part.never_told_s) == (1.0, 0.0)


def test_the_costs_of_several_runs_add_up():
    parts = {"one": {"engine": Cost(2, 2.0)}, "two": {"engine": Cost(2, 3.0)}}
    assert view(Snapshot(100.0, (), parts)).operations[0].total_s == 5.0


def test_a_slow_actor_is_a_straggler_and_its_peers_are_not():
    told = [hand_over(name, [1.0] * 8) for name in "abc"]
    profile = view(Snapshot(100.0, (*told, hand_over("d", [1.7] * 8))))
    (slow,) = profile.stragglers
    assert (slow.worker, slow.operation, slow.times) == ("actor d", "engine", pytest.approx(1.7))


def test_of_two_the_slower_one_is_told():
    profile = view(Snapshot(100.0, (hand_over("a", [1.0] * 8), hand_over("b", [2.0] * 8))))
    assert [each.worker for each in profile.stragglers] == ["actor b"]


def test_nobody_is_slow_by_a_few_shards_or_a_little():
    few = view(Snapshot(100.0, (hand_over("a", [1.0] * 8), hand_over("b", [9.0] * 3))))
    little = view(Snapshot(100.0, (hand_over("a", [1.0] * 8), hand_over("b", [1.3] * 8))))
    assert few.stragglers == little.stragglers == ()


def test_an_actor_that_hangs_at_a_shard_is_a_straggler():
    busy = hand_over("a", [1.0] * 8, at=200.0, at_work=(("translate", "m/00009", 195.0),))
    stuck = hand_over("b", [1.0] * 8, at=200.0, at_work=(("translate", "m/00010", 100.0),))
    (found,) = view(Snapshot(200.0, (busy, stuck))).stragglers
    assert (found.worker, found.reason) == ("actor b", "at m/00010 for 100 s")


def test_figures_of_gpus_are_none_where_nothing_tells_them_and_means_where_something_does():
    without = view(Snapshot(100.0, (hand_over("a", [1.0], gauges={"memory_gb": 2.0}),)))
    assert without.gpu_busy is without.workers[0].gpu_busy is without.workers[0].gpu_memory_gb is None
    assert without.workers[0].memory_gb == 2.0
    told = (hand_over("a", [50.0], gauges={"gpu_busy": 0.5, "gpu_memory_gb": 70.0}), hand_over("b", [1.0]))
    with_gpu = view(Snapshot(130.0, told))
    assert with_gpu.gpu_busy == 0.5
    worker = with_gpu.workers[0]
    assert (worker.gpu_busy, worker.gpu_memory_gb, worker.busy, worker.silent_s) == (0.5, 70.0, 0.5, 30.0)


def test_nothing_is_nothing():
    profile = view(Snapshot(1.0))
    assert (profile.operations, profile.stages, profile.total_s) == ((), (), 0)
