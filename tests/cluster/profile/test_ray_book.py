"""The book as an actor: it may die, and what its workers told of stays."""

from __future__ import annotations

import itertools

import pytest
import ray
from ray._common.test_utils import wait_for_condition
from ray.exceptions import RayError

from cluster.profile import ray_book
from cluster.profile.book import Snapshot
from cluster.profile.ray_book import NAMESPACE, Keeper, NoBook, books, read_book
from cluster.profile.view import view
from ray_apps import profiled
from tests.cluster.profile.hand_overs import hand_over

pytestmark = pytest.mark.usefixtures("local_ray")
numbers = itertools.count()


@pytest.fixture
def saved(monkeypatch) -> list[Snapshot]:
    monkeypatch.setattr(ray_book, "_PULL_S", 0.1)
    monkeypatch.setattr(ray_book, "_REST", 1)
    return []


@pytest.fixture
def keeper(saved):
    keeper = Keeper(f"test-{next(numbers)}", saved.append)
    yield keeper
    keeper.close(patience_s=0.0)


@ray.remote(num_cpus=0)
class FakeWorker:
    """Does a piece of work that costs nothing and says that it took a second."""

    def work(self, book: str, subject: str) -> None:
        with profiled.stage(book, "translate", subject) as costs:
            costs.seconds = {"engine": 1.0}


def told(name: str) -> float:
    """Seconds of work that the book knows of; none while it is being started again."""
    try:
        return sum(line.total_s for line in view(read_book(name)).operations)
    except NoBook:
        return 0.0


def spans(snapshot: Snapshot) -> list[str]:
    return [span.subject for worker in snapshot.workers for span in worker.spans]


def identity(name: str) -> str | None:
    """Which book it is that has this name now; None while there is none."""
    try:
        return ray.get(ray.get_actor(name, NAMESPACE).hand_over.remote(hand_over("onlooker", [])), timeout=10).book
    except (ValueError, RayError):
        return None


def kill(name: str, for_good: bool) -> None:
    """Kill the book, and wait for the next one of its name."""
    before = identity(name)
    ray.kill(ray.get_actor(name, NAMESPACE), no_restart=for_good)
    wait_for_condition(lambda: identity(name) not in (None, before))


@pytest.mark.parametrize("for_good", [False, True])
def test_what_a_dead_worker_said_outlives_the_book_too(keeper, saved, for_good):
    ray.get(ray.get_actor(keeper.name, NAMESPACE).hand_over.remote(hand_over("dead", [2.0, 3.0])))
    wait_for_condition(lambda: saved and saved[-1].workers)
    kill(keeper.name, for_good)
    wait_for_condition(lambda: told(keeper.name) == 5.0)
    keeper.close()
    assert keeper.name not in books()
    assert view(saved[-1]).total_s == 5.0
    assert spans(saved[-1]) == ["m/00000", "m/00001"]


def test_a_worker_hands_over_as_it_ends_its_work_and_its_death_takes_nothing_along(keeper, saved):
    worker = FakeWorker.remote()
    ray.get(worker.work.remote(keeper.name, "m/00000"))
    wait_for_condition(lambda: told(keeper.name) == 1.0)
    ray.kill(worker)
    other = FakeWorker.remote()
    ray.get(other.work.remote(keeper.name, "m/00001"))
    wait_for_condition(lambda: told(keeper.name) == 2.0)
    for _ in range(2):
        keeper.finished({"engine": 1.0})
    keeper.close()
    profile = view(saved[-1])
    assert (profile.total_s, len(profile.actors), profile.parts["engine"].never_told_s) == (2.0, 2, 0.0)


def test_a_book_that_lost_all_is_filled_by_its_workers(saved):
    name = f"test-{next(numbers)}"
    book = ray_book.open_book(name)  # nobody keeps a copy
    worker = FakeWorker.remote()
    for subject in ("m/00000", "m/00001", "m/00002"):
        ray.get(worker.work.remote(name, subject))
    wait_for_condition(lambda: told(name) == 3.0)
    kill(name, for_good=False)
    wait_for_condition(lambda: told(name) == 3.0 and len(spans(read_book(name))) == 3)
    ray.kill(book)


def test_work_goes_on_without_a_book():
    worker = FakeWorker.remote()
    ray.get(worker.work.remote("no such book", "m/00000"), timeout=30)


def test_a_book_that_is_not_there_is_said():
    with pytest.raises(NoBook, match="may have ended"):
        read_book("no such book")
