"""The cues table, added up: how good the texts are, and the worst of them."""

from __future__ import annotations

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Set
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ledger.current_tables import Tables
from ray_apps.report.facts import Cut, Place, Quality, WorstCue
from ray_apps.report.rows import counted, rows_where

LISTED = 20
LISTED_OF_A_MEDIUM = 3
"""One hopeless film must not hide all others."""
STEPS = 20
"""Of the score, from 0 to 1."""
_SHOWN = ["medium_id", "name", "language", "index", "start_s", "end_s", "text", "source_text", "score", "reasons"]


def quality_facts(tables: Tables) -> Quality:
    """Reads the cues once, and the media once more for the addresses of those that are listed."""
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: Counter[str] = Counter()
    scores = np.zeros(STEPS, np.int64)
    cues, score_sum, worst = 0, 0.0, _Worst()
    for batch in tables.batches("cues", [*_SHOWN, "verdict"]):
        cues += batch.num_rows
        score_sum += pc.sum(batch["score"]).as_py() or 0.0
        scores += np.histogram(np.asarray(batch["score"]), STEPS, (0.0, 1.0))[0]
        reasons.update(counted(pc.list_flatten(batch["reasons"])))
        for language in counted(batch["language"]):
            of_language = batch.filter(pc.equal(batch["language"], language))
            verdicts[language].update(counted(of_language["verdict"]))
        worst.look_at(batch)
    return Quality(
        cues=cues,
        verdicts={language: dict(verdicts[language]) for language in sorted(verdicts)},
        reasons=dict(reasons.most_common()),
        scores=tuple(map(int, scores)),
        mean_score=score_sum / cues if cues else 0.0,
        worst=_placed(worst, tables),
    )


class _Worst:
    """The lowest scored of the marked cues, not many of any medium."""

    def __init__(self) -> None:
        self.total = 0
        self.rows: list[tuple[float, int, dict[str, Any]]] = []

    def look_at(self, batch: pa.RecordBatch) -> None:
        marked = batch.filter(pc.equal(batch["verdict"], "needs_review"))
        before = self.total
        self.total += marked.num_rows
        bar = self.rows[-1][0] if len(self.rows) == LISTED else float("inf")
        # Most cues are better than the worst so far: they are passed over without being made Python's.
        for at, row in enumerate(rows_where(marked, pc.less(marked["score"], bar))):
            self._add((row["score"], before + at, row))

    def _add(self, entry: tuple[float, int, dict[str, Any]]) -> None:
        insort(self.rows, entry, key=lambda e: e[:2])
        of_medium = [e for e in self.rows if e[2]["medium_id"] == entry[2]["medium_id"]]
        if len(of_medium) > LISTED_OF_A_MEDIUM:
            self.rows.remove(of_medium[-1])
        del self.rows[LISTED:]


def _placed(worst: _Worst, tables: Tables) -> Cut[WorstCue]:
    known = _origins(tables, {row["medium_id"] for _, _, row in worst.rows})
    cues = []
    for _, _, row in worst.rows:
        url, spoken = known.get(row["medium_id"], ("", ""))
        same = {key: row[key] for key in ("language", "index", "start_s", "end_s", "text", "source_text", "score")}
        cues.append(WorstCue(place=Place(row["name"], url), spoken=spoken, reasons=tuple(row["reasons"]), **same))
    return Cut(tuple(cues), worst.total)


def _origins(tables: Tables, media: Set[str]) -> dict[str, tuple[str, str]]:
    """URL and spoken language of a few media, by id."""
    found: dict[str, tuple[str, str]] = {}
    wanted = pa.array(sorted(media), pa.string())
    for batch in tables.batches("media", ["medium_id", "url", "source"]) if media else ():
        for row in rows_where(batch, pc.is_in(batch["medium_id"], wanted)):
            found[row["medium_id"]] = row["url"], row["source"]
    return found
