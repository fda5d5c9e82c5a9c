"""The ledger keeps what was done, survives a kill at any point, and treats damage as work to do again."""

from __future__ import annotations

import gzip
import pickle

import pytest

from pipelines.archive.storage import Store
from pipelines.ledger.parts import PartStore
from pipelines.records import Failure, Part, PartWindow, Segment, Text

FP, MEDIUM = "f" * 16, "ab12"


def part(index: int, *, medium: str = MEDIUM, failure: Failure | None = None, logprob: float = -0.1) -> Part:
    said = Text(language="tr", text="Merhaba", logprob=logprob, score=0.9, verdict="accepted")
    shown = said.model_copy(update={"language": "fr", "text": f"Bonjour {index}"})
    segments = (Segment(start=1.0, end=2.0, confidence=0.9),)
    window = PartWindow(start_s=0.0, end_s=3.0, segments=segments, source=said, targets=(shown,))
    return Part(
        shard=f"{medium}/{index:05d}",
        medium_id=medium,
        index=index,
        fingerprint=FP,
        source="tr",
        demo_model=False,
        windows=() if failure else (window,),
        failure=failure,
        seconds={"engine": 0.25 * index},
    )


GONE = Failure(kind="unreadable", detail="no such file", permanent=True)


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


class FailingStore(Store):
    """Dies at the given call of ``delete`` or ``write_bytes``, before it does anything."""

    def __init__(self, url: str, deletes: int = 10**9, writes: int = 10**9) -> None:
        super().__init__(url)
        self.left = {"delete": deletes, "write": writes}

    def _spend(self, kind: str) -> None:
        self.left[kind] -= 1
        if self.left[kind] < 0:
            raise Killed

    def delete(self, path: str) -> None:
        self._spend("delete")
        super().delete(path)

    def write_bytes(self, path: str, data: bytes) -> None:
        self._spend("write")
        super().write_bytes(path, data)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(str(tmp_path))


@pytest.fixture
def ledger(store) -> PartStore:
    return PartStore(store, FP)


def test_a_written_part_is_done_and_reads_back_equal(ledger):
    ledger.write(part(3))
    assert ledger.done() == {MEDIUM: {3}}
    assert ledger.read(MEDIUM, 3) == part(3)
    assert ledger.read(MEDIUM, 2) is None
    assert ledger.read("other", 0) is None
    assert ledger.finished() == set()


def test_parts_of_other_fingerprints_are_not_seen(store, ledger):
    ledger.write(part(0))
    other = PartStore(store, "0" * 16)
    assert other.done() == {}
    assert other.read_medium(MEDIUM) == []
    with pytest.raises(ValueError, match="is of"):
        other.write(part(0))


def test_a_score_that_json_cannot_hold_is_refused_at_once(ledger):
    with pytest.raises(ValueError, match="cannot be stored"):
        ledger.write(part(0, logprob=float("nan")))
    assert ledger.done() == {}


def test_parts_come_in_the_order_of_their_shards(ledger):
    for index in (10, 2, 0):
        ledger.write(part(index))
    assert [p.index for p in ledger.read_medium(MEDIUM)] == [0, 2, 10]


def test_compacting_keeps_every_part_and_leaves_one_file(store, ledger):
    parts = [part(i) for i in range(3)]
    for each in parts:
        ledger.write(each)
    ledger.compact(MEDIUM, list(reversed(parts)))
    assert ledger.done() == {}
    assert ledger.finished() == {MEDIUM}
    assert ledger.read_medium(MEDIUM) == parts
    assert ledger.read(MEDIUM, 1) == parts[1]
    assert store.list("_voxtral") == [f"_voxtral/ledger/{FP}/{MEDIUM}.json.gz"]


def test_the_same_parts_give_the_same_ledger_bytes(tmp_path):
    entries = []
    for name, order in (("a", [0, 1]), ("b", [1, 0])):
        store = Store(str(tmp_path / name))
        PartStore(store, FP).compact(MEDIUM, [part(i) for i in order])
        entries.append(store.read_bytes(f"_voxtral/ledger/{FP}/{MEDIUM}.json.gz"))
    assert entries[0] == entries[1]


def test_a_medium_without_shards_is_finished_by_an_empty_entry(ledger):
    ledger.compact(MEDIUM, [])
    assert ledger.finished() == {MEDIUM}
    assert ledger.collect(MEDIUM).finished
    assert ledger.read_medium(MEDIUM) == []


def test_a_medium_that_misses_a_shard_is_not_compacted(ledger):
    with pytest.raises(ValueError, match="not all there"):
        ledger.compact(MEDIUM, [part(0), part(2)])
    with pytest.raises(ValueError, match="not all there"):
        ledger.compact(MEDIUM, [part(0), part(1)], shards=3)
    with pytest.raises(ValueError, match="not all its own"):
        ledger.compact(MEDIUM, [part(0, medium="cd34")])
    assert ledger.finished() == set()


@pytest.mark.parametrize("deletes", [0, 1, 2])
def test_a_kill_while_compacting_loses_and_doubles_nothing(tmp_path, deletes):
    parts = [part(i) for i in range(3)]
    dying = PartStore(FailingStore(str(tmp_path), deletes=deletes), FP)
    for each in parts:
        dying._write(each)
    with pytest.raises(Killed):
        dying.compact(MEDIUM, parts)

    ledger = PartStore(Store(str(tmp_path)), FP)
    assert ledger.finished() == {MEDIUM}
    assert ledger.read_medium(MEDIUM) == parts
    assert ledger.repair() == ()
    assert ledger.done() == {}
    assert ledger.read_medium(MEDIUM) == parts


def test_a_kill_before_the_ledger_entry_leaves_the_parts(tmp_path):
    parts = [part(i) for i in range(2)]
    dying = PartStore(FailingStore(str(tmp_path), writes=2), FP)
    for each in parts:
        dying._write(each)
    with pytest.raises(Killed):
        dying.compact(MEDIUM, parts)
    ledger = PartStore(Store(str(tmp_path)), FP)
    assert ledger.finished() == set()
    assert ledger.done() == {MEDIUM: {0, 1}}


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[: len(data) // 2], id="half"),
        pytest.param(lambda data: b"\xff\x00" * 40, id="noise"),
        pytest.param(lambda data: data.replace(MEDIUM.encode(), b"zz99"), id="of another medium"),
    ],
)
def test_a_damaged_part_counts_as_absent_and_is_told(store, ledger, damage):
    for index in range(3):
        ledger.write(part(index))
    path = f"_voxtral/parts/{FP}/{MEDIUM}/00001.json"
    store.write_bytes(path, damage(store.read_bytes(path)))
    found = ledger.collect(MEDIUM)
    assert [p.index for p in found.parts] == [0, 2]
    assert found.damaged == (path,)
    assert ledger.read(MEDIUM, 1) is None

    (sentence,) = ledger.repair()
    assert path in sentence
    assert ledger.done() == {MEDIUM: {0, 2}}
    ledger.write(part(1))
    assert len(ledger.read_medium(MEDIUM)) == 3


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[:-9], id="cut off"),
        pytest.param(lambda data: data[:40] + b"\x00\x00\x00" + data[43:], id="flipped"),
        pytest.param(lambda data: gzip.compress(b"{}"), id="other json"),
        pytest.param(lambda data: b"not gzip", id="not gzip"),
    ],
)
def test_a_damaged_ledger_entry_means_that_the_medium_is_done_again(store, ledger, damage):
    ledger.compact(MEDIUM, [part(0)])
    path = f"_voxtral/ledger/{FP}/{MEDIUM}.json.gz"
    store.write_bytes(path, damage(store.read_bytes(path)))
    assert ledger.collect(MEDIUM).damaged == (path,)
    assert ledger.read_medium(MEDIUM) == []
    assert len(ledger.repair()) == 1
    assert ledger.finished() == set()


def test_repair_keeps_what_it_cannot_read(store, ledger):
    path = f"_voxtral/parts/{FP}/{MEDIUM}/00000.json"
    store.write_bytes(path, b"from a newer version")
    ledger.repair()
    assert store.read_bytes(path.replace("_voxtral", "_voxtral/damaged")) == b"from a newer version"


def test_tries_that_killed_their_process_are_counted_durably_and_end_with_the_part(ledger):
    name = part(7).shard
    assert [ledger.begin_attempt(name, "run1").died for _ in range(3)] == [0, 1, 2]
    reopened = pickle.loads(pickle.dumps(ledger))
    assert reopened.attempts(name) == 3
    assert reopened.all_attempts() == {name: 3}
    assert ledger.attempts(f"{MEDIUM}/00008") == 0
    ledger.write(part(7))
    assert ledger.attempts(name) == 0
    assert ledger.all_attempts() == {}


def test_a_try_that_came_back_is_no_death(ledger):
    name = part(7).shard
    for _ in range(4):
        attempt = ledger.begin_attempt(name, "run1")
        assert attempt.died == 0
        ledger.end_attempt(attempt)
    assert ledger.all_attempts() == {}


def test_runs_that_were_killed_are_not_held_against_the_shards_that_they_were_at(ledger):
    name = part(7).shard
    for run in ("run1", "run2", "run3", "run4", "run5", "run6"):
        assert ledger.begin_attempt(name, run).died == 0
    ledger.begin_attempt(name, "run6")
    assert ledger.begin_attempt(name, "run7").died == 1, "run6 saw its first try die and began another"


def test_runs_that_gave_up_are_counted_apart_from_deaths(ledger):
    name = part(7).shard
    ledger.begin_attempt(name, "run1")
    assert [ledger.record_failure(name) for _ in range(3)] == [1, 2, 3]
    assert ledger.begin_attempt(name, "run2").died == 0


def test_an_error_part_keeps_its_attempts_for_the_errors_table(ledger):
    ledger.begin_attempt(part(0).shard, "run1")
    ledger.write(part(0, failure=GONE))
    assert ledger.attempts(part(0).shard) == 1
    ledger.compact(MEDIUM, [part(0, failure=GONE)])
    assert ledger.attempts(part(0).shard) == 1


def test_two_processes_never_note_the_same_attempt(ledger, monkeypatch):
    name = part(0).shard
    first = ledger.begin_attempt(name, "run1")
    monkeypatch.setattr(PartStore, "attempts", lambda self, shard_name: 0)  # both looked before either wrote
    assert ledger.begin_attempt(name, "run1").path != first.path


@pytest.mark.parametrize("name", ["../x/00001", "a/b/00001", "ab12", "ab12/1", "ab12/00001\n"])
def test_a_name_that_is_no_shards_is_refused(ledger, name):
    with pytest.raises(ValueError, match="not a shard's name"):
        ledger.begin_attempt(name, "run1")


def test_reopening_errors_of_an_unfinished_medium(ledger):
    ledger.write(part(0))
    ledger.write(part(1, failure=GONE))
    ledger.begin_attempt(part(1).shard, "run1")
    assert ledger.reopen_errors() == 1
    assert ledger.done() == {MEDIUM: {0}}
    assert ledger.all_attempts() == {}
    assert ledger.reopen_errors() == 0


def test_reopening_errors_of_a_finished_medium_keeps_the_good_shards(ledger):
    ledger.compact(MEDIUM, [part(0), part(1, failure=GONE), part(2)])
    ledger.compact("cd34", [part(0, medium="cd34")])
    assert ledger.reopen_errors() == 1
    assert ledger.finished() == {"cd34"}
    assert ledger.done() == {MEDIUM: {0, 2}}
    assert ledger.read(MEDIUM, 2) == part(2)


@pytest.mark.parametrize(("writes", "deletes"), [(0, 99), (1, 99), (99, 0), (99, 1)])
def test_a_kill_while_reopening_loses_no_good_shard(tmp_path, writes, deletes):
    parts = [part(0), part(1, failure=GONE), part(2)]
    PartStore(Store(str(tmp_path)), FP).compact(MEDIUM, parts)
    with pytest.raises(Killed):
        PartStore(FailingStore(str(tmp_path), writes=writes, deletes=deletes), FP).reopen_errors()
    ledger = PartStore(Store(str(tmp_path)), FP)
    assert ledger.read_medium(MEDIUM) == parts
    assert ledger.reopen_errors() == 1
    assert ledger.done() == {MEDIUM: {0, 2}}


def test_forgetting_a_shard_leaves_the_others(ledger):
    ledger.compact(MEDIUM, [part(0), part(1)])
    ledger.forget(MEDIUM, 0)
    assert ledger.finished() == set()
    assert ledger.done() == {MEDIUM: {1}}
    ledger.forget(MEDIUM, 1)
    assert ledger.done() == {}


def test_a_store_that_is_away_is_not_taken_for_damage(ledger, monkeypatch):
    ledger.compact(MEDIUM, [part(0)])

    def away(self, path):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(Store, "read_bytes", away)
    with pytest.raises(ConnectionError):
        ledger.collect(MEDIUM)


def test_everything_works_in_a_bucket_like_store():
    store = Store("memory://voxtral-test-parts")
    ledger = PartStore(store, FP)
    ledger.begin_attempt(part(0).shard, "run1")
    ledger.write(part(0))
    assert ledger.done() == {MEDIUM: {0}}
    ledger.compact(MEDIUM, ledger.read_medium(MEDIUM))
    assert ledger.finished() == {MEDIUM}
    assert ledger.read_medium(MEDIUM) == [part(0)]


@pytest.mark.parametrize("moment", ["before the listing", "half deleted", "after the listing"])
def test_parts_that_another_process_compacts_meanwhile_are_found_in_its_entry(store, ledger, monkeypatch, moment):
    parts = [part(i) for i in range(3)]
    for each in parts:
        ledger.write(each)
    real = Store.list

    def compacting(self, prefix=""):
        monkeypatch.undo()
        before = real(self, prefix)
        PartStore(store, FP).compact(MEDIUM, parts)
        if moment == "half deleted":
            ledger._write(parts[2])
        return before if moment == "after the listing" else real(self, prefix)

    monkeypatch.setattr(Store, "list", compacting)
    found = ledger.collect(MEDIUM)
    assert found.finished
    assert list(found.parts) == parts
    assert found.damaged == ()


def test_only_the_media_that_are_asked_for_are_reopened(ledger):
    for medium in (MEDIUM, "cd34"):
        ledger.compact(medium, [part(0, medium=medium, failure=GONE)])
    assert ledger.reopen_errors({"cd34", "unknown"}) == 1
    assert ledger.finished() == {MEDIUM}
    assert ledger.reopen_errors([]) == 0
