"""The folder that remembers jobs: whatever process dies, what is known of a job is here.

    jobs/<id>.json          what was asked for; written last, with it the job is there
    status/<id>.json        how far it is, written by whoever drives it
    cancelled/<id>          somebody wants it to end
    media/<id>/1, 2, ...    uploads, and lists/<id>.jsonl, the list of media; until the job has ended
    work/<id>/              output folder of the batch job
    results/<id>.json       the files of a job that has ended
    loose/<id>              files of this id belong to no job: one that is being added, or taken away
    builds/<number>         the newest configuration that a service was built from
    _voxtral/lease/         who drives which job, who starts drivers, and which builds somebody is there of

It knows any store that fsspec reaches, and nothing of Ray or HTTP.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipelines.archive.storage import TEMPORARY, Store
from pipelines.ledger.finished_files import FinishedFile, finished_files
from pipelines.ledger.lease import Lease
from pipelines.ledger.parts import ROOT
from ray_apps.serving.jobs.records import ENDED, Ask, State, Status, is_id

_FILES = TypeAdapter(tuple[FinishedFile, ...])
_ADDING_S = 24 * 3600.0
"""After so long what was being added is not added any more."""
_GOING = b"going"
_LEASES = f"{ROOT}/lease"
_OF_BUILD = "keeper-"
"""Begins the names of the leases of builds."""


class NoSuchJob(KeyError):
    """There is no such job, or not any more."""


class JobFolder:
    """The jobs of a folder, local or any fsspec URL."""

    def __init__(self, url: str) -> None:
        self.store = Store(url)
        self._ended: dict[str, Status] = {}
        """Of jobs that have ended nothing changes any more."""
        self._owners: dict[str, str] = {}

    def ids(self) -> list[str]:
        """All jobs, oldest first."""
        names = (path.removeprefix("jobs/").removesuffix(".json") for path in self.store.list("jobs"))
        return sorted(name for name in names if is_id(name))

    def ask(self, job: str) -> Ask:
        """Raises NoSuchJob."""
        if not is_id(job):
            raise NoSuchJob(job)
        try:
            return Ask.model_validate_json(self.store.read_bytes(f"jobs/{job}.json"))
        except (FileNotFoundError, ValidationError) as error:
            raise NoSuchJob(job) from error

    def owner(self, job: str) -> str | None:
        """Name of the key that asked for it; None if it is gone."""
        if job not in self._owners:
            try:
                self._owners[job] = self.ask(job).owner
            except NoSuchJob:
                return None
        return self._owners[job]

    def add(self, ask: Ask, rows: Sequence[dict[str, object]], files: Sequence[Path] = ()) -> None:
        """A job, whole or not at all: of the list's rows with addresses, and of files of this machine."""
        self.store.write_bytes(f"loose/{ask.id}", b"adding")
        try:
            uploads = [self._taken_in(file, f"media/{ask.id}/{number}") for number, file in enumerate(files, start=1)]
            lines = "".join(json.dumps(row) + "\n" for row in [*rows, *uploads])
            self.store.write_bytes(self._list(ask.id), lines.encode())
            self.store.write_bytes(f"jobs/{ask.id}.json", ask.model_dump_json().encode())
        except BaseException:
            self._forget(ask.id)
            raise
        self.store.delete(f"loose/{ask.id}")

    def _taken_in(self, file: Path, path: str) -> dict[str, object]:
        """The row of a file that has been copied into the folder."""
        if self.store.local:
            with self.store.new_folder(path) as folder:
                shutil.copyfile(file, folder / file.name)
                self.store.take_in(folder / file.name, path)
        else:
            self.store.take_in(file, path)
        return {"url": self.store.url_of(path)}

    def status(self, job: str) -> Status:
        if job in self._ended:
            return self._ended[job]
        try:
            status = Status.model_validate_json(self.store.read_bytes(f"status/{job}.json"))
        except (FileNotFoundError, ValidationError):
            return Status()
        if status.state in ENDED:
            self._ended[job] = status
        return status

    def write_status(self, job: str, status: Status) -> None:
        self.store.write_bytes(f"status/{job}.json", status.model_dump_json().encode())

    def state(self, job: str) -> State:
        """What its owner is told."""
        state = self.status(job).state
        return state if state in ENDED or not self.is_cancelled(job) else "cancelling"

    def is_open(self, job: str) -> bool:
        return self.status(job).state not in ENDED

    def is_cancelled(self, job: str) -> bool:
        return self.store.exists(f"cancelled/{job}")

    def cancel(self, job: str) -> None:
        """Let it end; whoever drives it, or starts drivers, sees to that."""
        self.store.write_bytes(f"cancelled/{job}", b"")

    def end(self, job: str, status: Status) -> None:
        """Its last status. What it was made from goes; of what it made stays what is finished, and all of a job that
        was completed.
        """
        work = self.work(job)
        files = finished_files(work)
        if work.local:  # what a killed writer left is hidden, and stays out of every listing
            for left in Path(work.url).rglob(f".*{TEMPORARY}"):
                left.unlink(missing_ok=True)
        if status.state != "completed":
            kept = {file.path for file in files}
            for path in set(work.list()) - kept:
                work.delete(path)
        self.store.write_bytes(f"results/{job}.json", _FILES.dump_json(files))
        self.write_status(job, status.model_copy(update={"ended_at": time.time()}))
        self._drop(f"media/{job}")
        self.store.delete(self._list(job))

    def results(self, job: str) -> tuple[FinishedFile, ...]:
        """The files of its finished media, so far or for good."""
        if not self.is_open(job):
            return _FILES.validate_json(self.store.read_bytes(f"results/{job}.json"))
        return finished_files(self.work(job))

    def remove(self, job: str) -> None:
        """The job and all its files; it is gone at once, and whatever stops this in between, the rest goes later."""
        self.store.write_bytes(f"loose/{job}", _GOING)
        self.store.delete(f"jobs/{job}.json")
        self._forget(job)

    def tidy(self) -> None:
        """Take away what a kill left of jobs that were being added or removed."""
        for path in self.store.list("loose"):
            job = path.removeprefix("loose/")
            if not is_id(job):
                continue
            if self.store.read_bytes(path) == _GOING:
                self.remove(job)
            elif self.store.exists(f"jobs/{job}.json"):
                self.store.delete(path)
            elif int(job[4:14], 16) < time.time() - _ADDING_S:
                self._forget(job)

    def work(self, job: str) -> Store:
        """The output folder of its batch job."""
        return Store(self.store.url_of(f"work/{job}"))

    def list_url(self, job: str) -> str:
        """The list of its media."""
        return self.store.url_of(self._list(job))

    def lease(self, name: str) -> Lease:
        """Who holds it drives the job of this id; ``keeper`` starts drivers."""
        return Lease(self.store, name)

    def new_build(self) -> int:
        """A number above those of all builds before it, by no clock; of two at once each gets its own.

        Raises StoreError where the folder cannot be written.
        """
        before = self._numbers("builds", "builds/")
        number = max(before, default=0) + 1
        while not self.store.create(f"builds/{number}", b""):
            number += 1
        for old in before:
            self.store.delete(f"builds/{old}")
        for old in self._with_lease():
            if old < number and not self.build_lease(old).is_held():
                self.store.delete(f"{_LEASES}/{_OF_BUILD}{old}.json")
        return number

    def build_lease(self, build: int) -> Lease:
        """Who holds it is there to start drivers by this build's settings, if no newer build has somebody."""
        return self.lease(f"{_OF_BUILD}{build}")

    def has_newer(self, build: int) -> bool:
        """Whether somebody of a newer build is there, who is to start drivers then."""
        return any(self.build_lease(other).is_held() for other in self._with_lease() if other > build)

    def _with_lease(self) -> list[int]:
        """Builds of which somebody is there, or was."""
        return self._numbers(_LEASES, f"{_LEASES}/{_OF_BUILD}")

    def _numbers(self, where: str, begin: str) -> list[int]:
        names = (path.removeprefix(begin).removesuffix(".json") for path in self.store.list(where))
        return [int(name) for name in names if name.isdecimal()]

    def _list(self, job: str) -> str:
        return f"lists/{job}.jsonl"

    def _forget(self, job: str) -> None:
        for folder in ("media", "work"):
            self._drop(f"{folder}/{job}")
        for path in (self._list(job), f"results/{job}.json", f"status/{job}.json", f"cancelled/{job}", f"loose/{job}"):
            self.store.delete(path)
        self._ended.pop(job, None)

    def _drop(self, path: str) -> None:
        """A folder and all that is in it."""
        for name in self.store.list(path):
            self.store.delete(name)
        if self.store.local:
            shutil.rmtree(self.store.url_of(path), ignore_errors=True)
