"""What the runbook tells people to type and to reckon with."""

from __future__ import annotations

import math
import re
import shlex

import pytest
import typer
from typer.main import get_command

from cluster.chips import chip_named
from cluster.derived import LISTEN_RATE, SHARE_OF_LIMIT, audio_rate, cores_to_feed, most_rows
from cluster.model_needs import VOXTRAL_MINI
from ray_apps.cli import app
from tests.cluster.deploy.manifests import DEPLOY, groups, the

DOCS = DEPLOY.parents[1] / "docs"
RUNBOOK = (DOCS / "runbook.md").read_text()
COMMANDS = re.findall(r"^(voxtral .*?)(?:  +#.*)?$", RUNBOOK, re.MULTILINE)
COMMANDS += [word for word in re.findall(r"`(voxtral [^`…]*)`", RUNBOOK) if "…" not in word]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one_that_the_program_takes(line):
    group = get_command(app)
    context = typer.Context(group)
    name, command, rest = group.resolve_command(context, shlex.split(line)[1:])
    if rest or not any(parameter.required for parameter in command.params):  # else it is only named
        command.make_context(name, rest, parent=context)


def test_links_lead_somewhere():
    for page, folder in ((RUNBOOK, DOCS), ((DEPLOY / "README.md").read_text(), DEPLOY)):
        links = [link for link in re.findall(r"\]\(([^)#]+)\)", page) if "://" not in link]
        assert links
        assert [link for link in links if not (folder / link).exists()] == []


@pytest.mark.parametrize("name", ["GB200", "B200", "H200", "H100", "A100"])
def test_the_table_of_gpus_is_what_is_derived(name):
    row = next(line for line in RUNBOOK.splitlines() if re.match(rf"\| {name}( \(|\s\|)", line))
    figures = [int(cell.replace(",", "")) for cell in row.split("|")[2:-1]]
    chip = chip_named(name)
    rate = audio_rate(chip, VOXTRAL_MINI, most_rows(chip))
    assert figures == [round(rate), round(SHARE_OF_LIMIT * rate), most_rows(chip), cores_to_feed(name)]


def test_the_worked_example_follows_its_formulas():
    rate = round(SHARE_OF_LIMIT * audio_rate(chip_named("B200"), VOXTRAL_MINI, 256))
    hours = 100_000 * 0.6 * 1.1 / rate
    assert f"{hours:.1f} GPU-hours" in RUNBOOK
    cores = math.ceil(rate / (LISTEN_RATE * 0.6))
    assert f"= {cores} cores" in RUNBOOK
    pods = {group["groupName"]: group for group in groups(the("RayJob", "voxtral-job"))}
    own = int(pods["b200"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"])
    assert f"its own pod has {own - 1} beside the actor" in RUNBOOK
    more = cores - own + 1
    listen = int(pods["listen"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"])
    assert more * 8 == 5 * listen
    assert f"{more * hours:.0f} core-hours" in RUNBOOK
    assert f"{hours * 6:.0f} + {more * hours * 0.05:.0f}" in RUNBOOK
