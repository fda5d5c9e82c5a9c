"""A store that fails in passing is asked again; one that says no is believed at once."""

from __future__ import annotations

import errno
import uuid

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from pipelines.archive import patience
from pipelines.archive.patience import patiently
from pipelines.archive.storage import Store, StoreError

LOST = ConnectionResetError(errno.ECONNRESET, "connection reset")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSES_S", (0.0,) * 4)


class FakeFailure:
    """A call of a file system that fails the first ``times``, before or after what it does."""

    def __init__(self, call, error: OSError, times: int, *, after: bool = False) -> None:
        self.call, self.error, self.times, self.after = call, error, times, after
        self.calls = 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        failing = self.calls <= self.times
        if failing and not self.after:
            raise self.error
        result = self.call(*args, **kwargs)
        if failing:
            raise self.error
        return result


@pytest.mark.parametrize(
    "error",
    [
        LOST,
        TimeoutError("timed out"),
        OSError(errno.EBUSY, "slow down"),
        OSError(errno.EIO, "internal error"),
    ],
)
def test_what_fails_in_passing_is_done_in_the_end(error):
    call = FakeFailure(lambda: "done", error, times=4)
    assert patiently(call) == "done"
    assert call.calls == 5


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("gone"),
        PermissionError("no"),
        OSError(errno.ENOSPC, "full"),
        OSError(errno.EROFS, "read-only"),
    ],
)
def test_a_plain_no_is_believed_at_once(error):
    call = FakeFailure(lambda: "done", error, times=1)
    with pytest.raises(OSError, match=str(error.args[-1])):
        patiently(call)
    assert call.calls == 1


def test_patience_ends():
    with pytest.raises(ConnectionResetError):
        patiently(FakeFailure(lambda: "done", LOST, times=5))


def fail(monkeypatch: pytest.MonkeyPatch, name: str, times: int, *, after: bool) -> None:
    """The next calls of the memory store's ``name`` lose their connection."""
    failure = FakeFailure(getattr(MemoryFileSystem, name), LOST, times, after=after)
    monkeypatch.setattr(MemoryFileSystem, name, lambda self, *args, **kwargs: failure(self, *args, **kwargs))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", ["pipe_file", "cat_file", "find", "rm_file", "info"])
def test_a_folder_is_used_over_a_flaky_line(name, after, monkeypatch):
    store = Store(f"memory://{uuid.uuid4().hex}")
    store.write_bytes("old", b"0")
    fail(monkeypatch, name, 3, after=after)
    store.write_bytes("new", b"1")
    assert store.read_bytes("new") == b"1"
    assert store.exists("old")
    store.delete("old")
    assert store.list() == ["new"]


def test_who_created_a_file_and_was_not_told_is_told_when_asking_again(monkeypatch):
    store = Store(f"memory://{uuid.uuid4().hex}")
    fail(monkeypatch, "pipe_file", 1, after=True)
    assert store.create("claim", b"mine")
    assert store.read_bytes("claim") == b"mine"
    assert not store.create("claim", b"mine")


def test_a_file_that_another_created_meanwhile_is_theirs(monkeypatch):
    store = Store(f"memory://{uuid.uuid4().hex}")
    pipe = MemoryFileSystem.pipe_file

    def fake_lost_race(self, path, value, *args, **kwargs):
        pipe(self, path, b"theirs")
        raise LOST

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", fake_lost_race)
    assert not store.create("claim", b"mine")


def test_a_store_that_stays_away_is_an_error_that_says_where(monkeypatch):
    store = Store(f"memory://{uuid.uuid4().hex}")
    fail(monkeypatch, "pipe_file", 10**6, after=False)
    with pytest.raises(StoreError, match="memory://"):
        store.write_bytes("x", b"")
