"""The bench in short: a sample of held-out pairs and the hand-written dialogue; figures by `make quality-bench`."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

from quality.bench import __main__ as command
from quality.bench.corpus import read_pairs
from quality.bench.dialogue import dialogue
from quality.bench.report import Item, Report, auc, judge, measure, speech_seconds
from quality.settings import GateSettings

SAMPLE = Path(__file__).with_name("libreoffice_sample.jsonl")
FLOORS = {
    "truncated to half": 0.93,
    "dropped third": 0.48,
    "source copied": 0.99,
    "half untranslated": 0.98,
    "wrong language": 0.98,
    "changed number": 0.90,
    "3 words x2": 0.70,
    "3 words x4": 0.98,
    "invented boilerplate": 0.99,
    "mojibake": 0.98,
    "half in a third language": 0.85,
    "assistant talk": 0.98,
}
"""Somewhat below what the whole bench demands: 400 pairs tell less than 10,000."""


@pytest.fixture(scope="module")
def report() -> Report:
    pairs = read_pairs(SAMPLE)
    return measure(pairs, pairs, spoilt=150, similar=False)


def test_real_pairs_pass_and_spoilt_ones_do_not(report: Report) -> None:
    assert report.false_alarms <= 0.03
    recall = {row.name: row.recall for row in report.rows}
    assert all(recall[name] >= floor for name, floor in FLOORS.items()), recall


def test_the_gate_beats_simple_judges_where_they_are_weak(report: Report) -> None:
    for row in report.rows:
        if row.name in {"truncated to half", "dropped third", "changed number", "3 words x2", "3 words x4"}:
            assert row.recall > max(row.baselines.values()), row


def test_scores_rank_clean_above_spoilt(report: Report) -> None:
    ranked = {row.name: row.auc for row in report.rows}
    assert all(ranked[name] > 0.9 for name in FLOORS), ranked


def test_nearly_all_hand_written_dialogue_passes() -> None:
    rejected = [pair for pair in dialogue() if not judge(Item(pair, pair.target), GateSettings()).accepted]
    assert len(dialogue()) >= 150
    assert len(rejected) <= 0.01 * len(dialogue()), rejected


def test_the_assumed_duration_does_not_know_the_target() -> None:
    assert speech_seconds("Merhaba efendim.") == speech_seconds("Merhaba efendim.")
    assert 0.5 <= speech_seconds("") < speech_seconds("Merhaba efendim, hoş geldiniz. " * 3)


def test_auc() -> None:
    assert auc([0.9, 0.8], [0.1, 0.2]) == 1.0
    assert auc([0.5], [0.5]) == 0.5
    assert auc([0.1], [0.9]) == 0.0
    assert math.isnan(auc([], [0.5]))


def test_the_command_writes_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join(SAMPLE.read_text(encoding="utf-8").splitlines()[:60]), encoding="utf-8")
    monkeypatch.setattr(command, "load", lambda work: [])
    arguments = ["--pairs", str(few), "--no-similarity", "--spoilt", "20", "--json", str(tmp_path / "figures.json")]
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    # all of the sample is held out, so there is nothing to set the simple judges with
    assert command.main() == 2
    assert "calibration" in capsys.readouterr().err
    lines = few.read_text(encoding="utf-8").splitlines()
    both = [json.dumps(json.loads(line) | {"file": f"{i % 2}.html"}) for i, line in enumerate(lines)]
    few.write_text("\n".join(both), encoding="utf-8")
    assert command.main() in {0, 1}
    assert json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))["dialogue_pairs"] == len(dialogue())
    assert "| truncated to half |" in capsys.readouterr().out
