"""Locust users that send clips and write down every answer. A locustfile: gevent changes the whole process it is in.

    locust -f ray_apps/benchmarks/load/users.py --host http://127.0.0.1:8000 --clips clips.json --answers answers.jsonl

``--clips`` is a JSON list of :class:`ray_apps.benchmarks.load.clips.Clip`. All users take the clips in turn from one
list, ``--requests`` of them or for ``--seconds``, and the last answers are waited for. A user that is refused comes
again after ``--patience`` seconds, whatever the refusal asks for. It knows no right answers.
"""

from __future__ import annotations

import itertools
import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
from locust import HttpUser, constant, events, task
from locust.env import Environment
from locust.exception import StopUser
from urllib3.filepost import encode_multipart_formdata

REFUSED = (429, 503)
Ask = tuple[str, bytes, str]
"""Name of a clip; a form with it, and the form's content type: made once, for users share cores with the service."""


class Run:
    """What the users of this process share."""

    def __init__(self, environment: Environment) -> None:
        options: Any = environment.parsed_options
        fields = dict(field.split("=", 1) for field in options.fields)
        clips = [Path(clip["path"]) for clip in json.loads(Path(options.clips).read_text(encoding="utf-8"))]
        asks = itertools.cycle([(path.stem, *_form(path, fields)) for path in clips])
        self.asks: Iterator[Ask] = itertools.islice(asks, options.requests)
        self.until = time.monotonic() + options.seconds if options.seconds else float("inf")
        self.users = options.num_users or 1
        self.route, self.patience_s = options.route, options.patience
        self._told = Path(options.answers)
        self._told.write_text("")
        self._environment = environment

    def next(self) -> Ask | None:
        return next(self.asks, None) if time.monotonic() < self.until else None

    def write(self, answer: dict[str, Any]) -> None:
        with self._told.open("a", encoding="utf-8") as told:
            told.write(json.dumps(answer) + "\n")

    def user_ends(self) -> None:
        """The last one ends the process."""
        self.users -= 1
        if self.users == 0 and self._environment.runner is not None:
            gevent.spawn(self._environment.runner.quit)


def _form(path: Path, fields: dict[str, str]) -> tuple[bytes, str]:
    return encode_multipart_formdata({**fields, "file": (path.name, path.read_bytes(), "audio/mpeg")})


@events.init_command_line_parser.add_listener
def _options(parser: ArgumentParser) -> None:
    parser.add_argument("--clips", required=True, help="JSON list of clips")
    parser.add_argument("--answers", required=True, help="file that gets a line of JSON for every answer")
    parser.add_argument("--route", default="/v1/audio/translations")
    parser.add_argument("--fields", nargs="*", default=[], help="more fields of the form, NAME=VALUE")
    parser.add_argument("--requests", type=int, help="how many to ask together")
    parser.add_argument("--seconds", type=float, help="how long to begin requests")
    parser.add_argument("--patience", type=float, default=1.0, help="seconds from a refusal to the next try")


@events.init.add_listener
def _begin(environment: Environment, **_: Any) -> None:
    environment.run = Run(environment)  # type: ignore[attr-defined]


class Client(HttpUser):
    """Asks as soon as it has its answer."""

    wait_time = constant(0)

    @task
    def ask(self) -> None:
        run: Run = self.environment.run
        ask = run.next()
        while ask is not None and self._refused(run, ask):
            gevent.sleep(run.patience_s)
            if time.monotonic() >= run.until:
                break
        if ask is None:
            run.user_ends()
            raise StopUser

    def _refused(self, run: Run, ask: Ask) -> bool:
        clip, body, kind = ask
        began = time.time()
        with self.client.post(run.route, data=body, headers={"Content-Type": kind}, catch_response=True) as response:
            ended = time.time()
            if response.status_code in REFUSED:
                response.success()  # locust's own figures tell failures from it
            answer = {
                "clip": clip,
                "status": response.status_code or 0,
                "began": began,
                "ended": ended,
                "retry_after": response.headers.get("Retry-After") if response.status_code else None,
                **(_said(response.text or "") if response.status_code else {"code": "no answer"}),
            }
        run.write(answer)
        return answer["status"] in REFUSED


def _said(body: str) -> dict[str, str]:
    """The text of an answer, or the code of an error, as the API's JSON has them."""
    try:
        document = json.loads(body)
    except ValueError:
        return {"code": body[:200]}
    if "text" in document:
        return {"text": document["text"]}
    return {"code": str((document.get("error") or {}).get("code"))}
