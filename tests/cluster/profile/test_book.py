from __future__ import annotations

import itertools

import pytest

from cluster.profile import book as module
from cluster.profile.book import Book, Cost, DamagedProfile, Snapshot
from cluster.profile.view import view
from tests.cluster.profile.hand_overs import hand_over


def totals(book: Book) -> dict[str, float]:
    return {line.operation: line.total_s for line in view(book.snapshot()).operations}


def test_the_last_word_of_a_worker_counts_once_however_often_and_in_whatever_order_it_comes():
    told = [hand_over("a", [1.0] * n, number=n) for n in (1, 2, 3)]
    for order in itertools.permutations([*told, told[2]]):
        book = Book()
        for each in order:
            book.hand_over(each)
        assert totals(book) == {"engine": 3.0}
        assert len(book.snapshot().workers[0].spans) == 3


def test_a_worker_that_says_nothing_more_stays():
    book = Book()
    book.hand_over(hand_over("dead", [5.0]))
    for number in range(1, 20):
        book.hand_over(hand_over("alive", [1.0] * number, number=number))
    assert totals(book) == {"engine": 24.0}


def test_joined_books_know_what_either_knew():
    one, other = Book(), Book()
    one.hand_over(hand_over("a", [1.0], number=1))
    one.hand_over(hand_over("b", [2.0], number=1))
    other.hand_over(hand_over("a", [1.0, 4.0], number=2))
    other.tell_parts("run", {"engine": Cost(3, 7.0)})
    one.tell_parts("run", {"engine": Cost(2, 3.0)})
    one.join(other.snapshot())
    assert totals(one) == {"engine": 7.0}
    assert one.knows_more_than(other.snapshot())
    other.join(one.snapshot())
    assert not one.knows_more_than(other.snapshot())
    assert view(one.snapshot()).parts["engine"].seconds == 7.0
    assert totals(other) == totals(one)


def test_a_file_gives_back_what_was_kept():
    book = Book()
    book.hand_over(hand_over("a", [1.0, 2.0], at_work=(("translate", "m/00003", 90.0),), gauges={"memory_gb": 2.0}))
    book.tell_parts("run", {"engine": Cost(2, 3.0)})
    kept = book.snapshot()
    back = Snapshot.decode(kept.encode())
    assert back.workers[0].spans == kept.workers[0].spans
    assert view(back) == view(kept)


@pytest.mark.parametrize("data", [b"", b"text", Snapshot(1.0).encode()[:-9], Snapshot(1.0).encode()[:20]])
def test_a_damaged_file_is_called_damaged(data):
    with pytest.raises(DamagedProfile):
        Snapshot.decode(data)


def test_spans_are_bounded_and_the_newest_stay(monkeypatch):
    monkeypatch.setattr(module, "SPANS_KEPT", 6)
    monkeypatch.setattr(module, "_LEAST_SPANS", 2)
    book = Book()
    book.hand_over(hand_over("a", [1.0] * 50))
    (worker,) = book.snapshot().workers
    assert [span.subject for span in worker.spans] == [f"m/{n:05d}" for n in range(44, 50)]
    assert totals(book) == {"engine": 50.0}
