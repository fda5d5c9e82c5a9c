"""The dashboard over a real job and the real service, recorded by a real Prometheus and drawn.

    python -m ray_apps.benchmarks.dashboard --work DIR [--minutes 12] [--picture FILE.svg] [--json FILE]

The job works on generated speech, one medium of it backwards (which the gate rejects) and a file that is no medium;
then the service is asked by more clients at once than it lets in. Both in one Ray on this machine. Needs Debian's
package ``prometheus`` and the ``dev`` extra.
"""

from __future__ import annotations

import json
import math
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import requests
import typer

# Ray reads it when it starts: more points a minute than an operator needs, for a picture of minutes.
os.environ.setdefault("RAY_metrics_report_interval_ms", "4000")

import ray
from ray import serve

from b200_kernels.checkpoints import EMBEDDED
from b200_kernels.embedded.recipe.media import Container, write
from cluster.feedback import SilentFeedback
from cluster.metrics.alerts import Pace
from cluster.metrics.panels import rows
from cluster.metrics.picture import picture
from cluster.metrics.prometheus import LocalPrometheus, installed
from cluster.metrics.promql import Look
from pipelines.media.decode import decode
from pipelines.settings import MediaLimits
from ray_apps.batch_job import run_job
from ray_apps.benchmarks.overhead import make_media
from ray_apps.ray_session import ray_session
from ray_apps.serve_app import APP, build
from ray_apps.settings import Settings

LOOK = Look("30s", 'SessionName=~".+"')
PACE = Pace(every_s=5, window_s=30, before_s=60, standing_s=120, hold_s=10)
SHARD_S = 30.0
CLIENTS, ROUNDS = 6, 5
_SETTLE_S = 10.0
"""Until the last values are exported and scraped."""


def main(
    work: Annotated[Path, typer.Option(help="folder for the media and the outputs")],
    minutes: Annotated[float, typer.Option(help="minutes of media")] = 12.0,
    picture_file: Annotated[Path | None, typer.Option("--picture", metavar="FILE.svg")] = None,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Record and draw; exit code 1 where a query has no answer that should have one."""
    if not installed():
        typer.echo("this needs Debian's package prometheus: apt-get install prometheus", err=True)
        raise typer.Exit(2)
    media = _media(work / f"media-{minutes:g}", minutes)
    out = work / f"run-{time.time_ns()}"
    with ray_session(None):
        nodes = [f"{node['NodeManagerAddress']}:{node['MetricsExportPort']}" for node in ray.nodes()]
        with LocalPrometheus(out / "prometheus", nodes, PACE, every_s=2) as prometheus:
            began = time.time()
            settings = Settings(
                inputs=(str(media),), out=str(out / "job"), source="tr", targets=("fr",), model=EMBEDDED
            )
            windows = settings.windows.model_copy(update={"shard_s": SHARD_S})
            summary = run_job(settings.model_copy(update={"windows": windows}), SilentFeedback())
            answered = _ask_the_service(sorted(media.glob("*.mp3"))[0])
            time.sleep(_SETTLE_S)
            recorded = {
                expression: prometheus.history(expression, began, time.time(), 2.0)
                for row in rows(LOOK)
                for panel in row.panels
                for expression in panel.queries.values()
            }
    silent = [
        f"{panel.title}: {legend}"
        for row in rows(LOOK)
        for panel in row.panels
        for legend, expression in panel.queries.items()
        if not panel.gpu_only and not any(math.isfinite(v) for line in recorded[expression] for _, v in line.points)
    ]
    figures = {
        "audio_s": round(summary.audio_s, 1),
        "realtime_factor": round(summary.realtime_factor, 2),
        "shards": summary.shards_done,
        "requests_by_status": answered,
        "queries": len(recorded),
        "without_an_answer": silent,
    }
    typer.echo(json.dumps(figures, indent=2))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n")
    if picture_file is not None:
        title = (
            f"Voxtral: {summary.audio_s / 60:.0f} minutes of speech as a job, then the service (embedded model, CPU)"
        )
        picture_file.write_text(picture(title, rows(LOOK), recorded), encoding="utf-8")
    raise typer.Exit(1 if silent else 0)


def _media(folder: Path, minutes: float) -> Path:
    if not folder.exists():
        make_media(folder, minutes * 60)
        samples = decode(str(sorted(folder.glob("*.mp3"))[0]), 0, 0.0, 60.0, MediaLimits())
        write(folder / "backwards.wav", samples[::-1] / 32768, Container("wav", "pcm_s16le", 16_000))
        (folder / "text.mp4").write_text("this is no film\n" * 100)
    return folder


def _settings(media: Path, out: Path) -> Settings:
    settings = Settings(inputs=(str(media),), out=str(out), source="tr", targets=("fr",), model=EMBEDDED)
    return settings.model_copy(update={"windows": settings.windows.model_copy(update={"shard_s": SHARD_S})})


def _ask_the_service(medium: Path) -> dict[str, int]:
    """Requests by the status of their answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    args: dict[str, Any] = {"model": EMBEDDED, "door": {"working": 2, "waiting": 2}, "max_replicas": 1}
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    try:
        serve.run(build(args), name=APP, route_prefix="/")
        url, content = f"http://127.0.0.1:{port}/v1/audio/translations", medium.read_bytes()[:200_000]

        def ask(_client: int) -> str:
            return str(requests.post(url, files={"file": (medium.name, content)}, timeout=300).status_code)

        with ThreadPoolExecutor(CLIENTS) as clients:
            answers = [status for _ in range(ROUNDS) for status in clients.map(ask, range(CLIENTS))]
    finally:
        serve.shutdown()
    return {status: answers.count(status) for status in sorted(set(answers))}


if __name__ == "__main__":
    typer.run(main)
