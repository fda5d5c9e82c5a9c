"""The media table, added up: how much there is, what became of it, and which media want attention."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from typing import Any

import pyarrow.compute as pc

from pipelines.archive.storage import Store
from pipelines.ledger.coverage import Stretch, uncovered
from pipelines.ledger.current_tables import Tables
from pipelines.ledger.parts import PartStore
from ray_apps.report.facts import Archive, Cut, MarkedMedium, Place, UncoveredMedium
from ray_apps.report.rows import counted, rows_where

LISTED = 10
STRETCHES = 5
"""Listed of a medium with speech that has no text."""
_SUMMED = (
    *("shards", "shards_done", "duration_s", "speech_s", "covered_s", "uncovered", "windows", "no_speech", "cues"),
    *("needs_review", "to_review", "corrected", "retries"),
)
_COLUMNS = [*_SUMMED, "medium_id", "name", "url", "status", "source", "languages", "violations", "violations_by_rule"]


def archive_facts(tables: Tables, store: Store) -> Archive:
    """Reads the table once, a batch at a time; of the few media that are listed for missing texts, the parts too."""
    sums: Counter[str] = Counter()
    status: Counter[str] = Counter()
    spoken: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    marked, without_text = _Top(LISTED), _Top(LISTED)
    media, demo_model = 0, False
    for batch in tables.batches("media", [*_COLUMNS, "demo_model"]):
        media += batch.num_rows
        for name in _SUMMED:
            sums[name] += pc.sum(batch[name]).as_py() or 0
        status.update(counted(batch["status"]))
        spoken.update(counted(batch["source"]))
        demo_model = demo_model or bool(pc.any(batch["demo_model"]).as_py())
        for row in rows_where(batch, pc.greater(batch["violations"], 0)):
            rules.update(json.loads(row["violations_by_rule"]))
        for row in rows_where(batch, pc.greater(batch["needs_review"], 0)):
            marked.add((row["needs_review"], row["retries"]), row)
        for row in rows_where(batch, pc.greater(batch["uncovered"], 0)):
            without_text.add((row["speech_s"] - row["covered_s"],), row)
    del spoken[""]
    parts = PartStore(store, tables.run.fingerprint)
    return Archive(
        media=media,
        by_status=dict(status),
        spoken=dict(spoken.most_common()),
        demo_model=demo_model,
        violations=dict(rules.most_common()),
        marked=Cut(tuple(map(_marked, marked.rows())), marked.total),
        without_text=Cut(tuple(_uncovered(row, parts) for row in without_text.rows()), without_text.total),
        **sums,
    )


class _Top:
    """Of many rows the few with the highest key; of equal ones those that came first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._heap: list[tuple[tuple[float, ...], int, dict[str, Any]]] = []
        self.total = 0

    def add(self, key: tuple[float, ...], row: dict[str, Any]) -> None:
        self.total += 1
        entry = (key, -self.total, row)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def rows(self) -> list[dict[str, Any]]:
        return [row for _, _, row in sorted(self._heap, key=lambda entry: entry[:2], reverse=True)]


def _marked(row: dict[str, Any]) -> MarkedMedium:
    place = Place(row["name"], row["url"])
    return MarkedMedium(place, row["cues"], row["needs_review"], row["retries"], row["violations"])


def _uncovered(row: dict[str, Any], parts: PartStore) -> UncoveredMedium:
    windows = [window for part in parts.read_medium(row["medium_id"]) for window in part.windows]
    found: list[Stretch] = sorted(
        (stretch for language in row["languages"] for stretch in uncovered(windows, language)),
        key=lambda stretch: -stretch.speech_s,
    )
    missing_s = row["speech_s"] - row["covered_s"]
    return UncoveredMedium(Place(row["name"], row["url"]), missing_s, Cut(tuple(found[:STRETCHES]), len(found)))
