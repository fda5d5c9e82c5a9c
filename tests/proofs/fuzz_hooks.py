"""What Schemathesis is told beyond the document: 503s and 429s say when to come again, some files are films.

A schema cannot say what a film is; without this, every request would end at the media check. Nor does it know which
addresses a job may name, and which jobs there are.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import schemathesis

CLIP = (Path(__file__).parents[2] / "sample_archive" / "clips" / "hava durumu.flac").read_bytes()
KNOWN = {"model": "embedded", "language": "tr", "to_language": "fr"}
JOBS: list[str] = []
TAKEN = {*KNOWN, "file", "prompt", "temperature", "response_format", "stream"}


@schemathesis.check
def says_when_to_come_again(_ctx: Any, response: Any, _case: Any) -> None:
    """A client that is sent away knows when to come again."""
    if response.status_code in (429, 503) and not any(name.lower() == "retry-after" for name in response.headers):
        raise AssertionError(f"{response.status_code} without Retry-After")


@schemathesis.check
def no_fault_of_the_server(_ctx: Any, response: Any, _case: Any) -> None:
    """It is never at a loss: it may say that it has no such thing (501), or none just now (503)."""
    if response.status_code >= 500 and response.status_code not in (501, 503):
        raise AssertionError(f"{response.status_code}: {response.text[:200]}")


@schemathesis.hook
def map_path_parameters(_context: Any, parameters: Any) -> Any:
    """Every other job is one that there is, or was."""
    if isinstance(parameters, dict) and "job" in parameters and JOBS and zlib.crc32(str(parameters).encode()) % 2:
        return parameters | {"job": JOBS[-1]}
    return parameters


@schemathesis.hook
def map_body(_context: Any, body: Any) -> Any:
    """Every eighth request with a file gets one of speech, and no field or name that is unknown here; every fourth list
    of media names an address that may be asked for.
    """
    if isinstance(body, dict) and "media" in body and zlib.crc32(repr(body).encode()) % 4 == 1:
        return {"media": [os.environ["VOXTRAL_FUZZ_ADDRESS"]]}
    file = body.get("file") if isinstance(body, dict) else None
    if isinstance(file, list) and file and hasattr(file[0], "data") and zlib.crc32(file[0].data) % 8 == 1:
        return {"file": [type(file[0])(CLIP), *file[1:3]]}
    if hasattr(file, "data") and zlib.crc32(file.data) % 8 == 1:
        taken = {name: KNOWN.get(name, value) for name, value in body.items() if name in TAKEN}
        return taken | {"file": type(file)(CLIP)}
    return body


@schemathesis.hook
def after_call(_context: Any, case: Any, response: Any) -> None:
    """Count the answers, for whoever asked for it; remember jobs."""
    if response.status_code == 202:
        JOBS.append(json.loads(response.content)["id"])
    if path := os.environ.get("VOXTRAL_FUZZ_COUNTS"):
        with open(path, "a") as file:  # noqa: PTH123
            file.write(f"{response.status_code} {case.method} {case.path}\n")
