"""The dashboard's panels: what an operator looks at, in the order of the questions.

Does it go on, and how fast? What does the model do? What does the gate think of it? How is the service? How are the
machines? It knows queries; how Grafana writes them down is :mod:`.grafana`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cluster.metrics import catalogue as m
from cluster.metrics.promql import Look

DASHBOARD = Look(window="$__rate_interval", matchers='SessionName=~"$SessionName"')
"""Grafana puts in the variables: the time between scrapes decides the window, a person the cluster."""

OF_SHARDS = 'queue="shards"'
_GPU = "ip, GpuIndex"


@dataclass(frozen=True)
class Panel:
    """One chart. ``unit`` is Grafana's id of a unit; ``queries`` are expressions by what their lines are called
    (``{{label}}`` is the label's value). ``gpu_only``: empty where there is no GPU, which is no fault.
    """

    title: str
    unit: str
    tells: str
    queries: Mapping[str, str]
    gpu_only: bool = False


@dataclass(frozen=True)
class Row:
    """Panels that answer one question."""

    title: str
    panels: tuple[Panel, ...]


def rows(look: Look = DASHBOARD) -> tuple[Row, ...]:
    """All panels, with expressions that look as ``look`` says."""
    return (
        Row("Does it go on", _progress(look)),
        Row("The model", _model(look)),
        Row("The gate", _gate(look)),
        Row("The service", _service(look)),
        Row("The machines", _machines(look)),
    )


def actor_speed(look: Look) -> str:
    """Seconds of sound that each actor translates in a second of computing. ``WorkerId`` stays, for it is the actor."""
    by = "SessionName, NodeAddress, WorkerId"
    return f"{look.rate(m.WINDOW_AUDIO, by)} / ({look.rate(m.ENGINE_BUSY, by)} > 0)"


def standing_s(look: Look, by: str) -> str:
    """Seconds since a run had a shard back, of runs that have shards left. ``WorkerId`` stays, for it is the driver."""
    return f"(time() - {look.total(m.PROGRESS, by, of='max')}) and ({look.total(m.QUEUE, by, OF_SHARDS)} > 0)"


def node_memory(look: Look, by: str = "ip") -> str:
    """Share of a node's memory that is in use."""
    return f"{look.total(m.MEMORY_USED, by, of='max')} / {look.total(m.MEMORY_TOTAL, by, of='max')}"


def object_store(look: Look, by: str = "SessionName") -> str:
    """Share of the object store that is in use."""
    return _used(look, m.STORE_USED, m.STORE_FREE, by)


def _used(look: Look, used: m.Metric, free: m.Metric, by: str) -> str:
    return f"{look.total(used, by)} / ({look.total(used, by)} + {look.total(free, by)})"


def _progress(look: Look) -> tuple[Panel, ...]:
    run = look.total(m.REALTIME_FACTOR, "SessionName", of="max")
    left = look.total(m.QUEUE, "queue", 'queue=~"shards|media"')
    became = {
        "shards {{status}}": look.total(m.SHARDS, "status"),
        "media {{status}}": look.total(m.MEDIA, "status"),
    }
    return (
        Panel(
            "RTFx",
            "none",
            "Seconds of audio done a second: over the newest minutes, and since the run's work began",
            {"{{path}}": look.rate(m.AUDIO, "path"), "run": run},
        ),
        Panel("Audio done", "s", "Since the nodes came up", {"{{path}}": look.total(m.AUDIO, "path")}),
        Panel("Left to do", "short", "Shards and media of the run", {"{{queue}}": left}),
        Panel(
            "Since the last shard",
            "s",
            "Where it only grows, the job stands still; no line where no shards are left",
            {"job": standing_s(look, "SessionName, WorkerId")},
        ),
        Panel("Shards and media", "short", "What became of them", became),
        Panel("Errors", "short", "By kind; errors.parquet has the names", {"{{kind}}": look.total(m.ERRORS, "kind")}),
    )


def _model(look: Look) -> tuple[Panel, ...]:
    speed, node = actor_speed(look), "{{NodeAddress}}"
    filled = f"{look.rate(m.WINDOW_AUDIO, 'SessionName')} / ({look.rate(m.WINDOW_ROOM, 'SessionName')} > 0)"
    return (
        Panel("Windows", "ops", "Windows a second, by node", {node: look.rate(m.WINDOWS, "NodeAddress")}),
        Panel("Tokens", "ops", "Tokens a second, by node", {node: look.rate(m.TOKENS, "NodeAddress")}),
        Panel(
            "Batch fill",
            "percentunit",
            "How full the model's inputs are: it pays for the whole window, whatever is in it",
            {"filled": filled},
        ),
        Panel(
            "Windows in the actors",
            "short",
            "Asked of the engines and not answered yet",
            {node: look.total(m.QUEUE, "NodeAddress", 'queue="windows"')},
        ),
        Panel(
            "Actors' speed",
            "none",
            "Seconds of audio a second of an actor's computing",
            {"slowest": f"min({speed})", "middle": f"quantile(0.5, {speed})", "fastest": f"max({speed})"},
        ),
        Panel(
            "Engines at work",
            "none",
            "Seconds of computing a second: as many as the node has actors where nothing waits",
            {node: look.rate(m.ENGINE_BUSY, "NodeAddress")},
        ),
        Panel(
            "Stage latency",
            "s",
            "Of one shard (assemble: one medium)",
            {f"{{{{stage}}}} p{q * 100:.0f}": look.quantile(q, m.STAGE_LATENCY, "stage") for q in (0.5, 0.95, 0.99)},
        ),
        Panel(
            "Where the time goes",
            "none",
            "Seconds spent in each stage a second, over all workers",
            {"{{stage}}": look.rate(m.STAGE_BUSY, "stage")},
        ),
    )


def _gate(look: Look) -> tuple[Panel, ...]:
    rejected = look.share(m.TEXTS, "SessionName", 'verdict="needs_review"')
    return (
        Panel("Verdicts", "ops", "Texts a second, as they ship", {"{{verdict}}": look.rate(m.TEXTS, "verdict")}),
        Panel("To be reviewed", "percentunit", "Share of texts that never passed the gate", {"needs review": rejected}),
        Panel("Retries", "ops", "Answers beyond the first, by step", {"{{step}}": look.rate(m.RETRIES, "step")}),
        Panel("Flags", "short", "Reasons that texts ship with", {"{{reason}}": look.total(m.FLAGS, "reason")}),
    )


def _service(look: Look) -> tuple[Panel, ...]:
    answered, opened = look.rate(m.REQUESTS, "route, status"), look.total(m.REQUESTS_OPEN, "state")
    refused = look.rate(m.REQUESTS, "status", 'status=~"429|503|504"')
    return (
        Panel("Requests", "reqps", "By route and status", {"{{route}} {{status}}": answered}),
        Panel(
            "Request latency",
            "s",
            "To the end of the answer, by route",
            {f"{{{{route}}}} p{q * 100:.0f}": look.quantile(q, m.REQUEST_LATENCY, "route") for q in (0.5, 0.95)},
        ),
        Panel("Open requests", "short", "At work, and waiting for a slot", {"{{state}}": opened}),
        Panel("Turned away", "reqps", "429: too many, 503: no worker, 504: past the deadline", {"{{status}}": refused}),
    )


def _machines(look: Look) -> tuple[Panel, ...]:
    gpu, gpu_memory = look.total(m.GPU_USE, _GPU, of="max"), _used(look, m.GPU_MEMORY_USED, m.GPU_MEMORY_FREE, _GPU)
    return (
        Panel("GPU", "percent", "How busy, by GPU", {"{{ip}} {{GpuIndex}}": gpu}, gpu_only=True),
        Panel("GPU memory", "percentunit", "In use, by GPU", {"{{ip}} {{GpuIndex}}": gpu_memory}, gpu_only=True),
        Panel("CPU", "percent", "How busy, by node", {"{{ip}}": look.total(m.CPU_USE, "ip", of="max")}),
        Panel("Memory", "percentunit", "In use, by node", {"{{ip}}": node_memory(look)}),
        Panel("Disk", "percent", "In use, by node", {"{{ip}}": look.total(m.DISK_USE, "ip", of="max")}),
        Panel("Object store", "percentunit", "In use, of the cluster's", {"store": object_store(look)}),
    )
