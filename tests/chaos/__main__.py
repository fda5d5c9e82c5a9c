"""Break the real job on a real Ray of several nodes, and hold what comes out against an undisturbed run.

    python -m tests.chaos --work DIR [--only NAME ...] [--short] [--json FILE]

For each fault a fresh output folder: the job runs while the fault strikes, and again where a person would run it again.
Then subtitles and tables must be the undisturbed run's, or the medium stands in the errors table with the reason;
``verify`` must agree; ids out are ids in; the cluster's resources are free again and no process is left; after a kill
no more is repeated than was in flight. The engine is a fake, and so are faults of stores and clocks, as their names
say.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from tests.chaos import checks, fake_faults
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.job import ACTORS, Job, prepare
from tests.chaos.nodes import Nodes, started, until

SAMPLES = Path(__file__).parents[2] / "sample_archive"
MEDIA = {
    "aile.m4a": "clips/aile.m4a",
    "crash.webm": "clips/market.webm",
    "hang.m4a": "clips/aile.m4a",
    "haberler.mp3": "clips/haberler.mp3",
    "yolculuk.mp4": "films/yolculuk.mp4",
}
SHORT = ("aile.m4a", "haberler.mp3")
REST_S = 60.0


def main(
    work: Annotated[Path, typer.Option(help="folder for the outputs")],
    only: Annotated[list[str] | None, typer.Option(help="faults by name; all without it")] = None,
    short: Annotated[bool, typer.Option("--short", help="two clips instead of five media")] = False,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Run the matrix; exit code 1 on any violation."""
    unknown = set(only or ()) - {fault.name for fault in FAULTS}
    if unknown:
        raise typer.BadParameter(f"no fault is named {', '.join(sorted(unknown))}: {', '.join(f.name for f in FAULTS)}")
    chosen = [fault for fault in FAULTS if not only or fault.name in only]
    work = work.absolute() / "matrix"  # of this folder alone it is known that it may go
    shutil.rmtree(work, ignore_errors=True)
    archive = work / "archive"
    archive.mkdir(parents=True)
    for name, sample in MEDIA.items():
        if not short or name in SHORT:
            shutil.copy(SAMPLES / sample, archive / name)
    prepare(work, archive)
    lines = []
    with started() as nodes:
        truth = Job(work, "undisturbed", nodes.address, archive)
        if truth.run() != 0:
            raise RuntimeError(f"the undisturbed run failed: {truth.said[-1]}")
        for fault in chosen:
            lines.append(play(nodes, truth, fault))
            typer.echo(_told(lines[-1]))
            if json_file is not None:
                json_file.write_text(json.dumps(lines, indent=2) + "\n")
    if any(line["violations"] for line in lines):
        raise typer.Exit(1)


def play(nodes: Nodes, truth: Job, fault: Fault) -> dict[str, Any]:
    """One fault from a cluster at rest to a cluster at rest; what was seen."""
    job = Job(truth.work, fault.name, nodes.address, truth.archive, fault.on_faulty_store)
    fake_faults.arm(job.control, fault.strikes)
    began = time.monotonic()
    try:
        fault.play(job, fault)
        seconds = time.monotonic() - began
        found = _violations(job, truth, fault)
    except Exception as error:  # noqa: BLE001  # the other faults go on
        seconds, found = time.monotonic() - began, [f"{type(error).__name__}: {error}"]
    again = checks.repeated(job.control, ACTORS)
    fake_faults.plan(job.control, [])
    nodes.mend()
    try:
        until(lambda: not nodes.at_rest(), REST_S, "the cluster at rest")
    except TimeoutError:
        found.append(f"after {REST_S:.0f} s {nodes.at_rest()}")
    if found:
        (job.work / f"{fault.name}.said").write_text("\n---\n".join(job.said))
    return {
        "fault": fault.name,
        "what": fault.what,
        "struck": sum(len(fake_faults.notes(job.control, kind)) for kind in {one.do for one in fault.strikes}),
        "exit_codes": job.codes,
        "seconds": round(seconds, 1),
        "repeated": [asdict(one) for one in again],
        "violations": found,
    }


def _violations(job: Job, truth: Job, fault: Fault) -> list[str]:
    found = checks.violations(truth.out, job.out, fault.excused)
    if tuple(job.codes) != fault.codes:
        found.append(f"the runs ended with {job.codes}, and should with {list(fault.codes)}")
    for number, one in enumerate(fault.strikes):
        struck = {met.name for met in fake_faults.notes(job.control, one.do)}
        if not struck if one.share < 1 else f"{number}" not in struck:  # of chances, one is enough
            found.append(f"the fault {one.do} at {one.point} never struck: nothing was proved")
    for kind, least in fault.noted.items():
        if len(fake_faults.notes(job.control, kind)) < least:
            found.append(f"{kind} was to be met {least} times: nothing was proved")
    if fault.kills_only:
        for stage in checks.repeated(job.control, ACTORS):
            if stage.shards > stage.allowed:
                found.append(f"{stage.stage}: {stage.shards} shards again, {stage.allowed} were in flight")
    return found


def _told(line: dict[str, Any]) -> str:
    again = ", ".join(f"{one['stage']} {one['shards']} (of {one['allowed']})" for one in line["repeated"])
    head = f"{line['fault']:20} {line['seconds']:6.1f} s  exit {line['exit_codes']}  again: {again}"
    return "\n".join([head, *(f"    VIOLATION {sentence}" for sentence in line["violations"])])


if __name__ == "__main__":
    typer.run(main)
