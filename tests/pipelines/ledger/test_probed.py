"""Media that a killed run had opened are known to the next one."""

from __future__ import annotations

from pipelines.archive.media import Media
from pipelines.archive.storage import Store
from pipelines.ledger.probed import forget_probed, keep_probed, probed
from pipelines.records import Failure, Medium

FP = "f" * 16


def media(*names: str) -> Media:
    failure = Failure(kind="timeout", detail="late", permanent=False)
    return Media.of(
        Medium(id=name, url=f"/{name}", name=name, size=1, version="1", failure=failure if name == "bad" else None)
        for name in names
    )


def test_batches_come_back_together_each_medium_once(tmp_path):
    store = Store(str(tmp_path))
    assert len(probed(store, FP)) == 0
    keep_probed(store, FP, media("a", "bad"))
    keep_probed(store, FP, media("b", "a"))
    assert sorted(medium.id for medium in probed(store, FP)) == ["a", "b", "bad"]
    assert len(probed(store, "0" * 16)) == 0
    forget_probed(store, FP)
    assert store.list("_voxtral/probed") == []


def test_a_damaged_batch_is_opened_again(tmp_path):
    store = Store(str(tmp_path))
    keep_probed(store, FP, media("a"))
    store.write_bytes(f"_voxtral/probed/{FP}/half.parquet", b"PAR1")
    assert [medium.id for medium in probed(store, FP)] == ["a"]
