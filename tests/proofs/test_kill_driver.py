"""The short version of ``make kill-test``: one kill, three clips."""

from __future__ import annotations

import shutil

import pytest

from tests.proofs.kill_driver import prove


@pytest.mark.timeout(600)
def test_a_killed_driver_loses_and_changes_nothing(tmp_path, sample_archive):
    archive = tmp_path / "archive"
    archive.mkdir()
    for name in ("haberler.mp3", "aile.m4a", "market.webm"):
        shutil.copy(sample_archive / "clips" / name, archive / name)
    figures = prove(archive, tmp_path / "work", kills=1, seed=3)
    assert figures["differences"] == []
    assert figures["kills"][0]["while_alive"]
