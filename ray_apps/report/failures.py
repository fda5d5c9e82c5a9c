"""The errors table, added up by kind."""

from __future__ import annotations

from collections import Counter, defaultdict

from pipelines.ledger.current_tables import Tables
from pipelines.records import NOT_OPENED
from ray_apps.report.facts import Cut, ErrorKind, Place

LISTED = 5


def failure_facts(tables: Tables) -> tuple[ErrorKind, ...]:
    """The commonest kind first; files that are no media by their names come last, for nothing is wrong with them."""
    counts: Counter[str] = Counter()
    still_open: Counter[str] = Counter()
    examples: dict[str, list[tuple[Place, int, str]]] = defaultdict(list)
    for batch in tables.batches("errors", ["name", "url", "shard", "error_kind", "error_detail", "permanent"]):
        for row in batch.to_pylist():
            kind = row["error_kind"]
            counts[kind] += 1
            still_open[kind] += not row["permanent"]
            if len(examples[kind]) < LISTED:
                examples[kind].append((Place(row["name"], row["url"]), row["shard"], row["error_detail"]))
    kinds = [
        ErrorKind(kind, count, still_open[kind], Cut(tuple(examples[kind]), count)) for kind, count in counts.items()
    ]
    return tuple(sorted(kinds, key=lambda error: (error.kind == NOT_OPENED, -error.count, error.kind)))
