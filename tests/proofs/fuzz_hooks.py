"""What Schemathesis is told beyond the document: 503s and 429s say when to come again, and some files are films.

A schema cannot say what a film is; without this, every request would end at the media check.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import schemathesis

CLIP = (Path(__file__).parents[2] / "sample_archive" / "clips" / "hava durumu.flac").read_bytes()
KNOWN = {"model": "embedded", "language": "tr", "to_language": "fr"}
TAKEN = {*KNOWN, "file", "prompt", "temperature", "response_format", "stream"}


@schemathesis.check
def says_when_to_come_again(_ctx: Any, response: Any, _case: Any) -> None:
    """A client that is sent away knows when to come again."""
    if response.status_code in (429, 503) and not any(name.lower() == "retry-after" for name in response.headers):
        raise AssertionError(f"{response.status_code} without Retry-After")


@schemathesis.hook
def map_body(_context: Any, body: Any) -> Any:
    """Every eighth request with a file gets one of speech, and no field or name that is unknown here."""
    file = body.get("file") if isinstance(body, dict) else None
    if hasattr(file, "data") and zlib.crc32(file.data) % 8 == 1:
        taken = {name: KNOWN.get(name, value) for name, value in body.items() if name in TAKEN}
        return taken | {"file": type(file)(CLIP)}
    return body


@schemathesis.hook
def after_call(_context: Any, case: Any, response: Any) -> None:
    """Count the answers, for whoever asked for it."""
    if path := os.environ.get("VOXTRAL_FUZZ_COUNTS"):
        with open(path, "a") as file:  # noqa: PTH123
            file.write(f"{response.status_code} {case.method} {case.path}\n")
