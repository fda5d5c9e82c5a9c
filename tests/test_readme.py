"""What README tells people to type: every command parses, every make target is there, and the first ones run."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from ray_apps.cli import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
LINES = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines()]
VOXTRAL = [line for line in LINES if line.startswith("voxtral ")]


@pytest.mark.parametrize("line", VOXTRAL)
def test_every_voxtral_command_is_one_that_the_program_takes(line: str):
    group: Any = get_command(app)
    context = typer.Context(group)
    name, command, rest = group.resolve_command(context, shlex.split(line)[1:])
    if hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, rest)
    command.make_context(name, rest, parent=context)


def test_every_make_target_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    asked = set(re.findall(r"(?:`|^)make ([a-z-]+)", README, flags=re.MULTILINE))
    assert {"demo", "test"} <= asked <= targets


def test_the_file_links_of_the_readme_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_seeds_command_translates_a_file_as_written(tmp_path: Path, sample_archive: Path):
    """``python main.py input.mp4 --target-lang French --quality high``, then ``voxtral verify subtitles``."""
    assert "python main.py input.mp4 --target-lang French --quality high" in LINES
    shutil.copy(sample_archive / "clips" / "aile.m4a", tmp_path / "input.mp4")
    words = [sys.executable, str(ROOT / "main.py"), "input.mp4", "--target-lang", "French", "--quality", "high"]
    done = subprocess.run([*words, "--json", "run.json"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "demo-model" in done.stderr
    assert json.loads((tmp_path / "run.json").read_text())["media_done"] == 1
    assert "-->" in (tmp_path / "subtitles" / "input.fr.srt").read_text()
    verify = [sys.executable, str(ROOT / "main.py"), "verify", "subtitles"]
    assert subprocess.run(verify, cwd=tmp_path, capture_output=True, check=False).returncode == 0
