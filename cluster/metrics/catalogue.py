"""Every metric: its name, kind, unit, labels and what it tells. All else in this room is made from here.

Facts about Ray 2.60 that the queries rest on, measured on a local cluster:

- Ray exports a metric as ``ray_<name>`` (a counter as ``ray_<name>_total``) with a series for each worker process
  (``WorkerId``): every query adds them up.
- A worker that dies leaves its counters behind, unchanged, for as long as its node's agent lives: a sum over all series
  stays right, and falls when a node goes. ``rate`` and ``increase`` never see what a series held when it was first
  scraped, so they miss the first report of every new worker. Speeds come from rates, totals from sums.
- A gauge is gone two report intervals (20 s) after it was last set, and so after its process; :mod:`.exporter` sets it
  again while the process lives.
- The ``_sum`` of Ray's histograms is made of the middles of buckets, not of what was observed: it is never used here.
  Where seconds must be exact there is a counter.

Labels take a few known values each. A file, a URL, a key or a language that a client chose is never one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
"""Upper bounds of the buckets of a latency, seconds."""


@dataclass(frozen=True)
class Metric:
    """A metric. ``ours`` is False for those that Ray itself exports and the dashboard shows.

    ``gpu_only`` says that there are no series where there is no GPU: not a fault, and not a zero.
    """

    name: str
    kind: Kind
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    ours: bool = True
    gpu_only: bool = False

    @property
    def series(self) -> str:
        """What Prometheus knows it as; of a histogram, the series of its buckets."""
        return f"ray_{self.name}{ {'counter': '_total', 'gauge': '', 'histogram': '_bucket'}[self.kind] }"


AUDIO = Metric(
    "voxtral_audio_seconds",
    "counter",
    "seconds",
    "Sound of media whose texts are there: of shards and requests",
    ("path",),
)
REALTIME_FACTOR = Metric(
    "voxtral_realtime_factor", "gauge", "ratio", "Seconds of audio done a second since the run's work began (RTFx)"
)
PROGRESS = Metric(
    "voxtral_job_progress_timestamp_seconds",
    "gauge",
    "unix time",
    "When the run last had a shard back, or began its work",
)
SHARDS = Metric(
    "voxtral_shards", "counter", "shards", "Shards that came back: done, failed for good, or still open", ("status",)
)
MEDIA = Metric("voxtral_media", "counter", "media", "Media assembled by this run, by what became of them", ("status",))
QUEUE = Metric(
    "voxtral_queue",
    "gauge",
    "items",
    "What is left: shards and media of a run, windows in an actor",
    ("queue",),
)
ERRORS = Metric(
    "voxtral_errors", "counter", "errors", "Media, shards and streamed requests that failed, by kind", ("kind",)
)

WINDOWS = Metric("voxtral_windows", "counter", "windows", "Windows of which the texts are there")
TOKENS = Metric("voxtral_tokens", "counter", "tokens", "Tokens that the engine wrote, retries too")
WINDOW_AUDIO = Metric("voxtral_window_audio_seconds", "counter", "seconds", "Sound inside the windows")
WINDOW_ROOM = Metric(
    "voxtral_window_room_seconds",
    "counter",
    "seconds",
    "Sound that as many windows have room for; the model pays for it",
)
ENGINE_BUSY = Metric("voxtral_engine_busy_seconds", "counter", "seconds", "Time in which an actor's engine computed")
STAGE_LATENCY = Metric(
    "voxtral_stage_seconds", "histogram", "seconds", "How long a stage took for one shard or medium", ("stage",)
)
STAGE_BUSY = Metric("voxtral_stage_busy_seconds", "counter", "seconds", "Time spent in each stage, exactly", ("stage",))

TEXTS = Metric("voxtral_texts", "counter", "texts", "What the gate thinks of the texts that ship", ("verdict",))
RETRIES = Metric("voxtral_retries", "counter", "answers", "Answers beyond the first, by step of the ladder", ("step",))
FLAGS = Metric("voxtral_flags", "counter", "texts", "Reasons that texts ship with", ("reason",))

REQUESTS = Metric("voxtral_requests", "counter", "requests", "Requests answered", ("route", "status"))
REQUEST_LATENCY = Metric(
    "voxtral_request_seconds", "histogram", "seconds", "From a request's arrival to the end of its answer", ("route",)
)
REQUESTS_OPEN = Metric(
    "voxtral_requests_open", "gauge", "requests", "Requests that are in: at work or waiting", ("state",)
)

GPU_USE = Metric("node_gpus_utilization", "gauge", "percent", "How busy each GPU is", ("ip", "GpuIndex"), False, True)
GPU_MEMORY_USED = Metric(
    "node_gram_used", "gauge", "megabytes", "Memory in use on each GPU", ("ip", "GpuIndex"), False, True
)
GPU_MEMORY_FREE = Metric(
    "node_gram_available", "gauge", "megabytes", "Memory left on each GPU", ("ip", "GpuIndex"), False, True
)
CPU_USE = Metric("node_cpu_utilization", "gauge", "percent", "How busy a node's cores are", ("ip",), False)
MEMORY_USED = Metric("node_mem_used", "gauge", "bytes", "Memory in use on a node, within its container", ("ip",), False)
MEMORY_TOTAL = Metric("node_mem_total", "gauge", "bytes", "Memory of a node, within its container", ("ip",), False)
DISK_USE = Metric(
    "node_disk_utilization_percentage", "gauge", "percent", "How full the disk with Ray's folder is", ("ip",), False
)
STORE_USED = Metric("object_store_used_memory", "gauge", "bytes", "Object store in use", (), False)
STORE_FREE = Metric("object_store_available_memory", "gauge", "bytes", "Object store left", (), False)

CATALOGUE: tuple[Metric, ...] = (
    AUDIO,
    REALTIME_FACTOR,
    PROGRESS,
    SHARDS,
    MEDIA,
    QUEUE,
    ERRORS,
    WINDOWS,
    TOKENS,
    WINDOW_AUDIO,
    WINDOW_ROOM,
    ENGINE_BUSY,
    STAGE_LATENCY,
    STAGE_BUSY,
    TEXTS,
    RETRIES,
    FLAGS,
    REQUESTS,
    REQUEST_LATENCY,
    REQUESTS_OPEN,
    GPU_USE,
    GPU_MEMORY_USED,
    GPU_MEMORY_FREE,
    CPU_USE,
    MEMORY_USED,
    MEMORY_TOTAL,
    DISK_USE,
    STORE_USED,
    STORE_FREE,
)
