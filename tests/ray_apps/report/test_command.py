"""``voxtral report``: where the page goes, and what is said where there is nothing to report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipelines.archive.storage import Store
from ray_apps import cli
from ray_apps.cli_feedback import get_feedback
from tests.ray_apps.report.hand_made_runs import write_mixed_run


@pytest.fixture(autouse=True)
def fresh_feedback():
    get_feedback.cache_clear()
    yield
    get_feedback.cache_clear()


def report(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.app, ["report", *map(str, arguments)], prog_name="voxtral")


def test_the_page_lies_beside_the_subtitles_or_where_it_is_wanted(tmp_path):
    out = tmp_path / "subtitles"
    write_mixed_run(Store(str(out)))
    done = report(out, "--json", tmp_path / "facts.json")
    assert done.exit_code == 0, done.output
    assert "1 medium is open" in done.stdout
    assert (out / "report.html").read_bytes().startswith(b"<!DOCTYPE html>")
    assert json.loads((tmp_path / "facts.json").read_text())["archive"]["media"] == 6
    elsewhere = tmp_path / "page.html"
    assert report(out, "--out", elsewhere).exit_code == 0
    assert b"Run report" in elsewhere.read_bytes()


def test_a_bucket_gets_its_page_too():
    write_mixed_run(Store("memory://report-command/out"))
    assert report("memory://report-command/out").exit_code == 0
    assert b"Run report" in Store("memory://report-command/out").read_bytes("report.html")


def test_what_is_no_output_is_told_so(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        told = report(folder)
        assert told.exit_code == cli.USAGE
        assert "holds no run: give the folder that --out named" in " ".join(told.output.split())
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_written_is_told_before_the_work(tmp_path):
    told = report(tmp_path, "--out", tmp_path / "missing" / "page.html")
    assert told.exit_code == cli.USAGE
    assert "--out" in told.output
