"""Jobs are begun in their order, begun again where a driver died, and ended; whoever keeps them knows it all anew."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelines.archive.storage import Store, StoreError
from pipelines.ledger.lease import Lease
from pipelines.ledger.output_names import OutputNames
from pipelines.ledger.parts import PartStore
from pipelines.ledger.runs import save_run
from pipelines.records import Medium, Part
from pipelines.settings import CueSettings
from ray_apps.serving.jobs import keeper
from ray_apps.serving.jobs.folder import JobFolder
from ray_apps.serving.jobs.keeper import Keeper
from ray_apps.serving.jobs.records import MOST_TRIES, Ask, Status, new_id
from ray_apps.serving.settings import JobSettings


class FakeDrivers:
    """Drivers that do nothing but hold their job's lease, until they die; ``deaf`` ones do not hear the first time."""

    def __init__(self, folder: JobFolder, *, deaf: bool = False) -> None:
        self.folder, self.deaf = folder, deaf
        self.alive: dict[str, Lease | None] = {}
        self.started: list[str] = []

    def start(self, job: str) -> None:
        if job not in self.alive:
            self.alive[job] = None
            self.started.append(job)
            if self.deaf:
                return
        self.alive[job] = self.folder.lease(job).__enter__()

    def lives(self, job: str) -> bool:
        return job in self.alive

    def stop(self, job: str) -> None:
        self.die(job)

    def die(self, job: str) -> None:
        if lease := self.alive.pop(job):
            lease.__exit__(None, None, None)


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> JobFolder:
    return JobFolder(str(tmp_path) if request.param == "local" else f"memory://{tmp_path}")


def added(folder: JobFolder, created_at: int = 0) -> str:
    job = new_id() if not created_at else f"job_{created_at:010x}{new_id()[14:]}"
    ask = Ask(id=job, owner="", source="tr", targets=("fr",), formats=("srt",), urls=True, media=1)
    folder.add(ask, [{"url": "https://media.example/a"}])
    return job


def keeping(folder: JobFolder, drivers: FakeDrivers, build: int = 1, **limits: float) -> Keeper:
    return Keeper(JobFolder(folder.store.url), JobSettings(folder=folder.store.url, **limits), drivers, build)


class Ended(BaseException):
    """Ends a keeper where it would sleep."""


def at_each_pause(monkeypatch: pytest.MonkeyPatch, *happens: Callable[[], object]) -> None:
    """What happens while a keeper sleeps, one after the other; then it ends."""
    coming = iter(happens)

    def pause(_seconds: float) -> None:
        next(coming, ended)()

    def ended() -> None:
        raise Ended

    # Not time.sleep itself: other threads of this process sleep too.
    monkeypatch.setattr(keeper, "time", SimpleNamespace(sleep=pause, time=time.time))


def test_the_oldest_come_first_and_so_many_at_a_time(folder):
    jobs = [added(folder, at) for at in (300, 100, 200)]
    drivers = FakeDrivers(folder)
    keeping(folder, drivers, running=2).look()
    assert drivers.started == [jobs[1], jobs[2]]
    keeping(folder, drivers, running=2).look()
    assert len(drivers.started) == 2
    drivers.die(jobs[1])
    folder.end(jobs[1], Status(state="completed"))
    keeping(folder, drivers, running=2).look()
    assert drivers.started == [jobs[1], jobs[2], jobs[0]]


def test_a_job_whose_driver_died_is_begun_again_before_younger_ones(folder):
    jobs = [added(folder, at) for at in (100, 200)]
    drivers = FakeDrivers(folder)
    keeper = keeping(folder, drivers)
    keeper.look()
    folder.write_status(jobs[0], Status(state="in_progress", tries=1, tried_at=time.time()))
    drivers.die(jobs[0])
    keeper.look()
    assert drivers.started == [jobs[0], jobs[0]]


def test_a_driver_that_comes_up_is_told_again_what_to_do(folder):
    """Whoever started it may have died before its word was out; and it counts as one at work."""
    jobs, drivers = [added(folder, at) for at in (100, 200)], FakeDrivers(folder, deaf=True)
    keeping(folder, drivers).look()
    assert not folder.lease(jobs[0]).is_held()
    keeping(folder, drivers).look()
    assert folder.lease(jobs[0]).is_held()
    assert drivers.started == [jobs[0]]
    drivers.die(jobs[0])


def test_a_driver_that_never_came_up_does_not_keep_a_cancelled_job(folder):
    job, drivers = added(folder), FakeDrivers(folder, deaf=True)
    keeper = keeping(folder, drivers)
    keeper.look()
    folder.cancel(job)
    keeper.look()
    keeper.look()
    assert (drivers.alive, folder.state(job)) == ({}, "cancelled")


def test_one_that_dies_again_and_again_is_given_up_after_longer_and_longer_pauses(folder):
    job, drivers = added(folder), FakeDrivers(folder)
    for tries in range(2, MOST_TRIES):
        folder.write_status(job, Status(state="in_progress", tries=tries, tried_at=time.time()))
        keeping(folder, drivers).look()
    assert drivers.started == []
    folder.write_status(job, Status(state="in_progress", tries=MOST_TRIES - 1, tried_at=time.time() - 300))
    keeping(folder, drivers).look()
    assert drivers.started == [job]
    drivers.die(job)
    folder.write_status(job, Status(state="in_progress", tries=MOST_TRIES, tried_at=time.time()))
    keeping(folder, drivers).look()
    status = JobFolder(folder.store.url).status(job)
    assert (status.state, status.code) == ("failed", "gave_up")


def test_a_job_that_another_service_drives_is_left_to_it(folder):
    job, drivers = added(folder), FakeDrivers(folder)
    with folder.lease(job):
        keeping(folder, drivers).look()
        folder.cancel(job)
        keeping(folder, drivers).look()
        assert folder.state(job) == "cancelling"
    assert drivers.started == []
    keeping(folder, drivers).look()
    assert folder.state(job) == "cancelled"


def test_a_cancelled_job_ends_when_its_driver_has_and_keeps_nothing_half_done(folder):
    job, drivers = added(folder), FakeDrivers(folder)
    keeper = keeping(folder, drivers)
    keeper.look()
    work = folder.work(job)
    for path in ("a.fr.srt", "_voxtral/parts/f/m/00000.json"):
        work.write_bytes(path, b"half")
    left = Path(work.url) / ".deadbeef.voxtral-tmp"
    if work.local:
        left.write_bytes(b"half")
    folder.cancel(job)
    keeper.look()
    assert folder.state(job) == "cancelling"
    drivers.die(job)
    keeper.look()
    assert (folder.state(job), folder.results(job), work.list()) == ("cancelled", (), [])
    assert not left.exists()
    assert folder.store.list("lists") == []


def test_what_is_finished_of_a_cancelled_job_stays_and_the_rest_goes(folder):
    job = added(folder)
    work = folder.work(job)
    film, talk = (
        Medium(id=name, url=f"/{name}", name=f"{name}.mp4", size=1, version="", duration_s=9.0)
        for name in ("film", "talk")
    )
    cues = CueSettings(formats=("srt",))
    run = save_run(work, "f" * 16, {}, [film, talk], {"film": 1, "talk": 1}, targets=["fr"], cue_settings=cues)
    for medium in (film, talk):
        OutputNames(work, run.media).claim(medium, run.fingerprint, "fr", ["srt"])
        work.write_bytes(f"{medium.id}.fr.srt", b"1\n")
    part = Part(shard="film/00000", medium_id="film", index=0, fingerprint="f" * 16, source="tr", demo_model=False)
    PartStore(work, run.fingerprint).compact("film", [part])
    folder.cancel(job)
    keeping(folder, FakeDrivers(folder)).look()
    assert [file.path for file in folder.results(job)] == work.list() == ["film.fr.srt"]


def test_old_jobs_go_with_their_files(folder):
    job, drivers = added(folder), FakeDrivers(folder)
    folder.work(job).write_bytes("a.fr.srt", b"x")
    folder.end(job, Status(state="completed"))
    keeping(folder, drivers, keep_days=1).look()
    assert folder.ids() == [job]
    old = folder.status(job).model_copy(update={"ended_at": time.time() - 2 * 24 * 3600})
    folder.write_status(job, old)
    keeping(folder, drivers, keep_days=1).look()
    assert folder.store.list() == []


def test_what_a_kill_left_of_adding_or_removing_is_taken_away(folder):
    drivers = FakeDrivers(folder)
    going, adding, old = new_id(), new_id(), f"job_{100:010x}{'a' * 32}"
    for job, word in ((going, b"going"), (adding, b"adding"), (old, b"adding")):
        folder.store.write_bytes(f"loose/{job}", word)
        folder.store.write_bytes(f"media/{job}/1", b"film")
    keeping(folder, drivers).look()
    assert folder.store.list() == [f"loose/{adding}", f"media/{adding}/1"]


def test_one_keeper_at_a_time(folder, monkeypatch):
    """The second waits for the lease, and starts nothing before it has it."""
    drivers = FakeDrivers(folder)
    added(folder)
    at_each_pause(monkeypatch)
    for name in ("keeper", "keeper-1"):  # of another build, and of another replica of this one
        with folder.lease(name), pytest.raises(Ended):
            keeping(folder, drivers).run()
        assert drivers.started == []
    with pytest.raises(Ended):
        keeping(folder, drivers).run()
    assert len(drivers.started) == 1


def test_a_keeper_of_an_older_build_steps_aside_while_there_is_one_of_a_newer(folder, monkeypatch):
    """As after a rollout, when the old ingress ends its requests yet; if the new one dies, the old one goes on."""
    old, new = FakeDrivers(folder), FakeDrivers(folder)
    first, second = folder.new_build(), folder.new_build()
    newer = folder.build_lease(second)

    def rolled_out() -> None:
        newer.__enter__()
        added(folder)

    def the_new_one_keeps() -> None:
        assert (old.started, folder.lease("keeper").is_held()) == ([], False)
        with folder.lease("keeper"):
            keeping(folder, new, second).look()
        assert len(new.started) == 1

    def the_new_one_dies() -> None:
        new.die(new.started[0])
        newer.__exit__(None, None, None)

    at_each_pause(monkeypatch, rolled_out, the_new_one_keeps, the_new_one_dies)
    with pytest.raises(Ended):
        keeping(folder, old, first).run()
    assert old.started == new.started


def test_a_keeper_that_waits_says_that_it_is_there(folder, monkeypatch):
    """What makes one of an older build step aside; and one of the older builds does not keep the newer waiting."""
    drivers, seen = FakeDrivers(folder), []
    first, second = folder.new_build(), folder.new_build()
    older = folder.lease("keeper")
    older.__enter__()
    added(folder)

    def steps_aside() -> None:
        seen.extend([folder.has_newer(first), folder.has_newer(second), list(drivers.started)])
        older.__exit__(None, None, None)

    at_each_pause(monkeypatch, steps_aside)
    with folder.build_lease(first), pytest.raises(Ended):
        keeping(folder, drivers, second).run()
    assert seen == [True, False, []]
    assert len(drivers.started) == 1


def test_a_folder_that_is_away_for_a_moment_starts_nothing_by_old_settings(folder, monkeypatch):
    drivers = FakeDrivers(folder)
    first, second = folder.new_build(), folder.new_build()
    added(folder)

    listed = Store.list

    def away(store: Store, where: str = "") -> list[str]:
        if where == "_voxtral/lease":
            raise StoreError("the store is away")
        return listed(store, where)

    with monkeypatch.context() as broken, folder.build_lease(second):
        broken.setattr(Store, "list", away)
        at_each_pause(broken)
        with pytest.raises(Ended):
            keeping(folder, drivers, first).run()
    assert drivers.started == []
    at_each_pause(monkeypatch)
    with pytest.raises(Ended):
        keeping(folder, drivers, first).run()
    assert len(drivers.started) == 1


def test_a_build_is_newer_than_all_before_it_whatever_the_clock_says(folder, monkeypatch):
    """An older configuration that is deployed again, too: it is built anew."""
    numbers = [folder.new_build()]
    monkeypatch.setattr(time, "time", lambda: 0.0)
    numbers += [JobFolder(folder.store.url).new_build() for _ in range(2)]
    assert numbers == [1, 2, 3]
    assert folder.store.list("builds") == ["builds/3"]


def test_builds_at_the_same_moment_get_numbers_of_their_own(folder, monkeypatch):
    """All have looked before one of them writes."""
    folder.new_build()
    monkeypatch.setattr(Store, "list", lambda _store, where="": ["builds/1"] if where == "builds" else [])
    assert [folder.new_build() for _ in range(3)] == [2, 3, 4]


def test_a_build_takes_away_what_dead_ones_left_and_nothing_of_those_that_live(folder):
    dead, living = folder.new_build(), folder.new_build()
    path = f"_voxtral/lease/keeper-{dead}.json"
    with folder.build_lease(dead):
        left = folder.store.read_bytes(path)
    folder.store.write_bytes(path, left.replace(f'"pid":{os.getpid()}'.encode(), b'"pid":4194305'))
    with folder.build_lease(living):
        folder.new_build()
        assert folder.store.list("_voxtral/lease") == [f"_voxtral/lease/keeper-{living}.json"]


def test_uploads_are_kept_whole_until_the_job_ends(folder, tmp_path):
    (tmp_path / "spooled").write_bytes(b"film")
    ask = Ask(id=new_id(), owner="", source=None, targets=("fr",), formats=("srt",), urls=False, media=1)
    folder.add(ask, [], [tmp_path / "spooled"])
    assert (folder.ask(ask.id), folder.store.read_bytes(f"media/{ask.id}/1")) == (ask, b"film")
    assert folder.store.list("loose") == []
    folder.end(ask.id, Status(state="completed"))
    assert [folder.store.list(where) for where in ("media", "lists")] == [[], []]
    folder.remove(ask.id)
    assert [path for path in folder.store.list() if ask.id in path] == []
