"""What is kept of a job: what was asked for and by whom, and how far it is."""

from __future__ import annotations

import re
import secrets
import time
from typing import Literal

from pipelines.records import Record

State = Literal["queued", "in_progress", "cancelling", "completed", "failed", "cancelled"]
ENDED: frozenset[State] = frozenset({"completed", "failed", "cancelled"})
MOST_PROBLEMS = 100
"""Media without a result that a job names; it counts all of them."""
MOST_TRIES = 8
"""Drivers that may die one after another without a shard done."""
_ID = re.compile(r"job_[0-9a-f]{10}[0-9a-f]{32}")


class Ask(Record):
    """What was asked for. Never changes. Languages are ISO 639-1 codes; ``source`` None: identified."""

    id: str
    owner: str
    """Name of the key that asked; empty where the service has no keys."""
    source: str | None
    targets: tuple[str, ...]
    formats: tuple[str, ...]
    urls: bool
    """Whether the media are addresses; else they are uploads."""
    media: int

    @property
    def created_at(self) -> int:
        """Seconds since 1970."""
        return int(self.id[4:14], 16)


class Problem(Record):
    """A medium, or a part of one, without a result, and the word for why."""

    medium: str
    code: str


class Status(Record):
    """How far a job is. Times are seconds since 1970; ``seconds`` are those of work, over all drivers that it had."""

    state: State = "queued"
    started_at: float | None = None
    tried_at: float = 0.0
    """When its newest driver began."""
    tries: int = 0
    """Drivers that began since a shard was last done."""
    ended_at: float | None = None
    media_total: int = 0
    media_done: int = 0
    media_failed: int = 0
    shards_total: int = 0
    shards_done: int = 0
    audio_s: float = 0.0
    seconds: float = 0.0
    errors: int = 0
    needs_review: int = 0
    problems: tuple[Problem, ...] = ()
    code: str = ""
    """Why it failed as a whole."""
    demo_model: bool = False


def new_id() -> str:
    """Begins with the time, so that ids sort by age; the rest are 128 random bits, which nobody guesses."""
    return f"job_{int(time.time()):010x}{secrets.token_hex(16)}"


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None
