"""``voxtral profile``: where a run's time goes, while it runs or afterwards; for a person, a program and a picture."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cluster.profile.book import Snapshot
from cluster.profile.picture import picture
from cluster.profile.ray_book import NoBook, books, read_book
from cluster.profile.trace import chrome_trace
from cluster.profile.view import Line, Profile, WorkerLine, view
from pipelines.archive.storage import Store
from pipelines.ledger.runs import load_run
from ray_apps.cli_feedback import get_feedback, visible
from ray_apps.cli_report import write_json
from ray_apps.profiled import load_profile
from ray_apps.ray_session import cluster_address, ray_session

REFRESH_S = 2.0
_SHOWN_WORKERS = 20
_LONG_SILENT_S = 30.0
_OVER = "of a run that is over: voxtral profile OUT"


@dataclasses.dataclass(frozen=True)
class Written:
    """Files to write besides, where they are asked for."""

    figures: Path | None
    trace: Path | None
    picture: Path | None

    def write(self, snapshot: Snapshot) -> None:
        """Raises OSError."""
        if self.figures is not None:
            write_json(as_figures(view(snapshot)), self.figures)
        if self.trace is not None:
            write_json(chrome_trace(snapshot), self.trace)
        if self.picture is not None:
            self.picture.write_text(picture(snapshot), encoding="utf-8")


def show_saved(out: str, console: Console, written: Written) -> None:
    """What an output folder keeps of all runs of its newest settings. Raises RunError, NoBook, DamagedProfile."""
    store = Store(out)
    run = load_run(store)
    snapshot = load_profile(store, run.fingerprint)
    if snapshot is None:
        raise NoBook(f"{out} holds no profile: its run did no work, began a moment ago, or had `profiling: false`")
    _show(snapshot, console, written)


def show_live(address: str | None, name: str | None, once: bool, console: Console, written: Written) -> None:
    """What runs on a cluster right now, until Ctrl-C or its end; once, where no person looks. Raises NoBook."""
    try:
        with ray_session(cluster_address(address) or "auto"):
            name = name or _newest()
            if once or not console.is_terminal:
                _show(read_book(name), console, written)
            else:
                _watch(name, console, written)
    except NoBook:
        raise
    except ConnectionError as error:
        where = f"at {address}" if address else "on this machine"
        raise NoBook(f"no Ray cluster answers {where}, so nothing is profiled there now; {_OVER}") from error


def _show(snapshot: Snapshot, console: Console, written: Written) -> None:
    console.print(shown(view(snapshot)), highlight=False)
    written.write(snapshot)


def _watch(name: str, console: Console, written: Written) -> None:
    """Again and again, until Ctrl-C or the run's end."""
    snapshot = read_book(name)
    try:
        with Live(shown(view(snapshot)), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(REFRESH_S)
                snapshot = read_book(name)
                live.update(shown(view(snapshot)), refresh=True)
    except KeyboardInterrupt:
        pass
    except NoBook:
        get_feedback().info(f"{name} has ended; {_OVER}")
    written.write(snapshot)


def _newest() -> str:
    found = books()
    if not found:
        raise NoBook(f"nothing is profiled on this cluster now; {_OVER}")
    snapshots = {name: read_book(name) for name in found}
    name = max(found, key=lambda each: max((w.began_at for w in snapshots[each].workers), default=0.0))
    if len(found) > 1:
        get_feedback().info(f"this is {name}; others, for --name: {', '.join(each for each in found if each != name)}")
    return name


def as_figures(profile: Profile) -> dict[str, Any]:
    """The profile, fit for JSON."""
    return dataclasses.asdict(profile)


def shown(profile: Profile) -> Group:
    """The profile as tables."""
    sentences = [Text(visible(sentence)) for sentence in _sentences(profile)]
    return Group(_operations(profile), _workers(profile), *sentences)


def _operations(profile: Profile) -> Table:
    table = _table(("work",), ("count", "time", "share", "p50", "p95", "p99", "RTFx", "tokens/s"))
    order = {stage.stage: number for number, stage in enumerate(profile.stages)}
    for line in sorted(profile.operations, key=lambda each: order.get(each.stage, len(order))):
        name = line.operation if line.stage in ("", line.operation) else f"{line.stage}: {line.operation}"
        table.add_row(visible(name), *_cells(line))
    return table


def _table(words: Sequence[str], figures: Sequence[str]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for name in words:
        table.add_column(name, no_wrap=True)
    for name in figures:
        table.add_column(name, no_wrap=True, justify="right")
    return table


def _cells(line: Line) -> list[str]:
    return [
        str(line.count),
        _seconds(line.total_s),
        "-" if line.share is None else f"{line.share:.0%}",
        *(_seconds(each) for each in (line.p50_s, line.p95_s, line.p99_s)),
        "-" if line.rtfx is None else _digits(line.rtfx),
        f"{line.tokens / line.total_s:.0f}" if line.tokens and line.total_s else "-",
    ]


def _workers(profile: Profile) -> Table:
    table = _table(("node", "actor", "does"), ("busy", "memory", "GPU"))
    table.add_column("now")
    slow = {(each.node, each.worker) for each in profile.stragglers}
    # Whoever is slow is always among those that are shown.
    first = sorted(profile.workers, key=lambda each: ((each.node, each.name) not in slow, each.silent_s, -each.busy))
    for worker in first[:_SHOWN_WORKERS]:
        table.add_row(
            visible(worker.node),
            visible(worker.name),
            "\n".join(visible(stage) for stage in worker.stages),
            f"{worker.busy:.0%}",
            "-" if worker.memory_gb is None else f"{worker.memory_gb:.1f} GB",
            _gpu(worker),
            visible(_now(worker)),
            style="bold" if (worker.node, worker.name) in slow else None,
        )
    if len(first) > _SHOWN_WORKERS:
        table.caption = f"and {len(first) - _SHOWN_WORKERS} more; --json has them all"
    return table


def _now(worker: WorkerLine) -> str:
    if worker.silent_s > _LONG_SILENT_S:
        return f"silent for {_seconds(worker.silent_s)}"
    return ", ".join(f"{stage} for {_seconds(since)}" for stage, _, since in worker.at_work[:2]) or "idle"


def _sentences(profile: Profile) -> list[str]:
    said = [f"{each.node} {each.worker} is slow at {each.operation}: {each.reason}" for each in profile.stragglers]
    if not profile.stragglers:
        said.append("no stragglers")
    told = sum(part.never_told_s for part in profile.parts.values())
    over = sum(part.not_in_parts_s for part in profile.parts.values())
    if told > 0.01 * profile.total_s:
        said.append(f"{_seconds(told)} of it are known from the parts alone: a worker died before it told of them")
    if over > 0.01 * profile.total_s:
        said.append(f"{_seconds(over)} of it are in no part: under way, or done again")
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(profile.at))
    fill = profile.gauges.get("fill")
    filled = f", model inputs {fill.mean:.0%} filled" if fill else ""
    gpu = "no GPU figures" if profile.gpu_busy is None else f"GPUs {profile.gpu_busy:.0%} busy"
    return [*said, f"{_seconds(profile.total_s)} of work in all stages{filled}, {gpu}; as of {when}"]


def _gpu(worker: WorkerLine) -> str:
    busy = [] if worker.gpu_busy is None else [f"{worker.gpu_busy:.0%}"]
    memory = [] if worker.gpu_memory_gb is None else [f"{worker.gpu_memory_gb:.0f} GB"]
    return ", ".join(busy + memory) or "-"


def _seconds(seconds: float) -> str:
    for unit, name in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 10 * unit:
            return f"{_digits(seconds / unit)} {name}"
    return f"{_digits(seconds)} s" if seconds >= 1 else f"{_digits(seconds * 1e3)} ms"


def _digits(value: float) -> str:
    """Two digits or more, in little room."""
    if value >= 10_000:
        return f"{value / 1000:.0f} k"
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"
