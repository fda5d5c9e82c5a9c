"""``make demo``: the sample archive becomes French subtitles, shown beside the sentences that were spoken.

    python -m ray_apps.demo [--out DIR] [--json FILE]

The job is the product's own, on a local Ray, with the embedded checkpoint. The score is corpus chrF (sacrebleu) of
each medium's cues against the French of what its speakers really said.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from b200_kernels.checkpoints import EMBEDDED
from b200_kernels.embedded.recipe.media import Spoken, read_spoken
from ray_apps.batch_job import run_job
from ray_apps.cli_feedback import get_feedback
from ray_apps.cli_report import show_summary
from ray_apps.settings import Settings

ARCHIVE = Path(__file__).parent.parent / "sample_archive"
LANGUAGE = "fr"


def main(
    out: Annotated[Path, typer.Option(help="Where the subtitles go.")] = Path("demo_output"),
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Translate the sample archive and compare."""
    feedback = get_feedback()
    settings = Settings(inputs=(str(ARCHIVE),), out=str(out), source="tr", targets=(LANGUAGE,), model=EMBEDDED)
    summary = run_job(settings, feedback)
    feedback.close()
    console = Console()
    spoken = read_spoken(ARCHIVE)
    cues = cues_by_medium(out)
    for name, sentences in spoken.items():
        console.print(_side_by_side(name, cues.get(name, []), sentences))
    show_summary(summary, console)
    scores = chrf(cues, spoken)
    for name, score in scores.items():
        console.print(f"chrF {score:5.1f}  {name}", highlight=False)
    if json_file is not None:
        json_file.write_text(json.dumps({"chrf": scores, "realtime_factor": summary.realtime_factor}, indent=2) + "\n")
    if summary.media_failed or summary.transient:
        sys.exit(1)


def cues_by_medium(out: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows of the cues table in the demo's language, by medium name, in order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in pq.read_table(out / "cues.parquet").to_pylist():
        if row["language"] == LANGUAGE:
            found.setdefault(row["name"], []).append(row)
    return found


def chrf(cues: dict[str, list[dict[str, Any]]], spoken: dict[str, list[Spoken]]) -> dict[str, float]:
    """chrF of each medium's whole text, and of the archive under ``all``."""
    from sacrebleu.metrics.chrf import CHRF

    names = list(spoken)
    said = [" ".join(s.fr for s in spoken[name]) for name in names]
    given = [" ".join(row["text"].replace("\n", " ") for row in cues.get(name, [])) for name in names]
    metric = CHRF()
    scores = {name: metric.corpus_score([g], [[s]]).score for name, g, s in zip(names, given, said, strict=True)}
    return scores | {"all": metric.corpus_score(given, [said]).score}


def _side_by_side(name: str, cues: list[dict[str, Any]], sentences: list[Spoken]) -> Table:
    """Cues on the right of the sentences during which they begin."""
    table = Table(title=name, title_justify="left", show_lines=False, expand=True)
    table.add_column("time", no_wrap=True)
    table.add_column("spoken (Turkish)", ratio=1)
    table.add_column("meant (French)", ratio=1)
    table.add_column("subtitle (French)", ratio=1)
    starts = [s.start for s in sentences] + [float("inf")]
    for i, sentence in enumerate(sentences):
        low = 0.0 if i == 0 else (sentences[i - 1].end + sentence.start) / 2
        high = (sentence.end + starts[i + 1]) / 2
        shown = [row["text"].replace("\n", " ") for row in cues if low <= row["start_s"] < high]
        table.add_row(f"{sentence.start:6.1f}", Text(sentence.tr), Text(sentence.fr), Text(" / ".join(shown)))
    return table


if __name__ == "__main__":
    typer.run(main)
