"""One output folder and the command that fills it, run as often as it takes under a plan of faults."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos import fake_faults
from tests.chaos.fake_job import CLOCK, PAUSES
from tests.chaos.fake_store import SCHEME

ACTORS = 2
CONFIG = "windows: {shard_s: 9.6}\nmedia: {wall_s: 8}\n"
LONGEST_S = 240


@dataclass
class Job:
    """A run's command with its folders; ``said`` is what the drivers printed, ``codes`` how they ended."""

    work: Path
    name: str
    address: str
    archive: Path
    on_faulty_store: bool = False
    codes: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def out(self) -> Path:
        return self.work / self.name

    @property
    def control(self) -> Path:
        return self.work / "control"

    def start(self, clock: str = "", pauses: str = "0.5,1,2") -> Running:
        out = f"{SCHEME}://{self.out}" if self.on_faulty_store else str(self.out)
        flags = {
            "--source-lang": "tr",
            "--target-lang": "fr",
            "--model": "embedded",
            "--dtype": "float32",
            "--config": str(self.work / "settings.yaml"),
            "--address": self.address,
            "--max-actors": str(ACTORS),
            "--out": out,
        }
        words = [f"{SCHEME}://{self.archive}", *(word for flag in flags.items() for word in flag)]
        return Running(self, words, {CLOCK: clock, PAUSES: pauses})

    def run(self, clock: str = "", pauses: str = "0.5,1,2") -> int:
        """One run from start to end; its exit code, negative for the signal that killed it."""
        return self.start(clock, pauses).end()


class Running:
    """A driver at work."""

    def __init__(self, job: Job, words: list[str], env: Mapping[str, str]) -> None:
        self._job = job
        self._log = job.work / f"{job.name}.{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.fake_job", "translate", *words],
                env=os.environ | env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (job.control / "driver.pid").write_text(str(self.process.pid))

    def end(self) -> int:
        """Wait for its end; one that hangs is killed, with the exit code 124."""
        try:
            code = self.process.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = 124
        self._job.codes.append(code)
        self._job.said.append(self._log.read_text(errors="replace"))
        return code


def prepare(work: Path, archive: Path) -> None:
    """The folders and the environment that every process of the cluster inherits: before the cluster starts."""
    from tests.chaos.fake_store import write_entry_point

    project = Path(__file__).parents[2]
    work.mkdir(parents=True, exist_ok=True)
    (work / "settings.yaml").write_text(CONFIG)
    fake_faults.arm(work / "control", [])
    found_by = [str(project), str(write_entry_point(work / "entry_point")), os.environ.get("PYTHONPATH", "")]
    os.environ |= {
        "PYTHONPATH": os.pathsep.join(path for path in found_by if path),
        fake_faults.FOLDER: str(work / "control"),
        "RAY_worker_niceness": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "HF_HUB_OFFLINE": "1",
    }
