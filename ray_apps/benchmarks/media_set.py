"""The job over thirty-two generated media of every container, one of them hours long.

    python -m ray_apps.benchmarks.media_set --work DIR [--hours 2] [--actors 2] [--json FILE]

Every file must be accounted for (``verify``), and the chrF of the whole set is reported beside each medium's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from b200_kernels.checkpoints import EMBEDDED
from b200_kernels.embedded.recipe.media import media_set, read_spoken
from pipelines.archive.storage import Store
from pipelines.ledger.verify import verify
from ray_apps.batch_job import run_job
from ray_apps.cli_feedback import get_feedback
from ray_apps.demo import chrf, cues_by_medium
from ray_apps.settings import Settings


def main(
    work: Annotated[Path, typer.Option(help="folder for the media and the output")],
    hours: Annotated[float, typer.Option(help="length of the long medium")] = 2.0,
    actors: Annotated[int, typer.Option()] = 2,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Make the set if it is not there, translate it, account for every file."""
    media = work / "media"
    if not (media / "spoken.jsonl").exists():
        media_set(media, hours)
    out = work / "out"
    settings = Settings(
        inputs=(str(media),), out=str(out), source="tr", targets=("fr",), model=EMBEDDED, max_actors=actors
    )
    feedback = get_feedback()
    summary = run_job(settings, feedback)
    feedback.close()
    spoken = read_spoken(media)
    found = verify(Store(str(out)))
    scores = chrf(cues_by_medium(out), spoken)
    figures = {
        "media": len(spoken),
        "media_done": summary.media_done,
        "media_failed": summary.media_failed,
        "problems": list(found.problems),
        "chrf": {name: round(score, 2) for name, score in scores.items()},
        "audio_s": round(summary.audio_s, 1),
        "wall_s": round(summary.wall_s, 1),
        "startup_s": round(summary.startup_s, 1),
        "realtime_factor": round(summary.realtime_factor, 2),
        "needs_review": summary.needs_review,
        "cues": summary.cues,
    }
    typer.echo(json.dumps(figures, indent=2, ensure_ascii=False))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    if found.problems or summary.media_failed or summary.transient:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
