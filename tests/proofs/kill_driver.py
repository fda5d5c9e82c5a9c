"""Kill the driver at random moments and prove that nothing is lost, doubled or different.

    python -m tests.proofs.kill_driver --work DIR [--kills 3] [--seed 0] [--json FILE]

An undisturbed run gives the truth. Then, for every kill: start the same command into another folder, SIGKILL the
driver (and the Ray that it started) a random moment after a random part was written, note which shards have parts. At
last the command runs to its end. Subtitles must be the truth's byte for byte, tables row for row (scores within
0.001), and the shards that the last run did exactly those that were missing before it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import psutil
import pyarrow.parquet as pq
import typer

from pipelines.archive.storage import Store
from pipelines.ledger.parts import PartStore
from pipelines.ledger.runs import load_run

SUBTITLES = (".srt", ".vtt", ".json")


def main(
    work: Annotated[Path, typer.Option(help="folder for the outputs")],
    archive: Annotated[Path, typer.Option(help="media to translate")] = Path("sample_archive"),
    kills: Annotated[int, typer.Option()] = 3,
    seed: Annotated[int, typer.Option()] = 0,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Run the proof; exit code 1 when it fails."""
    figures = prove(archive, work, kills, seed)
    typer.echo(json.dumps(figures, indent=2))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n")
    if figures["differences"]:
        raise typer.Exit(1)


def prove(archive: Path, work: Path, kills: int, seed: int) -> dict[str, Any]:
    """The whole proof; ``differences`` is empty when it holds."""
    rng = random.Random(seed)
    work.mkdir(parents=True, exist_ok=True)
    config = work / "settings.yaml"
    # Small shards, so that a kill falls between parts and not only before the first.
    config.write_text("windows: {shard_s: 9.6}\n")
    truth, other = work / "undisturbed", work / "killed"
    _finish(archive, truth, config, work / "undisturbed.summary.json")
    everything = parts_of(truth)
    after_kill = []
    for i in range(kills):
        had = len(parts_of(other))
        # When this many parts are there, and a random moment later.
        wanted = rng.randint(had + 1, max(had + 1, len(everything) * (i + 1) // (kills + 1)))
        killed = _run_and_kill(archive, other, config, wanted, rng.uniform(0.0, 0.5))
        after_kill.append({"kill": i + 1, "while_alive": killed, "parts": len(parts_of(other))})
    before = parts_of(other)
    summary = _finish(archive, other, config, work / "killed.summary.json")
    after = parts_of(other)
    differences = compare(truth, other)
    missing = everything.keys() - before.keys()
    if summary["shards_done"] != len(missing):
        differences.append(f"the last run did {summary['shards_done']} shards, {len(missing)} were missing")
    # A part tells how long its stages took, so one that was made again is another part.
    differences += [f"shard {name} was done again" for name in before if after.get(name) != before[name]]
    if not before or not missing:
        differences.append("no kill fell between the first part and the last: nothing was proved")
    return {
        "shards": len(everything),
        "kills": after_kill,
        "done_by_last_run": summary["shards_done"],
        "missing_before_it": len(missing),
        "differences": differences,
    }


def parts_of(out: Path) -> dict[str, str]:
    """The parts of an output folder by shard name, as JSON; none when there is no run yet."""
    store = Store(str(out))
    if not store.list("_voxtral/runs"):
        return {}
    run = load_run(store)
    parts = PartStore(store, run.fingerprint)
    return {part.shard: part.model_dump_json() for medium in run.media for part in parts.read_medium(medium.id)}


def compare(truth: Path, other: Path, without: Collection[str] = ()) -> list[str]:
    """What differs between two output folders, but for the media named ``without``."""
    differences = []
    left_out = {str(Path(name).with_suffix("")) for name in without}
    files = {p.relative_to(truth) for p in truth.rglob("*") if p.suffix in SUBTITLES and "_voxtral" not in p.parts}
    files -= {Path("summary.json")}
    files = {path for path in files if _stem(path) not in left_out}
    found = {p.relative_to(other) for p in other.rglob("*") if p.suffix in SUBTITLES and "_voxtral" not in p.parts}
    found -= {Path("summary.json")}
    found = {path for path in found if _stem(path) not in left_out}
    differences += [f"{path} is in one folder only" for path in sorted(files ^ found)]
    for path in sorted(files & found):
        if (truth / path).read_bytes() != (other / path).read_bytes():
            differences.append(f"{path} differs")
    for table in ("cues", "media", "errors"):
        rows, others = (pq.read_table(folder / f"{table}.parquet").to_pylist() for folder in (truth, other))
        rows, others = ([_rounded(r) for r in table if r["name"] not in without] for table in (rows, others))
        if rows != others:
            differences.append(f"{table}.parquet differs")
    if not files:
        differences.append("the undisturbed run wrote no subtitles")
    return differences


def _stem(path: Path) -> str:
    """``film`` of ``film.fr.srt``."""
    return str(path.with_suffix("").with_suffix(""))


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}


def _command(archive: Path, out: Path, config: Path) -> list[str]:
    flags = ["--source-lang", "tr", "--target-lang", "fr", "--model", "embedded", "--config", str(config)]
    return [sys.executable, "main.py", str(archive), *flags, "--out", str(out)]


def _finish(archive: Path, out: Path, config: Path, summary: Path) -> dict[str, Any]:
    done = subprocess.run(
        [*_command(archive, out, config), "--json", str(summary)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the run ended with {done.returncode}: {done.stderr}")
    result: dict[str, Any] = json.loads(summary.read_text())
    return result


def _run_and_kill(archive: Path, out: Path, config: Path, parts: int, then_s: float) -> bool:
    """Kill the driver and its Ray ``then_s`` after there are so many parts; whether it was still at work."""
    driver = subprocess.Popen(
        _command(archive, out, config), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while driver.poll() is None and len(parts_of(out)) < parts:
        time.sleep(0.2)
    time.sleep(then_s)
    alive = driver.poll() is None
    if alive:
        family = psutil.Process(driver.pid).children(recursive=True)
        os.killpg(driver.pid, signal.SIGKILL)
        for process in family:
            # Ray's daemons have sessions of their own; a killed machine would take them along.
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, timeout=20)
    driver.wait()
    return alive


if __name__ == "__main__":
    typer.run(main)
