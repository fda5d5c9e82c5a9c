"""The load test, all of it: ``make load-test``.

    python -m ray_apps.benchmarks.load.run [--rounds 4] [--overload-s 30] [--no-vllm] [--json FILE]

One run on this machine and its loopback, the embedded model, one thing after another:

1. ``direct``: translations of the clips without HTTP, Serve and Ray (:mod:`direct`), and once more after 4, for the
   machine's own speed changes; the mean counts;
2. ``service``: the same by the service for 32 locust users, after every clip was asked alone: that gives the texts that
   all later answers must have;
3. ``overload``: four times as many users as are let in, who come again a second after they are refused;
4. ``after``: the 32 users again;
5. ``transcription``: what vLLM's own OpenAI server can do as well, by both, on clips of one window each. Longer ones
   this checkpoint has not learned to hear at once, and vLLM's server cuts none before 30 s.

Rates are seconds of audio a second. Exit code 1 where an accepted request is lost or answered otherwise than alone, or
a refusal has no ``Retry-After``; ratios are told and not judged, for whatever else runs on the machine decides them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from b200_kernels import vllm_runtime
from b200_kernels.checkpoints import EMBEDDED, open_checkpoint
from b200_kernels.embedded.scores import spoken_wer
from ray_apps.benchmarks.load.answers import accepted, ask, rate, refused, texts
from ray_apps.benchmarks.load.clips import Clip, make_clips
from ray_apps.benchmarks.load.direct import direct_plan, run_direct
from ray_apps.benchmarks.load.service import Memory, cpu_seconds, resident, serving, spent
from ray_apps.benchmarks.load.vllm_server import vllm_server
from ray_apps.ray_session import ray_session
from ray_apps.serving.settings import ServeSettings

OVERLOAD = 4
_SENTENCES = (4, 7, 10, 13)
"""Of the clips to translate, which are 15 to 50 s long."""
_OF_ONE_WINDOW = 3
_NUMBERS = "float32"
"""What vLLM computes in: the service's own numbers on a CPU, so that both write the same texts. Left to itself it takes
the checkpoint's bfloat16."""
_TRANSCRIPTION = {"model": EMBEDDED, "language": "tr", "temperature": "0"}


@dataclass(frozen=True)
class Size:
    """How much is asked: ``rounds`` requests of each user; for ``overload_s`` seconds more come than are let in."""

    users: int = 32
    clips: int = 16
    rounds: int = 4
    overload_s: float = 30.0

    @property
    def requests(self) -> int:
        return self.users * self.rounds


def main(
    rounds: Annotated[int, typer.Option(help="requests of each of the 32 users")] = 4,
    overload_s: Annotated[float, typer.Option(help="seconds of overload")] = 30.0,
    vllm: Annotated[bool, typer.Option(help="ask vLLM's own server too, where it is installed")] = True,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure everything in one run, and print it."""
    with tempfile.TemporaryDirectory(prefix="voxtral-load-") as work:
        figures = measure(Size(rounds=rounds, overload_s=overload_s), Path(work), vllm and vllm_runtime.installed())
    typer.echo(json.dumps(figures, indent=2))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    raise typer.Exit(0 if figures["passed"] else 1)


def measure(size: Size, work: Path, with_vllm: bool) -> dict[str, Any]:
    """All figures of one run."""
    settings = ServeSettings(model=EMBEDDED)
    clips = make_clips(work / "clips", [_SENTENCES[i % len(_SENTENCES)] for i in range(size.clips)])
    window_s = open_checkpoint(EMBEDDED).capabilities.window_s
    short = make_clips(work / "short", [_OF_ONE_WINDOW] * size.clips, longest_s=window_s)
    with ray_session(None):
        plan = direct_plan(settings)
    before = run_direct(plan, clips, size.requests, size.users)
    with ray_session(None), serving(settings.model_dump()) as url:
        right = texts(ask(url, clips, work, users=1, requests=len(clips)))
        figures = under_load(url, clips, right, work, size, settings)
        own = transcribed(url, short, work, size)
    after = run_direct(plan, clips, size.requests, size.users)
    direct = [rate(answers, clips) for answers in (before, after)]
    service = [figures[phase]["rate"] for phase in ("service", "after")]
    made: dict[str, Any] = {
        "clip_seconds": [clip.seconds for clip in clips],
        "direct": {
            "processes": plan.processes,
            "threads": plan.actor.threads,
            "rates": [round(one, 2) for one in direct],
            "other_texts": accepted([*before, *after], right)["other_texts"],
        },
        **figures,
        "service_to_direct": round(sum(service) / sum(direct), 3),
        "after_to_service": round(service[1] / service[0], 3),
        "transcription": {"clip_seconds": [clip.seconds for clip in short], "service": own},
    }
    if with_vllm:
        with vllm_server(work / "vllm.log", dtype=_NUMBERS) as url:
            theirs = transcribed(url, short, work, size)
        made["transcription"] |= {"vllm": theirs, "service_to_vllm": round(own["rate"] / theirs["rate"], 3)}
    return made


def under_load(
    url: str, clips: Sequence[Clip], right: Mapping[str, str], work: Path, size: Size, settings: ServeSettings
) -> dict[str, Any]:
    """What a service with these settings does for as many users as there are, for far too many, and afterwards.

    ``right`` are the clips' texts by name.
    """
    too_many = OVERLOAD * (settings.door.working + settings.door.waiting)
    memory: dict[str, Any] = {"before": resident()}
    figures: dict[str, Any] = {}
    for phase, users in (("service", size.users), ("overload", too_many), ("after", size.users)):
        much = {"seconds": size.overload_s} if phase == "overload" else {"requests": size.requests}
        before = cpu_seconds()
        with Memory() as held:
            answers = ask(url, clips, work, users=users, **much)
        memory[phase] = held.most
        figures[phase] = {
            "users": users,
            "rate": round(rate(answers, clips), 2),
            "accepted": accepted(answers, right),
            "refused": refused(answers),
            "cpu_seconds": spent(before),
        }
    memory["at_last"] = resident()
    passed = not any(
        phase["accepted"]["lost"] or phase["accepted"]["other_texts"] or phase["refused"]["without_retry_after"]
        for phase in figures.values()
    )
    return {**figures, "memory_mib": memory, "passed": passed}


def transcribed(url: str, clips: Sequence[Clip], work: Path, size: Size) -> dict[str, Any]:
    """How fast a server transcribes, and how far that is from what is said; once alone before, to warm up."""
    route = "/v1/audio/transcriptions"
    texts(ask(url, clips, work, users=1, requests=len(clips), route=route, fields=_TRANSCRIPTION))
    answers = ask(url, clips, work, users=size.users, requests=size.requests, route=route, fields=_TRANSCRIPTION)
    said = {clip.name: clip.spoken for clip in clips}
    done = [answer for answer in answers if answer.status == 200]
    return {
        "rate": round(rate(answers, clips), 2),
        "answers": len(done),
        "word_error_percent": round(spoken_wer([a.text or "" for a in done], [said[a.clip] for a in done]), 2),
    }


if __name__ == "__main__":
    typer.run(main)
