"""What a driver makes of the ways in which a run may end; the run itself is a fake here, and real in test_serve_app."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from b200_kernels.checkpoints import UnsupportedPair
from cluster.feedback import Feedback
from pipelines.archive.storage import StoreError
from pipelines.ledger.lease import LeaseHeld
from ray_apps.serving.jobs import driver
from ray_apps.serving.jobs.driver import Drivers, batch_settings, drive
from ray_apps.serving.jobs.folder import JobFolder
from ray_apps.serving.jobs.records import MOST_TRIES, Ask, Status, new_id
from ray_apps.serving.settings import ServeSettings
from ray_apps.settings import Settings

JOBS = {"urls": ["https://media.example/"], "networks": ["10.0.0.0/8"], "running": 2, "share": 0.5}


@pytest.fixture
def drivers(tmp_path: Path) -> Drivers:
    settings = ServeSettings(jobs={"folder": str(tmp_path), **JOBS})
    return Drivers(str(tmp_path), settings, "embedded", JobFolder(str(tmp_path)).new_build())


@pytest.fixture(autouse=True)
def one_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster of a node without labels."""
    monkeypatch.setattr(driver, "share_nodes", lambda one, other: not one and not other)


def added(drivers: Drivers, *, urls: bool = True) -> Ask:
    ask = Ask(id=new_id(), owner="", source=None, targets=("fr", "en"), formats=("srt",), urls=urls, media=1)
    JobFolder(drivers.folder_url).add(ask, [{"url": "https://media.example/a"}])
    return ask


def driven(drivers: Drivers, monkeypatch: pytest.MonkeyPatch, fake_run: Callable[[Settings, Feedback], Any]) -> Status:
    """The status of a job whose run is this."""
    ask = added(drivers)
    monkeypatch.setattr(driver, "run_job", fake_run)
    drive(drivers, ask.id)
    assert not JobFolder(drivers.folder_url).lease(ask.id).is_held()
    return JobFolder(drivers.folder_url).status(ask.id)


def test_a_job_runs_with_the_services_model_its_own_media_and_its_share(drivers):
    folder = JobFolder(drivers.folder_url)
    ask = added(drivers)
    made = batch_settings(drivers, folder, ask)
    assert (made.model, made.source, made.targets, made.formats) == ("embedded", None, ("fr", "en"), ("srt",))
    assert (made.inputs, made.out) == ((folder.list_url(ask.id),), folder.work(ask.id).url)
    assert made.share == 0.25  # half of the nodes, for two at a time
    assert made.media.urls == drivers.settings.jobs.rules
    assert batch_settings(drivers, folder, added(drivers, urls=False)).media.urls is None
    apart = drivers.settings.model_copy(update={"nodes": {"pool": "serving"}})
    assert batch_settings(replace(drivers, settings=apart), folder, ask).share == 0.5


def test_a_pair_that_the_model_refuses_fails_the_job(drivers, monkeypatch):
    def fake_run(_settings: Settings, _feedback: Feedback) -> None:
        raise UnsupportedPair("this model does not translate German to French")

    status = driven(drivers, monkeypatch, fake_run)
    assert (status.state, status.code) == ("failed", "language")


def test_what_comes_back_is_waited_for_however_long(drivers, monkeypatch):
    def fake_run(_settings: Settings, _feedback: Feedback) -> None:
        raise StoreError("the store is away")

    ask = added(drivers)
    folder = JobFolder(drivers.folder_url)
    folder.write_status(ask.id, Status(state="in_progress", tries=MOST_TRIES - 1))
    monkeypatch.setattr(driver, "run_job", fake_run)
    with pytest.raises(StoreError):
        drive(drivers, ask.id)
    assert (folder.status(ask.id).state, folder.status(ask.id).tries) == ("in_progress", MOST_TRIES - 1)


def test_an_output_that_somebody_else_works_on_is_left_to_him(drivers, monkeypatch):
    def fake_run(_settings: Settings, _feedback: Feedback) -> None:
        raise LeaseHeld("another run")

    assert driven(drivers, monkeypatch, fake_run).state == "in_progress"


def test_only_who_holds_the_lease_drives(drivers, monkeypatch):
    ask = added(drivers)
    monkeypatch.setattr(driver, "run_job", lambda *_: pytest.fail("two drive it"))
    with JobFolder(drivers.folder_url).lease(ask.id):
        drive(drivers, ask.id)
    assert JobFolder(drivers.folder_url).status(ask.id) == Status()


def test_one_that_comes_up_after_a_rollout_leaves_the_job_to_the_new_settings(drivers, monkeypatch):
    """Its own may refuse an address that the new ones allow, or fetch from a host that they took away."""
    folder = JobFolder(drivers.folder_url)
    ask, ran = added(drivers), []

    def fake_run(settings: Settings, _feedback: Feedback) -> None:
        ran.append(settings.model)
        raise KeyboardInterrupt

    monkeypatch.setattr(driver, "run_job", fake_run)
    newer = replace(drivers, model="newer", build=folder.new_build())
    with folder.build_lease(newer.build):
        drive(drivers, ask.id)
        assert (ran, folder.status(ask.id)) == ([], Status())
        drive(newer, ask.id)
    drive(drivers, ask.id)  # a rollout that failed leaves the old ones at work
    assert ran == ["newer", "embedded"]


def test_a_wish_to_end_it_interrupts_the_run(drivers, monkeypatch):
    """As Ctrl-C would; the keeper ends it then."""
    monkeypatch.setattr(driver, "_LOOK_S", 0.01)
    interrupted = []

    def fake_run(settings: Settings, _feedback: Feedback) -> None:
        JobFolder(drivers.folder_url).cancel(Path(settings.out).name)
        try:
            threading.Event().wait(60)
        except KeyboardInterrupt:
            interrupted.append(settings.out)
            raise

    assert driven(drivers, monkeypatch, fake_run).state == "in_progress"
    assert len(interrupted) == 1


def test_figures_go_on_from_those_of_the_driver_before(drivers, monkeypatch):
    def fake_run(_settings: Settings, feedback: Feedback) -> None:
        feedback.progress(media_total=2, media_done=1, shards_total=3, shards_skipped=5, shards_done=2, audio_s=60.0)
        raise KeyboardInterrupt

    monkeypatch.setattr(driver, "_LOOK_S", 0.0)
    ask = added(drivers)
    folder = JobFolder(drivers.folder_url)
    before = Status(state="in_progress", started_at=1.0, tries=4, shards_done=5, audio_s=100.0, seconds=50.0)
    folder.write_status(ask.id, before)
    monkeypatch.setattr(driver, "run_job", fake_run)
    drive(drivers, ask.id)
    status = folder.status(ask.id)
    assert (status.shards_done, status.shards_total, status.media_done, status.media_total) == (7, 8, 1, 2)
    assert (status.audio_s, status.started_at, status.tries) == (160.0, 1.0, 1)
    assert status.seconds >= 50.0
