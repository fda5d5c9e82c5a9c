"""Ray itself: joining or starting it, and the few arguments that must be set by hand.

The one place that knows which of Ray's defaults this project cannot live with, and why.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

# Ray reads these when it starts, so they stand before its import. Usage reports are off unless the user turns
# them on; uv hooks and colour prefixes only slow a local start or spoil plain logs.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
# Serve's processes inherit these from a Ray that is started here; for a cluster the image has them. Defaults are for
# user code that blocks its event loop, which ours does nowhere, and for many small requests: ours are few and long.
os.environ.setdefault("RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD", "0")
os.environ.setdefault("RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP", "0")
os.environ.setdefault("RAY_SERVE_METRICS_EXPORT_INTERVAL_MS", "1000")
os.environ.setdefault("RAY_SERVE_CONTROL_LOOP_INTERVAL_S", "1")

import ray

from cluster.derived import cores_to_feed
from cluster.limits import memory_limit
from ray_apps.queue_limit import limit_queues


@contextmanager
def ray_session(address: str | None, metadata: Mapping[str, str] | None = None) -> Iterator[None]:
    """Ray for the length of a job: the cluster at ``address``, else the session that is there, else a local one.

    A session that was there already is left running. Ray's dashboard shows ``metadata`` beside the job.

    Raises:
        ConnectionError: when no cluster answers at ``address``.
    """
    if ray.is_initialized():
        yield
        return
    where = cluster_address(address)
    job = ray.job_config.JobConfig(metadata=dict(metadata or {}))
    if where:
        try:
            ray.init(address=where, job_config=job, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConnectionError(
                f"no Ray cluster answers at {where!r} ({error}); check `ray status` there, or leave out --address"
            ) from error
    else:
        # The backend calls it an error that actors may restart, and prints so on every run.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        # What only the dashboard and the driver's copy of the logs read, of which a local Ray has neither.
        os.environ.setdefault("RAY_task_events_report_interval_ms", "0")
        os.environ.setdefault("LOG_NAME_UPDATE_INTERVAL_S", "10")
        ray.init(
            include_dashboard=False,
            job_config=job,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=_object_store_bytes(),
        )
    try:
        yield
    finally:
        ray.shutdown()


def cluster_address(address: str | None) -> str | None:
    """The cluster that a job is to join, if any; Ray names it in the environment of a submitted job."""
    return address or os.environ.get("RAY_ADDRESS")


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM, which Kubernetes and systemd send, ends a job as Ctrl-C does: with its tables written.

    Entered after Ray, whose own handler exits at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _object_store_bytes() -> int:
    """A shard is at most 19 MB of samples; a local run holds a few dozen at once."""
    return max(256 * 2**20, min(2 * 2**30, int(memory_limit() * 0.1)))


@dataclass(frozen=True)
class Share:
    """What some nodes have together; ``node_cpus`` is the smallest node's, of those with a whole CPU. ``feed_cores``:
    cores that must listen for each GPU, of the kind that needs most.
    """

    cpus: float
    gpus: int
    memory_gb: float
    node_cpus: float | None
    feed_cores: int | None

    def part(self, share: float) -> Share:
        """A share of it, above 0 and at most 1; of GPUs, where there are any, one at least."""
        gpus = max(1, int(self.gpus * share)) if self.gpus else 0
        return replace(self, cpus=self.cpus * share, gpus=gpus, memory_gb=self.memory_gb * share)


def cluster_share(labels: Mapping[str, str]) -> Share:
    """What the cluster that Ray is joined to has, on nodes that :func:`is_meant`."""
    nodes = [node for node in ray.nodes() if node["Alive"] and is_meant(node.get("Labels") or {}, labels)]
    resources = [node["Resources"] for node in nodes]
    return Share(
        cpus=sum(has.get("CPU", 0.0) for has in resources),
        gpus=int(sum(has.get("GPU", 0.0) for has in resources)),
        memory_gb=sum(has.get("memory", 0.0) for has in resources) / 2**30,
        node_cpus=min((has["CPU"] for has in resources if has.get("CPU", 0.0) >= 1), default=None),
        feed_cores=max(
            (cores_to_feed(_gpu_kind(node)) for node in nodes if node["Resources"].get("GPU")), default=None
        ),
    )


def share_nodes(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether some node of the cluster that Ray is joined to meets both selectors."""
    nodes = [node.get("Labels") or {} for node in ray.nodes() if node["Alive"]]
    return any(is_meant(labels, one) and is_meant(labels, other) for labels in nodes)


def _gpu_kind(node: Mapping[str, Any]) -> str | None:
    """``B200``, where Ray found it out."""
    return (node.get("Labels") or {}).get("ray.io/accelerator-type")


def cluster_hardware(labels: Mapping[str, str]) -> str:
    """The same nodes in words: ``"2 nodes, 64 CPUs, 8 GPUs (B200), 512 GB"``."""
    nodes = [node for node in ray.nodes() if node["Alive"] and is_meant(node.get("Labels") or {}, labels)]
    share = cluster_share(labels)
    kinds = sorted({kind for node in nodes if (kind := _gpu_kind(node))})
    gpus = _counted(share.gpus, "GPU") + (f" ({', '.join(kinds)})" if kinds else "") if share.gpus else "no GPU"
    cpus = _counted(int(share.cpus), "CPU")
    return f"{_counted(len(nodes), 'node')}, {cpus}, {gpus}, {share.memory_gb:.0f} GB for Ray"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def is_meant(has: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a node that ``has`` labels meets the selector ``labels``, as Ray reads it: values, or ``!value``."""
    return all(
        has.get(name) != value[1:] if value.startswith("!") else has.get(name) == value
        for name, value in labels.items()
    )


def bounded_actor_retries() -> dict[str, Any]:
    """How often actors are restarted and their tasks tried again.

    Given through ``**ray_remote_args``, which Ray removes in 2.64 without a successor named yet: keep them here. Ray's
    defaults are "for ever" too, but an item that kills its process would then loop; here the durable count of attempts
    turns such a shard into an error part, so that its end is a row and not the end of the job. A bound of Ray's own
    would count the deaths that a neighbour caused.
    """
    return {"max_restarts": -1, "max_task_retries": -1}


def configure_data(labels: Mapping[str, str]) -> None:
    """Ray Data's context for our jobs, which run on nodes that meet the label selector."""
    # Named in this file's bounded_actor_retries(): known, and pinned below 2.64.
    warnings.filterwarnings("ignore", message=".*ray_remote_args.*")
    context = ray.data.DataContext.get_current()
    # After ray.data's import, which makes these handlers; others there are somebody else's.
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler) and type(handler).__module__.startswith("ray."):
            handler.setLevel(logging.ERROR)  # the job's own feedback is what a person reads
    limit_queues(context)
    context.target_max_block_size = 1  # a row is a block of its own: it goes on alone, as soon as it is there
    context.execution_options.preserve_order = False
    context.execution_options.label_selector = dict(labels) or None
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # Rows are error rows, never exceptions: a block that fails is a bug, and must stop the job.
    context.max_errored_blocks = 0
    # The tail of a job can be one long shard on a slow machine; deadlines stand inside the stages.
    context.execution_options.verbose_progress = False
    context.execution_no_progress_timeout_s = 6 * 3600
    context.max_consecutive_actor_init_deaths = 3
