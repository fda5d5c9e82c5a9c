"""The short version of ``make chaos``: a node killed, and a store that fails one call in ten."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.timeout(600)
def test_a_lost_node_and_a_flaky_store_lose_and_change_nothing(tmp_path):
    """In a process of its own: the suite's own Ray stays out of it."""
    figures = tmp_path / "chaos.json"
    faults = [word for name in ("node", "store-flaky") for word in ("--only", name)]
    command = [sys.executable, "-m", "tests.chaos", "--work", str(tmp_path / "work"), "--short", *faults]
    ended = subprocess.run([*command, "--json", str(figures)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = json.loads(figures.read_text())
    assert [line["fault"] for line in lines] == ["node", "store-flaky"]
    assert all(line["struck"] and not line["violations"] for line in lines)
