"""The image's recipe and its drain script. Nothing here builds: that takes a Docker daemon and a registry."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ray.scripts.scripts import drain_node

from tests.cluster.deploy.manifests import DEPLOY

ROOT = DEPLOY.parents[1]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
LINES = re.sub(r"\\\n\s*", " ", DOCKERFILE).splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def instructions(name: str) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in LINES if line.startswith(f"{name} ")]


def copied() -> set[str]:
    """What the build takes from the repository."""
    words = [
        [w for w in line.split() if not w.startswith("--")] for line in instructions("COPY") if "--from" not in line
    ]
    return {source for line in words for source in line[:-1]}


def test_the_whole_program_is_copied_and_nothing_that_is_kept_out():
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert all((ROOT / source).exists() for source in copied())
    assert {source.split("/")[0] for source in copied()} == {line[1:] for line in allowed if line.startswith("!")}
    packages = {name.rstrip("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages <= copied()
    assert allowed[0] == "*"


def test_it_runs_as_a_user_and_reports_to_nobody():
    assert instructions("USER") == ["1000"]
    final = DOCKERFILE.rsplit("\nFROM ", 1)[1]
    for silent in (
        "RAY_USAGE_STATS_ENABLED=0",
        "HF_HUB_DISABLE_TELEMETRY=1",
        "VLLM_NO_USAGE_STATS=1",
        "DO_NOT_TRACK=1",
    ):
        assert silent in final
    assert not re.search(r"\b(sudo|chmod 777|curl [^|]*\|)", DOCKERFILE)


def test_every_package_that_it_asks_for_is_pinned(tmp_path: Path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    listed = next(line for line in instructions("RUN") if "wanted.txt" in line).split(" && ")[0]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", listed], cwd=tmp_path, check=True, env={"PATH": path})
    wanted = [Requirement(line) for line in (tmp_path / "wanted.txt").read_text().splitlines()]
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    versions = {canonicalize_name(name): version for name, version in pins.items()}
    assert len(wanted) > len(PROJECT["project"]["dependencies"])
    for requirement in wanted:
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), str(requirement)
    assert "--constraint constraints.txt" in DOCKERFILE


@pytest.fixture
def drain(tmp_path: Path):
    """Runs the script over a pretended ``ray`` and a pretended /proc; returns what ray was asked, and the seconds."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "proc" / "17").mkdir(parents=True)

    def run(seconds: str, raylet: bool, code: int = 0) -> tuple[list[str], subprocess.CompletedProcess]:
        fake_ray = tmp_path / "bin" / "ray"
        fake_ray.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/asked\nexit {code}\n')
        fake_ray.chmod(0o755)
        (tmp_path / "proc" / "17" / "comm").write_text("raylet\n" if raylet else "bash\n")
        slept = tmp_path / "bin" / "sleep"
        slept.write_text(f"#!/bin/sh\necho $1 >> {tmp_path}/slept\n")
        slept.chmod(0o755)
        path = f"{tmp_path}/bin:{os.environ['PATH']}"
        environment = {"PATH": path, "PROC": str(tmp_path / "proc")}
        done = subprocess.run([DEPLOY / "drain.sh", seconds], env=environment, capture_output=True, check=False)
        return (tmp_path / "asked").read_text().splitlines(), done

    run.slept = lambda: len((tmp_path / "slept").read_text().split()) if (tmp_path / "slept").exists() else 0
    return run


def test_draining_asks_ray_in_words_that_it_knows(drain):
    asked, done = drain("90", raylet=False)
    assert done.returncode == 0
    with drain_node.make_context("drain-node", asked[1:]) as context:
        assert asked[0] == "drain-node"
        assert context.params["deadline_remaining_seconds"] == 90
        assert context.params["reason"] == "DRAIN_NODE_REASON_PREEMPTION"
        assert context.params["node_id"] is None


def test_draining_waits_for_the_raylet_and_no_longer_than_it_may(drain):
    drain("90", raylet=False)
    assert drain.slept() == 0
    drain("7", raylet=True)
    assert drain.slept() == 7


def test_a_cluster_that_is_gone_holds_no_pod_up(drain):
    _, done = drain("90", raylet=True, code=1)
    assert done.returncode == 0
    assert drain.slept() == 0


def test_serve_runs_as_it_does_on_a_ray_that_we_start():
    from ray_apps import ray_session

    assert ray_session
    final = DOCKERFILE.rsplit("\nFROM ", 1)[1]
    ours = {name: value for name, value in os.environ.items() if name.startswith("RAY_SERVE_")}
    assert len(ours) >= 4
    assert all(f"{name}={value}" in final for name, value in ours.items())
