"""Results for a person (tables on stdout) and for a program (``--json FILE``)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.records import NOT_OPENED
from ray_apps.cli_feedback import audio_length, visible

if TYPE_CHECKING:
    from pipelines.ledger.verify import Verification
    from ray_apps.plan import JobPlan
    from ray_apps.summary import RunSummary

SHOWN_ERRORS = 10


def show_summary(summary: RunSummary, console: Console) -> None:
    """The closing table of a run."""
    rows = [
        ("media done", f"{summary.media_done} of {summary.media}"),
        ("failed", str(summary.media_failed - summary.not_opened)),
        ("shards", f"{summary.shards_done} done, {summary.shards_skipped} were done before"),
        ("audio", f"{audio_length(summary.audio_s)}, {audio_length(summary.speech_s)} of it speech"),
        ("time", f"{summary.wall_s:.1f} s, {summary.startup_s:.1f} s of it start-up"),
        ("speed", f"{summary.realtime_factor:.1f} × real time" if summary.realtime_factor else "-"),
        ("cues", f"{summary.cues}, {summary.needs_review} to review"),
        ("engine", _engine(summary)),
        ("output", summary.out),
    ]
    if summary.media_open:
        rows.insert(2, ("open", f"{summary.media_open}, for the next run"))
    if summary.not_opened:
        rows.insert(2, ("not opened", f"{summary.not_opened}, no media by their names"))
    if summary.to_review:
        rows.append(("review", f"{summary.to_review} rows in *.review.csv"))
    if summary.uncovered:
        left = f"{summary.uncovered} stretches, {audio_length(summary.speech_s - summary.covered_s)}"
        rows.append(("no text", f"{left} of speech"))
    if summary.transient:
        rows.insert(2, ("to try again", f"{summary.transient} shards"))
    if summary.demo_model:
        rows.append(("model", "demo-model"))
    show_rows(rows, console)
    _show_errors(summary, console)


def _engine(summary: RunSummary) -> str:
    more = [f"{summary.kv_cache} cache"] * (summary.kv_cache != "auto") + ["deterministic"] * summary.deterministic
    return ", ".join([summary.engine, summary.dtype, *more])


def show_plan(plan: dict[str, Any], console: Console) -> None:
    """What a run would do, from :func:`plan_figures`."""
    show_rows(
        [
            ("media", f"{plan['media']}, {plan['media_failed']} of them cannot be read"),
            *([("not opened", f"{plan['not_opened']}, no media by their names")] if plan["not_opened"] else []),
            ("audio", audio_length(plan["audio_s"])),
            ("shards", f"{plan['shards']}, {plan['shards_skipped']} are done already"),
            ("to do", f"{audio_length(plan['missing_s'])} in {plan['shards_missing']} shards"),
            ("estimated time", f"{audio_length(plan['estimated_s'])} ({plan['estimated_from']})"),
            ("model", plan["model"]),
            ("output", plan["out"]),
        ],
        console,
    )
    _print_errors(plan["errors"], "", console)


def plan_figures(plan: JobPlan) -> dict[str, Any]:
    """The figures of a job's plan, fit for JSON."""
    from ray_apps.estimate import estimate

    missing = plan.missing
    guess = estimate(plan)
    failing = [medium for medium in plan.media if medium.failure]
    failures = [medium.failure for medium in failing]
    return {
        "media": len(plan.media),
        "media_failed": sum(f is not None and f.kind != NOT_OPENED for f in failures),
        "not_opened": sum(f is not None and f.kind == NOT_OPENED for f in failures),
        "audio_s": plan.audio_s,
        "shards": plan.shard_count,
        "shards_missing": len(missing),
        "shards_skipped": plan.shard_count - len(missing),
        "missing_s": plan.missing_s,
        "estimated_s": guess.seconds,
        "estimated_from": guess.basis,
        "model": plan.checkpoint.name,
        "demo_model": plan.checkpoint.demo_model,
        "fingerprint": plan.recipe.fingerprint,
        "out": plan.settings.out,
        "errors": [(medium.name, medium.failure.kind, medium.failure.detail) for medium in failing if medium.failure],
    }


def show_verification(verification: Verification, console: Console) -> None:
    """Every problem on a line, then the verdict, and what is left to do."""
    for problem in (*verification.problems, *verification.notes):
        _print(console, problem)
    counts = [
        f"{value} {name.replace('_', ' ')}" for name, value in as_json(verification).items() if type(value) is int
    ]
    count = len(verification.problems)
    verdict = f"{count} problem{'s' if count > 1 else ''}" if count else "all accounted for"
    _print(console, f"{verdict} ({', '.join(counts)})")
    if verification.media_open:
        left = f"{verification.media_open} media and {verification.shards_open} shards are open"
        _print(console, f"{left}: run the same translate command again to go on")


def show_rows(rows: list[tuple[str, str]], console: Console) -> None:
    """Names and values in two columns; long values go on below, whole."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(visible(value)))
    console.print(table, highlight=False)


def as_json(result: Any) -> dict[str, Any]:
    """A result record, dataclass or pydantic, as plain values."""
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json")
    return dataclasses.asdict(result)


def write_json(result: dict[str, Any], path: Path) -> None:
    """Raises OSError."""
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    # A file name that is not UTF-8 holds lone surrogates; written as \\udcff they are JSON still.
    path.write_bytes(text.encode("utf-8", "backslashreplace"))


def _show_errors(summary: RunSummary, console: Console) -> None:
    _print_errors(summary.errors, f"all of them in {summary.out.rstrip('/')}/errors.parquet", console)


def _print_errors(errors: Sequence[tuple[str, str, str]], where: str, console: Console) -> None:
    """The first of them, without the files that are no media by their names."""
    wrong = [error for error in errors if error[1] != NOT_OPENED]
    if wrong:
        _print(console, "")
    for name, kind, detail in wrong[:SHOWN_ERRORS]:
        _print(console, f"{name}: {kind}: {detail}")
    if len(wrong) > SHOWN_ERRORS:
        _print(console, ", ".join(part for part in (f"and {len(wrong) - SHOWN_ERRORS} more", where) if part))


def _print(console: Console, line: str) -> None:
    # A name may hold a newline; a result is one line.
    text = visible(line).replace("\n", "\\n")
    console.print(Text(text), soft_wrap=True, highlight=False)
