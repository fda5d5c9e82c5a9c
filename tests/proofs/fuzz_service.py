"""Schemathesis over the service's own OpenAPI document, on a real Ray Serve with the embedded model:
``make schemathesis``.

    python -m tests.proofs.fuzz_service [--examples 250] [--json FILE]

No answer may be a 5xx but 501 and 503, a status or body that the document does not tell, or a 429 or 503 without
``Retry-After``.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from ray import serve

from ray_apps.ray_session import ray_session
from ray_apps.serve_app import APP, build

CHECKS = (
    "no_fault_of_the_server",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "says_when_to_come_again",
)

NOBODY = "http://127.0.0.1:9/"
"""An address that a job may name, and that nobody answers at."""


def main(
    examples: Annotated[int, typer.Option(help="for each operation that has something to vary")] = 250,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Exit code 1 where a check fails."""
    with ray_session(None), tempfile.TemporaryDirectory(prefix="voxtral-fuzz-jobs-") as folder:
        jobs = {"folder": folder, "urls": [NOBODY], "open": 4, "open_a_key": 4}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        try:
            serve.run(build({"model": "embedded", "jobs": jobs}), name=APP, route_prefix="/")
            figures = fuzz(f"http://127.0.0.1:{port}", examples, NOBODY)
        finally:
            serve.shutdown()
    typer.echo(json.dumps(figures, indent=2))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n")
    raise typer.Exit(0 if figures["passed"] else 1)


def fuzz(url: str, examples: int, address: str) -> dict[str, Any]:
    """Run Schemathesis, some of whose jobs name ``address``; how many answers there were by status and route, and
    whether all checks passed.
    """
    with tempfile.NamedTemporaryFile("r", prefix="voxtral-fuzz-") as counts:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
        command += ["--max-examples", str(examples), "--checks", ",".join(CHECKS), "--phases", "coverage,fuzzing"]
        command += ["--continue-on-failure", "--no-color", "--request-timeout", "300"]
        told = {"VOXTRAL_FUZZ_COUNTS": counts.name, "VOXTRAL_FUZZ_ADDRESS": address}
        environment = os.environ | told | {"SCHEMATHESIS_HOOKS": "tests.proofs.fuzz_hooks"}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        answers = Counter(line.strip() for line in counts)
    if done.returncode:
        typer.echo(done.stdout, err=True)
    return {"requests": sum(answers.values()), "answers": dict(sorted(answers.items())), "passed": done.returncode == 0}


if __name__ == "__main__":
    typer.run(main)
