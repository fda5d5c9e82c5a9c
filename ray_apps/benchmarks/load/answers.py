"""What users were answered, and what that comes to. It knows neither who asked nor who answered."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter

from ray_apps.benchmarks.load.clips import Clip

_USERS = Path(__file__).with_name("users.py")


class Answer(BaseModel):
    """One try of one user. ``status`` 0: the connection failed; times are seconds since the epoch."""

    model_config = ConfigDict(frozen=True)

    clip: str
    status: int
    began: float
    ended: float
    retry_after: str | None = None
    text: str | None = None
    code: str | None = None

    @property
    def refused(self) -> bool:
        """At the door, before any work: by the ingress, or by Serve, which knows no codes."""
        return self.status == 429 or (self.status == 503 and self.code != "unavailable")


def ask(
    url: str,
    clips: Sequence[Clip],
    work: Path,
    *,
    users: int,
    requests: int | None = None,
    seconds: float | None = None,
    route: str = "/v1/audio/translations",
    fields: Mapping[str, str] | None = None,
) -> list[Answer]:
    """Let locust's users ask, in a process of their own. Raises RuntimeError if locust fails."""
    told, log = work / "answers.jsonl", work / "locust.log"
    (work / "clips.json").write_bytes(TypeAdapter(tuple[Clip, ...]).dump_json(tuple(clips)))
    command = [sys.executable, "-m", "locust", "-f", str(_USERS), "--headless", "--host", url, "--route", route]
    command += ["--users", str(users), "--spawn-rate", str(users), "--stop-timeout", "600", "--exit-code-on-error", "0"]
    command += ["--clips", str(work / "clips.json"), "--answers", str(told), "--only-summary"]
    command += ["--requests", str(requests)] if requests else []
    command += ["--seconds", str(seconds)] if seconds else []
    command += ["--fields", *(f"{name}={value}" for name, value in fields.items())] if fields else []
    with log.open("w") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise RuntimeError(f"locust failed with {done.returncode}; its words are in {log}")
    return [Answer.model_validate_json(line) for line in told.read_text(encoding="utf-8").splitlines()]


def rate(answers: Sequence[Answer], clips: Sequence[Clip]) -> float:
    """Seconds of audio answered in a second, from the first request's begin to the last answer's end."""
    seconds = {clip.name: clip.seconds for clip in clips}
    done = [answer for answer in answers if answer.status == 200]
    if not done:
        return 0.0
    wall_s = max(answer.ended for answer in done) - min(answer.began for answer in answers)
    return sum(seconds[answer.clip] for answer in done) / wall_s


def texts(answers: Sequence[Answer]) -> dict[str, str]:
    """The text of each clip. Raises RuntimeError where there is none."""
    bad = [answer for answer in answers if answer.status != 200]
    if bad:
        raise RuntimeError(f"a request alone was answered {bad[0].status} {bad[0].code}")
    return {answer.clip: answer.text or "" for answer in answers}


def accepted(answers: Sequence[Answer], right: Mapping[str, str]) -> dict[str, object]:
    """What became of the requests that were let in."""
    let_in = [answer for answer in answers if not answer.refused]
    waits = [answer.ended - answer.began for answer in let_in]
    lost = Counter(f"{answer.status} {answer.code}" for answer in let_in if answer.status != 200)
    return {
        "answers": len(let_in),
        "lost": dict(lost),
        "other_texts": sum(answer.status == 200 and answer.text != right[answer.clip] for answer in let_in),
        "latency_s": quantiles(waits),
    }


def refused(answers: Sequence[Answer]) -> dict[str, object]:
    """What those were told that were not."""
    at_door = [answer for answer in answers if answer.refused]
    return {
        "answers": len(at_door),
        "share": round(len(at_door) / len(answers), 3) if answers else 0.0,
        "by_status": dict(Counter(str(answer.status) for answer in at_door)),
        "without_retry_after": sum(not (answer.retry_after or "").isdigit() for answer in at_door),
        "latency_s": quantiles([answer.ended - answer.began for answer in at_door]),
    }


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    return {name: round(float(np.quantile(seconds, q)), 3) for name, q in (("p50", 0.5), ("p95", 0.95), ("max", 1.0))}
