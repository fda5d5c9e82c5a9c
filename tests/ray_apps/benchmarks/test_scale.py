"""The measurement of scale over hundreds of rows, not a million: real planner, ledger and job; simulated stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.archive.storage import Store
from pipelines.ledger.runs import load_run
from pipelines.ledger.verify import verify
from ray_apps import shards
from ray_apps.benchmarks.scale import fill_ledger, plan_anew, resume, simulated_job
from ray_apps.benchmarks.simulated import make_archive


def test_what_the_ledger_has_is_planned_and_not_done_again(tmp_path: Path, local_ray: None):
    archive, out = make_archive(tmp_path / "archive", 300), tmp_path / "out"
    first = plan_anew(archive, out)
    fill_ledger(out, left=2)
    again = resume(archive, out, began=0.0)
    run = load_run(Store(str(out)))
    assert first["shards"] == sum(run.rows.shards) > 600
    assert again["shards_left"] == sum(sorted(run.rows.shards)[:2])
    assert again["shards_done"] >= 1


def test_every_shard_of_many_slices_is_done_once_by_two_actors(
    tmp_path: Path, local_ray: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shards, "_SLICE", 7)
    archive, out = make_archive(tmp_path / "archive", 5), tmp_path / "out"
    done = simulated_job(archive, out, actors=2, translate_s=0.001, slow=0)
    assert done["shards"] == sum(load_run(Store(str(out))).rows.shards)
    assert verify(Store(str(out))).problems == ()
