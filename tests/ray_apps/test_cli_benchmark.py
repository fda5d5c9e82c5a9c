"""``voxtral benchmark`` measures real engines, says where they differ, and takes no nonsense."""

from __future__ import annotations

import json

import pytest
import torch
from typer.testing import CliRunner

from ray_apps.cli import app
from ray_apps.cli_feedback import get_feedback


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    get_feedback.cache_clear()
    yield lambda *words: CliRunner().invoke(app, ["benchmark", *map(str, words)])
    get_feedback.cache_clear()


def test_two_engines_side_by_side(run, tmp_path):
    files = ("--json", tmp_path / "b.json", "--picture", tmp_path / "b.svg")
    result = run("--windows", 3, "--engines", "reference,compiled,compiled-fp8-kv8", *files)
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "b.json").read_text())
    by_name = {row["name"]: row for row in figures["contenders"]}
    assert set(by_name) == {"reference", "compiled", "compiled-fp8-kv8"}
    assert by_name["compiled"]["tokens_as_the_reference"] == 1
    assert 0.8 < by_name["compiled-fp8-kv8"]["tokens_as_the_reference"] <= 1
    assert all(80 < score <= 100 for row in by_name.values() for score in row["chrf"])
    assert by_name["compiled"]["faults"] == 0
    assert figures["times"]["compiled / reference"] == by_name["compiled"]["rtfx"] / by_name["reference"]["rtfx"]
    assert set(by_name["compiled"]["stages"]) == {"mel", "encoder", "prefill", "decode"}
    assert 0 < by_name["compiled"]["share_of_limit"] < 1.2
    assert "limit of this machine" in result.stdout
    assert (tmp_path / "b.svg").read_text().startswith("<svg")


def test_a_medium_of_ones_own_is_heard(run, sample_archive):
    result = run(sample_archive / "clips" / "market.webm", "--engines", "compiled")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--engines", "fastest"), 2, "take some of reference"),
        (("--model", "nowhere/at-all"), 2, "nowhere/at-all"),
        (("--json", "/nowhere/x.json"), 2, "cannot be written"),
        pytest.param(
            ("--shape", "mini-3b"),
            2,
            "is for a GPU",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here"),
        ),
    ],
)
def test_wrong_questions_are_answered_before_any_work(run, words, code, told):
    result = run(*words)
    assert result.exit_code == code
    assert told in " ".join(result.stderr.split())


def test_kernels_beside_their_references(run, tmp_path):
    result = run("--kernels", "--json", tmp_path / "k.json")
    assert result.exit_code == 0, result.output
    assert {"log_mel", "decode_attention"} <= {
        row["name"].split()[0] for row in json.loads((tmp_path / "k.json").read_text())
    }
