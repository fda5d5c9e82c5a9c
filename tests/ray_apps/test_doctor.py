from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from typer.testing import CliRunner

import b200_kernels.embedded
from b200_kernels.checkpoint_sources import CheckpointError
from b200_kernels.checkpoints import VOXTRAL
from cluster.derived import Machine
from ray_apps import cli, doctor
from ray_apps.cli_feedback import CLIFeedback, get_feedback
from ray_apps.doctor import examine, show

CPU = Machine(2, 16 * 2**30)
B200 = Machine(2, 16 * 2**30, "NVIDIA B200", 1, int(179.1 * 2**30), 148, (10, 0))
CONFIG = Path(b200_kernels.embedded.__file__).parent / "checkpoint" / "config.json"


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """Two cores, no GPU, an embedded checkpoint of 10 MB, enough disk, nothing told to anybody."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(bytes(10_000_000))
    (folder / "config.json").write_bytes(CONFIG.read_bytes())
    state = SimpleNamespace(machine=CPU, free=100.0, broken=None)

    def fake_open_checkpoint(name):
        if state.broken:
            raise CheckpointError(state.broken)
        return SimpleNamespace(folder=folder, demo_model=name == "embedded", memory_gb=lambda dtype: 0.02)

    monkeypatch.setattr(doctor, "detect_machine", lambda: state.machine)
    monkeypatch.setattr(doctor, "open_checkpoint", fake_open_checkpoint)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: SimpleNamespace(free=state.free * 2**30))
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    monkeypatch.delenv("HF_HUB_DISABLE_TELEMETRY", raising=False)
    get_feedback.cache_clear()
    yield state
    get_feedback.cache_clear()


def test_a_machine_that_is_well(tmp_path):
    report = examine(out=str(tmp_path / "out"))
    assert report.usable
    assert report.problems == ()
    assert (report.checkpoint, report.demo_model) == ("embedded", True)
    assert "10 MB" in report.checkpoint_state
    assert (report.settings["actors"].value, report.settings["listen_tasks"].value) == (2, 1)
    assert report.packages["torch"]
    assert any("demo-model" in warning for warning in report.warnings)


def test_a_gpu_gets_the_real_model_which_is_not_fetched(machine, tmp_path, monkeypatch):
    machine.machine = B200
    monkeypatch.setattr(doctor, "_in_hub_cache", lambda name: False)
    machine.broken = "must not be opened"
    report = examine(out=str(tmp_path))
    assert report.checkpoint == "mistralai/Voxtral-Mini-3B-2507"
    assert "not downloaded yet" in report.checkpoint_state
    assert report.settings["actor_gpus"].value == 1
    assert report.settings["batch_size"].value == 128
    assert any("19 should listen" in warning for warning in report.warnings)
    assert report.usable


def test_a_checkpoint_that_is_broken_is_a_problem(machine, tmp_path):
    machine.broken = "this installation has no embedded checkpoint: run `make embedded`"
    report = examine(out=str(tmp_path))
    assert not report.usable
    assert "make embedded" in report.problems[0]


def test_low_disk_is_a_warning(machine, tmp_path):
    machine.free = 0.5
    assert any(f"{tmp_path} has only 0.5 GB free" in warning for warning in examine(out=str(tmp_path)).warnings)


def test_usage_reports_are_off_unless_turned_on(monkeypatch, tmp_path):
    assert not any(examine(out=str(tmp_path)).telemetry.values())
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "0")
    report = examine(out=str(tmp_path))
    assert all(report.telemetry.values())
    assert sum("report its usage" in warning for warning in report.warnings) == 2


def test_an_output_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    report = examine(out=str(tmp_path / "file" / "out"))
    assert not report.usable
    assert "--out" in report.problems[0]


def test_an_output_in_a_bucket_is_not_looked_for_on_disk():
    report = examine(out="s3://bucket/out")
    assert report.usable
    assert not any("bucket" in folder for folder in report.disk_free_gb)


def test_a_missing_package_is_a_problem(monkeypatch, tmp_path):
    real = doctor.metadata.version

    def fake_version(name):
        if name == "pysubs2":
            raise doctor.metadata.PackageNotFoundError(name)
        return "2.40.0" if name == "ray" else real(name)

    monkeypatch.setattr(doctor.metadata, "version", fake_version)
    report = examine(out=str(tmp_path))
    assert "not installed: pysubs2" in report.problems[0]
    assert any("Ray 2.40.0 has known security holes" in warning for warning in report.warnings)


def test_a_package_that_is_installed_and_does_not_load(monkeypatch, tmp_path):
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    report = examine(out=str(tmp_path))
    assert "torchvision is installed but does not load (operator torchvision::nms" in report.problems[0]


def test_little_memory_is_a_warning(machine, tmp_path):
    machine.machine = Machine(2, 3 * 2**29)
    assert any("1.5 GB of memory is little" in warning for warning in examine(out=str(tmp_path)).warnings)


def test_show(tmp_path, machine, monkeypatch):
    monkeypatch.setattr(doctor, "_in_hub_cache", lambda name: False)
    machine.machine = B200
    out, err = io.StringIO(), io.StringIO()
    show(
        examine(VOXTRAL, str(tmp_path)),
        Console(file=out, width=200),
        CLIFeedback(Console(file=err, width=200)),
    )
    shown = " ".join(out.getvalue().split())
    assert "GPU NVIDIA B200, 179.1 GB" in shown
    assert "usage reports ray off, hugging face off" in shown
    assert "cores_to_feed_gpu 19: 75% (assumed) of the 6,389 s" in shown
    assert "warning: 2 CPU cores a GPU are few" in err.getvalue()


@pytest.mark.parametrize(("broken", "code"), [(None, 0), ("no checkpoint", 1)])
def test_the_command(machine, tmp_path, broken, code):
    machine.broken = broken
    file = tmp_path / "doctor.json"
    result = CliRunner().invoke(cli.app, ["doctor", "--out", str(tmp_path), "--json", str(file)])
    assert result.exit_code == code, result.output
    written = json.loads(file.read_text())
    assert written["hardware"]["cpu_count"] == 2
    assert written["settings"]["actors"]["value"] == 2
    assert written["settings"]["actors"]["reason"]
    assert written["usable"] is (code == 0)
