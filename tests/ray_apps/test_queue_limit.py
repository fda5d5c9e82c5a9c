"""A stage that gives small rows fast does not run away from the next one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import ray

from ray_apps import queue_limit
from ray_apps.ray_session import configure_data

ROWS, MOST = 150, 20
PATIENCE_S = 2.0


@pytest.mark.usefixtures("local_ray")
def test_a_fast_stage_waits_for_a_slow_one_and_every_row_arrives_once(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(queue_limit, "MOST_WAITING", MOST)
    dealt = tmp_path / "dealt"
    ahead = tmp_path / "ahead"

    def deal(row: dict) -> list[dict]:
        for number in range(ROWS):
            with dealt.open("ab") as file:
                file.write(b".")
            yield {"number": number}

    def slow(row: dict) -> dict:
        """The first row takes as long as a stage that is not held back needs to deal all."""
        until = time.monotonic() + PATIENCE_S
        while row["number"] == 0 and dealt.stat().st_size < ROWS and time.monotonic() < until:
            time.sleep(0.05)
        if row["number"] == 0:
            ahead.write_text(str(dealt.stat().st_size))
        return row

    configure_data({})
    pool = ray.data.TaskPoolStrategy(size=1)
    rows = ray.data.from_items([{"slice": 0}]).flat_map(deal, compute=pool, num_cpus=0.05)
    arrived = [row["number"] for row in rows.map(slow, compute=pool, num_cpus=0.1).iter_rows()]
    assert sorted(arrived) == list(range(ROWS))
    assert int(ahead.read_text()) < 2 * MOST
