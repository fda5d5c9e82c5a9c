from __future__ import annotations

import contextlib
import errno
import os
import pickle
import posixpath
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.archive import storage
from pipelines.archive.storage import Store, StoreError


@pytest.fixture(params=["local", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "local":
        return Store(str(tmp_path / "out"))
    if request.param == "memory":
        return Store(f"memory://{uuid.uuid4().hex}/out")
    return Store(request.getfixturevalue("s3_url") + "/out")


def test_what_is_written_is_read_listed_measured_and_deleted(store: Store) -> None:
    assert store.list() == []
    assert store.list("a") == []
    assert not store.exists("a/b.txt")
    store.write_bytes("a/b.txt", b"one")
    store.write_bytes("a/b.txt", b"twice")
    store.write_bytes("a/deep/ç 🎬.bin", b"")
    store.write_bytes("ab", b"x")
    assert store.read_bytes("a/b.txt") == b"twice"
    assert store.size("a/b.txt") == 5
    assert store.size("a/deep/ç 🎬.bin") == 0
    assert store.exists("a/b.txt")
    assert not store.exists("a")
    assert store.list() == ["a/b.txt", "a/deep/ç 🎬.bin", "ab"]
    assert store.list("a") == store.list("a/") == ["a/b.txt", "a/deep/ç 🎬.bin"]
    store.delete("a/b.txt")
    store.delete("a/b.txt")
    assert store.list("a") == ["a/deep/ç 🎬.bin"]


def test_a_missing_file_is_file_not_found(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.read_bytes("nothing")
    with pytest.raises(FileNotFoundError):
        store.size("nothing")


def test_create_happens_once(store: Store) -> None:
    assert store.create("claims/x", b"first")
    assert not store.create("claims/x", b"second")
    assert store.read_bytes("claims/x") == b"first"


def test_of_many_creators_at_once_one_is_told_so(store: Store) -> None:
    for name in ("p", "q"):
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(lambda n, name=name: store.create(name, b"%d" % n), range(8)))
        assert won.count(True) == 1
        assert store.read_bytes(name) == b"%d" % won.index(True)


def test_a_store_without_conditional_put_still_creates(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_has_conditional_put", lambda fs: False)
    assert store.create("x", b"1")
    assert not store.create("x", b"2")
    assert store.read_bytes("x") == b"1"


def test_a_listing_is_never_old(store: Store) -> None:
    other = Store(store.url)
    assert store.list() == []
    other.write_bytes("new", b"1")
    assert store.list() == ["new"]
    assert store.exists("new")
    other.delete("new")
    assert store.list() == []
    assert not store.exists("new")


def test_a_pickled_store_is_the_same_folder(store: Store) -> None:
    store.write_bytes("x", b"1")
    copy = pickle.loads(pickle.dumps(store))
    assert copy == store
    assert copy.read_bytes("x") == b"1"


@pytest.mark.parametrize("path", ["", "..", "../x", "a/../../x", "a/./b", "/etc/passwd", "a//b", "a/", "x\0y"])
def test_no_path_leaves_the_folder(store: Store, path: str) -> None:
    for call in (store.exists, store.read_bytes, store.size, store.delete, store.url_of):
        with pytest.raises(ValueError, match="relative path"):
            call(path)
    with pytest.raises(ValueError, match="relative path"):
        store.write_bytes(path, b"")
    with pytest.raises(ValueError, match="relative path"):
        store.create(path, b"")


@given(st.text(max_size=12) | st.text("ab./", max_size=8))
def test_whatever_path_is_accepted_stays_below_the_folder(path: str) -> None:
    with contextlib.suppress(ValueError):
        place = posixpath.normpath(Store("/out").url_of(path))
        assert place.startswith("/out/")
        assert len(place) == len("/out/") + len(path)


def test_no_listing_leaves_the_folder(store: Store) -> None:
    with pytest.raises(ValueError, match="relative path"):
        store.list("../")


def test_local_addresses_become_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Store("out/").url == Store("~/out").url == Store(f"file://{tmp_path}/out").url == f"{tmp_path}/out"
    assert Store("out").url_of("a/b") == f"{tmp_path}/out/a/b"
    odd = Store("o::ut%20 #1")
    odd.write_bytes("x", b"1")
    assert (tmp_path / "o::ut%20 #1" / "x").read_bytes() == b"1"
    with pytest.raises(ValueError, match="empty"):
        Store("")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(str(tmp_path))
    store.write_bytes("x", b"old")

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for write in (store.write_bytes, store.create):
        with pytest.raises(StoreError, match=r"No space left.*Free some space") as caught:
            write("y", b"new")
        assert caught.value.errno == errno.ENOSPC
        assert str(tmp_path) in str(caught.value)
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    with pytest.raises(StoreError):
        store.write_bytes("x", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert store.read_bytes("x") == b"old"


def test_without_hard_links_create_is_still_exclusive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: str, target: str) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    store = Store(str(tmp_path))
    assert store.create("x", b"1")
    assert not store.create("x", b"2")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert store.read_bytes("x") == b"1"


def test_what_a_killed_writer_left_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / f".0123{storage.TEMPORARY}").write_bytes(b"half")
    assert Store(str(tmp_path)).list() == []


def test_output_files_follow_the_umask(tmp_path: Path) -> None:
    Store(str(tmp_path)).write_bytes("x", b"1")
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_folder_that_is_a_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="is a file"):
        Store(str(tmp_path / "file")).write_bytes("x", b"1")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("below", ["", "inner"])
def test_a_folder_that_cannot_be_listed_is_no_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, below: str
) -> None:
    store = Store(str(tmp_path))
    store.write_bytes("inner/x", b"1")
    real = os.scandir

    def refusing(path: str) -> object:
        if path == str(tmp_path / below):
            raise OSError(number, os.strerror(number), path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(StoreError, match=f"Cannot list .*{os.strerror(number)}") as caught:
        store.list()
    assert caught.value.errno == number
    assert Store(str(tmp_path / "nothing")).list() == []


def test_a_missing_bucket_and_an_unknown_store_are_explained(s3_endpoint: str) -> None:
    with pytest.raises(StoreError, match="s3://no-such-bucket-here/x"):
        Store("s3://no-such-bucket-here").write_bytes("x", b"1")
    with pytest.raises(StoreError, match="nostore://"):
        Store("nostore://x").read_bytes("y")
