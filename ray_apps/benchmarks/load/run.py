"""The load test: ``make load-test``.

    python -m ray_apps.benchmarks.load.run [--rounds 4] [--overload-s 30] [--vllm] [--json FILE]

One run, on this machine and its loopback, with the embedded model:

1. *direct*: the clips' translations without HTTP and Serve (:mod:`direct`);
2. *service*: the same clips from 32 locust users, after each clip was asked once alone: the texts that every later
   answer must have;
3. *overload*: four times as many users as are let in, who come again a second after a refusal;
4. *after*: as 2., on the service that has just been overloaded;
5. with ``--vllm``, *transcription* of clips that are one window each, by the service and by vLLM's own server.

Exit code 1 where an accepted request is lost or answered wrongly, or a refusal has no ``Retry-After``. Ratios are told,
not judged: other work on the machine decides them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from b200_kernels.checkpoints import EMBEDDED
from ray_apps.benchmarks.load.answers import accepted, ask, rate, refused, texts
from ray_apps.benchmarks.load.clips import Clip, make_clips
from ray_apps.benchmarks.load.direct import direct_plan, run_direct
from ray_apps.benchmarks.load.service import Memory, resident, serving
from ray_apps.ray_session import ray_session
from ray_apps.serving.settings import ServeSettings

USERS = 32
OVERLOAD = 4
SENTENCES = (4, 7, 10, 13)
"""Of the clips: 14 to 55 s each."""


@dataclass(frozen=True)
class Size:
    """How much is asked. ``rounds``: requests of each user; ``overload_s``: how long more come than are let in."""

    users: int = USERS
    clips: int = 16
    rounds: int = 4
    overload_s: float = 30.0


def main(
    rounds: Annotated[int, typer.Option(help="requests of each of the 32 users")] = 4,
    overload_s: Annotated[float, typer.Option(help="seconds of overload")] = 30.0,
    work: Annotated[Path | None, typer.Option(help="folder for clips and answers")] = None,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure all, one after another."""
    with tempfile.TemporaryDirectory(prefix="voxtral-load-") as temporary:
        figures = measure(Size(rounds=rounds, overload_s=overload_s), work or Path(temporary))
    typer.echo(json.dumps(figures, indent=2))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    raise typer.Exit(0 if figures["nothing_lost"] else 1)


def measure(size: Size, work: Path) -> dict[str, Any]:
    """All figures; rates are seconds of audio a second."""
    settings = ServeSettings(model=EMBEDDED)
    clips = make_clips(work / "clips", [SENTENCES[i % len(SENTENCES)] for i in range(size.clips)])
    with ray_session(None):
        plan = direct_plan(settings)
    direct = rate(run_direct(plan, clips, size.rounds * size.users, size.users), clips)
    with ray_session(None), serving(settings.model_dump()) as url:
        figures = under_load(url, clips, work, size, settings)
    return {
        "clips": {"count": len(clips), "seconds": sorted(round(clip.seconds, 1) for clip in clips)},
        "processes": plan.processes,
        "direct": round(direct, 2),
        **figures,
        "service_to_direct": round(figures["service"]["rate"] / direct, 3),
    }


def under_load(url: str, clips: Sequence[Clip], work: Path, size: Size, settings: ServeSettings) -> dict[str, Any]:
    """What a running service does with as many users as it lets in, and with four times as many."""
    requests, let_in = size.rounds * size.users, settings.door.working + settings.door.waiting
    right = texts(ask(url, clips, work, users=1, requests=len(clips)))
    memory = {"before": resident()}
    figures: dict[str, Any] = {}
    for name, users in (("service", size.users), ("overload", OVERLOAD * let_in), ("after", size.users)):
        seconds = size.overload_s if name == "overload" else None
        with Memory() as most:
            answers = ask(url, clips, work, users=users, requests=None if seconds else requests, seconds=seconds)
        figures[name] = {
            "users": users,
            "rate": round(rate(answers, clips), 2),
            "accepted": accepted(answers, right),
            "refused": refused(answers),
        }
        memory[f"most in {name}"] = most.most
    memory["after"] = resident()
    phases = figures.values()
    lost = any(phase["accepted"]["lost"] or phase["accepted"]["other_texts"] for phase in phases)
    unsaid = any(phase["refused"]["without_retry_after"] for phase in phases)
    return {**figures, "memory_mib": memory, "nothing_lost": not lost and not unsaid}


if __name__ == "__main__":
    typer.run(main)
