"""A job at work: the batch job's driver, in an actor of its own that outlives whoever started it.

It holds the job's lease while it works, so that of several exactly one drives; what it leaves undone when it dies, the
next one does, and nothing else, for the parts are the ledger. It knows the job's folder and the batch job; who starts
it again is said in :mod:`ray_apps.serving.jobs.keeper`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import ray

from b200_kernels.checkpoints import UnsupportedPair
from pipelines.ledger.lease import LeaseHeld
from ray_apps.batch_job import run_job
from ray_apps.ray_session import share_nodes, terminated_as_interrupted
from ray_apps.serving.jobs.folder import JobFolder, NoSuchJob
from ray_apps.serving.jobs.records import MOST_PROBLEMS, MOST_TRIES, Ask, Problem, Status
from ray_apps.serving.settings import ServeSettings
from ray_apps.settings import Settings
from ray_apps.summary import RunSummary

log = logging.getLogger(__name__)

_LOOK_S = 1.0
"""Between looks for a wish to end it, and between two writings of how far it is."""
NAMESPACE = "voxtral-jobs"


@dataclass(frozen=True)
class Drivers:
    """The drivers of one folder's jobs, as actors of the cluster that Ray is joined to, by one build's settings."""

    folder_url: str
    settings: ServeSettings
    model: str
    build: int

    def start(self, job: str) -> None:
        """Let a driver work on it, one that is there already too; to one at work it means nothing.

        It needs no CPU of its own: it waits for its workers.
        """
        where = {"label_selector": self.settings.jobs.nodes} if self.settings.jobs.nodes else {}
        options: dict[str, Any] = {"name": job, "namespace": NAMESPACE, "lifetime": "detached", "get_if_exists": True}
        _ACTOR.options(num_cpus=0, max_restarts=0, **options, **where).remote().drive.remote(self, job)

    def lives(self, job: str) -> bool:
        """Whether there is one in this cluster, at work or not yet."""
        try:
            ray.get_actor(job, namespace=NAMESPACE)
        except ValueError:
            return False
        return True

    def stop(self, job: str) -> None:
        """Kill it, where it is still there."""
        with contextlib.suppress(ValueError):
            ray.kill(ray.get_actor(job, namespace=NAMESPACE))


class _Driver:
    def drive(self, drivers: Drivers, job: str) -> None:
        try:
            drive(drivers, job)
        except Exception:
            log.exception("the driver of %s ended; it is tried again", job)
        finally:
            ray.actor.exit_actor()


_ACTOR: Any = ray.remote(_Driver)


def drive(drivers: Drivers, job: str) -> None:
    """Work on a job until it has ended, somebody wants it to, or something passing is in the way.

    One that came up late, when there is a keeper of a newer build, leaves the job to the driver that this one starts.
    """
    folder = JobFolder(drivers.folder_url)
    if folder.has_newer(drivers.build):
        return
    with contextlib.suppress(NoSuchJob, LeaseHeld, KeyboardInterrupt), terminated_as_interrupted(), folder.lease(job):
        ask = folder.ask(job)
        if folder.is_open(job) and not folder.is_cancelled(job):
            with _interrupted_if(lambda: folder.is_cancelled(job)):
                _Work(folder, ask).run(batch_settings(drivers, folder, ask))


def batch_settings(drivers: Drivers, folder: JobFolder, ask: Ask) -> Settings:
    """The batch job's settings for a job: the service's own model and texts, and the job's media."""
    jobs = drivers.settings.jobs
    base = drivers.settings.job(drivers.model)
    share = jobs.share if share_nodes(jobs.nodes, drivers.settings.nodes) else 1.0
    return base.model_copy(
        update={
            "inputs": (folder.list_url(ask.id),),
            "out": folder.work(ask.id).url,
            "source": ask.source,
            "targets": ask.targets,
            "formats": ask.formats,
            "nodes": jobs.nodes,
            "share": share / jobs.running,
            "media": base.media.model_copy(update={"urls": jobs.rules if ask.urls else None}),
        }
    )


@contextlib.contextmanager
def _interrupted_if(wanted: Callable[[], bool]) -> Iterator[None]:
    """Ends what happens inside as Ctrl-C would, once somebody wants it."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_S):
            with contextlib.suppress(OSError):  # a store that is away tells nothing
                if wanted():
                    os.kill(os.getpid(), signal.SIGTERM)
                    return

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield
    finally:
        over.set()


class _Work:
    """One driver's work on a job; a :class:`cluster.feedback.Feedback` that keeps the job's status."""

    def __init__(self, folder: JobFolder, ask: Ask) -> None:
        self.folder, self.job = folder, ask.id
        self.before = folder.status(ask.id)
        self.began = self.written = time.time()
        self.figures: dict[str, float] = {}

    def run(self, settings: Settings) -> None:
        started = self.before.started_at or self.began
        tries = self.before.tries + 1
        self.before = self.before.model_copy(
            update={"state": "in_progress", "started_at": started, "tried_at": self.began, "tries": tries}
        )
        self.folder.write_status(self.job, self.before)
        try:
            summary = run_job(settings, self)
        except UnsupportedPair:
            self.folder.end(self.job, self.status().model_copy(update={"state": "failed", "code": "language"}))
            return
        except OSError:
            # A cluster without nodes for it, a store that is away: what comes back is waited for, however long.
            patient = self.status().model_copy(update={"tries": min(tries, MOST_TRIES - 1)})
            self.folder.write_status(self.job, patient)
            raise
        if not summary.interrupted:
            self.folder.end(self.job, self._ended(summary))

    def status(self) -> Status:
        """Now, by the newest figures."""
        figures, before = self.figures, self.before
        skipped = int(figures.get("shards_skipped", 0))
        done = int(figures.get("shards_done", 0))
        told = {
            "media_total": figures.get("media_total", figures.get("media_found")),
            "media_done": figures.get("media_done"),
            "shards_total": skipped + figures["shards_total"] if "shards_total" in figures else None,
            "shards_done": skipped + done if figures else None,
            "errors": figures.get("errors"),
            "needs_review": figures.get("needs_review"),
        }
        known = {name: int(value) for name, value in told.items() if value is not None}
        return before.model_copy(
            update={
                **known,
                "audio_s": before.audio_s + figures.get("audio_s", 0.0),
                "seconds": before.seconds + time.time() - self.began,
                "tries": 1 if done else before.tries,
            }
        )

    def _ended(self, summary: RunSummary) -> Status:
        problems = [Problem(medium=name, code=kind) for name, kind, _ in summary.errors]
        return self.status().model_copy(
            update={
                "state": "completed",
                "media_total": summary.media,
                "media_done": summary.media_done,
                "media_failed": summary.media_failed + summary.media_open,
                "shards_total": summary.shards,
                "shards_done": min(summary.shards, summary.shards_skipped + summary.shards_done),
                "errors": summary.error_rows,
                "needs_review": summary.needs_review,
                "problems": tuple(dict.fromkeys(problems))[:MOST_PROBLEMS],
                "demo_model": summary.demo_model,
            }
        )

    def progress(self, **figures: float) -> None:
        self.figures |= figures
        if time.time() - self.written >= _LOOK_S:
            self.written = time.time()
            with contextlib.suppress(OSError):  # the next one may reach the store
                self.folder.write_status(self.job, self.status())

    def info(self, message: str) -> None:
        log.info("%s: %s", self.job, message)

    def warning(self, message: str) -> None:
        log.warning("%s: %s", self.job, message)

    def error(self, message: str) -> None:
        log.error("%s: %s", self.job, message)
