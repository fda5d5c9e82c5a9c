"""Who sees to it that jobs are driven: starts drivers in order, again where one died, and ends what is to end.

One keeper works on a folder at a time, whoever holds its lease: each ingress replica of each service on the folder has
one, and the next takes over when it dies. It starts drivers by the settings that its ingress was built with. So while
there is one of a newer build, those of older ones step aside: an ingress that a rollout replaces lives until its last
request has ended. Everything is read from the folder anew, so a keeper that starts knows as much as the one before it.
It knows no Ray: ``drivers`` is told what to start, and asked what lives.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import Protocol

from pipelines.ledger.lease import LeaseHeld
from ray_apps.serving.jobs.folder import JobFolder
from ray_apps.serving.jobs.records import MOST_TRIES, State
from ray_apps.serving.settings import JobSettings

log = logging.getLogger("ray.serve")

LOOK_S = 2.0
_LONGEST_PAUSE_S = 300.0


class Starts(Protocol):
    """What has drivers."""

    def start(self, job: str) -> None: ...
    def lives(self, job: str) -> bool: ...
    def stop(self, job: str) -> None: ...


class Keeper:
    """Of one process; ``run`` in a thread of its own."""

    def __init__(self, folder: JobFolder, limits: JobSettings, drivers: Starts, build: int) -> None:
        """``build`` is the number of the build that ``limits`` and ``drivers`` are of."""
        self.folder, self.limits, self.drivers, self.build = folder, limits, drivers, build
        self._started: set[str] = set()

    def run(self) -> None:
        """For ever."""
        while True:
            try:
                with self.folder.build_lease(self.build) as ours:
                    while True:
                        ours.check()
                        self.keep()
                        time.sleep(LOOK_S)
            except LeaseHeld:
                pass  # another one of this build is there
            except Exception:
                log.exception("jobs are not looked after just now")
            time.sleep(LOOK_S)

    def start(self) -> None:
        threading.Thread(target=self.run, name="voxtral-keeper", daemon=True).start()

    def keep(self) -> None:
        """Look after the jobs until another one does, or one of a newer build is there to."""
        with contextlib.suppress(LeaseHeld), self.folder.lease("keeper") as lease:
            while not self.folder.has_newer(self.build):
                lease.check()
                self.look()
                time.sleep(LOOK_S)

    def look(self) -> None:
        """Do what is to be done now."""
        self.folder.tidy()
        waiting: list[str] = []
        at_work = 0
        for job in self.folder.ids():
            if not self.folder.is_open(job):
                self._remove_old(job)
            elif self.folder.lease(job).is_held():
                at_work += 1
            elif self.folder.is_cancelled(job) and self.drivers.lives(job):
                self.drivers.stop(job)  # it comes up in vain, or goes: its last workers go with it
            elif self.folder.is_cancelled(job):
                self._end(job, "cancelled")
            elif self.drivers.lives(job):
                at_work += 1
                if job not in self._started:  # by another keeper, who may have died before its word went out
                    self._start(job)
            elif self.folder.status(job).tries >= MOST_TRIES:
                self._end(job, "failed", "gave_up")
            else:
                waiting.append(job)
        for job in waiting[: max(0, self.limits.running - at_work)]:
            status = self.folder.status(job)
            if time.time() >= status.tried_at + _pause_s(status.tries):
                self._start(job)

    def _start(self, job: str) -> None:
        self.drivers.start(job)
        self._started.add(job)

    def _end(self, job: str, state: State, code: str = "") -> None:
        self.folder.end(job, self.folder.status(job).model_copy(update={"state": state, "code": code}))

    def _remove_old(self, job: str) -> None:
        ended_at = self.folder.status(job).ended_at or time.time()
        if time.time() - ended_at > self.limits.keep_days * 24 * 3600:
            self.folder.remove(job)


def _pause_s(tries: int) -> float:
    """None before the second try: a driver that was killed is missed."""
    return min(_LONGEST_PAUSE_S, 5.0 * 2 ** (tries - 1)) if tries > 1 else 0.0
