"""What a report tells, as plain values: seconds, counts, texts as they are (nothing is escaped or worded here).

Everything is bounded: a list holds its first rows and says how many there are in all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter

from pipelines.ledger.coverage import Stretch

T = TypeVar("T")


@dataclass(frozen=True)
class Cut(Generic[T]):
    """The first rows of a list of ``total``."""

    rows: tuple[T, ...] = ()
    total: int = 0

    @property
    def more(self) -> int:
        return self.total - len(self.rows)


@dataclass(frozen=True)
class Place:
    """A medium, for a person who wants to find it."""

    name: str
    url: str = ""


@dataclass(frozen=True)
class MarkedMedium:
    """A medium with texts that ship marked, in counts."""

    place: Place
    cues: int
    needs_review: int
    retries: int
    violations: int


@dataclass(frozen=True)
class UncoveredMedium:
    """A medium with speech that has no text; ``stretches`` are the first of them."""

    place: Place
    missing_s: float
    stretches: Cut[Stretch]


@dataclass(frozen=True)
class Archive:
    """The media table, added up. Lengths are seconds of audio."""

    media: int = 0
    by_status: dict[str, int] = field(default_factory=dict)
    """``ok``, ``partial``, ``failed``, ``open``."""
    spoken: dict[str, int] = field(default_factory=dict)
    """Media by spoken language."""
    demo_model: bool = False
    shards: int = 0
    shards_done: int = 0
    duration_s: float = 0.0
    speech_s: float = 0.0
    covered_s: float = 0.0
    uncovered: int = 0
    windows: int = 0
    no_speech: int = 0
    cues: int = 0
    needs_review: int = 0
    to_review: int = 0
    corrected: int = 0
    retries: int = 0
    violations: dict[str, int] = field(default_factory=dict)
    """Broken subtitle rules, by rule, most often broken first."""
    marked: Cut[MarkedMedium] = Cut()
    without_text: Cut[UncoveredMedium] = Cut()


@dataclass(frozen=True)
class WorstCue:
    """A cue that ships marked. Times are seconds of the medium."""

    place: Place
    language: str
    spoken: str
    index: int
    start_s: float
    end_s: float
    source_text: str
    text: str
    reasons: tuple[str, ...]
    score: float


@dataclass(frozen=True)
class Quality:
    """The cues table, added up. ``scores`` counts cues by score, in equal steps from 0 to 1."""

    cues: int = 0
    verdicts: dict[str, dict[str, int]] = field(default_factory=dict)
    """Cues by language and verdict."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Cues by what speaks against them, commonest first; a cue may have several."""
    scores: tuple[int, ...] = ()
    mean_score: float = 0.0
    worst: Cut[WorstCue] = Cut()


@dataclass(frozen=True)
class ErrorKind:
    """All failures of one kind. ``open`` ones are tried again by the next run."""

    kind: str
    count: int
    open: int
    examples: Cut[tuple[Place, int, str]]
    """Medium, shard (-1 for the medium itself), and what was said."""


@dataclass(frozen=True)
class StageCost:
    """What a stage took of all shards, seconds of the processes that worked on them."""

    stage: str
    total_s: float
    longest_s: float
    longest: Place
    """The medium of the shard that took the longest."""


@dataclass(frozen=True)
class Bar:
    """A stretch of time (seconds since 1970, seconds) and the audio done in it."""

    began: float
    length_s: float
    audio_s: float

    @property
    def speed(self) -> float:
        """Seconds of audio a second."""
        return self.audio_s / self.length_s


@dataclass(frozen=True)
class Session:
    """Work without a long pause, cut into bars of about the same length."""

    bars: tuple[Bar, ...]

    @property
    def began(self) -> float:
        return self.bars[0].began

    @property
    def length_s(self) -> float:
        return sum(bar.length_s for bar in self.bars)

    @property
    def audio_s(self) -> float:
        return sum(bar.audio_s for bar in self.bars)


@dataclass(frozen=True)
class Work:
    """The costs table, added up. ``audio_s`` is of all shards with texts, ``undated`` counts those without a time."""

    shards: int = 0
    failed: int = 0
    audio_s: float = 0.0
    undated: int = 0
    stages: tuple[StageCost, ...] = ()
    """Most expensive first."""
    sessions: Cut[Session] = Cut()
    """The newest, in the order of time."""


class Ended(BaseModel):
    """What ``summary.json`` tells of the run that wrote it, and no table does; lengths are seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    fingerprint: str
    began: str
    hardware: str = ""
    wall_s: float
    startup_s: float
    audio_s: float
    shards_done: int
    interrupted: bool
    not_muxed: int = 0


@dataclass(frozen=True)
class Facts:
    """All that a report tells of an output folder's newest run."""

    out: str
    fingerprint: str
    began: str
    """UTC, ISO 8601."""
    at_end: bool
    """False where the run is under way or was killed."""
    targets: tuple[str, ...]
    settings: dict[str, Any]
    ended: Ended | None
    """What the newest run told of itself at its end."""
    archive: Archive
    not_opened: int
    """Of the failed media, files that are no media by their names: nothing went wrong with those."""
    quality: Quality
    errors: tuple[ErrorKind, ...]
    work: Work


def as_json(facts: Facts) -> dict[str, Any]:
    """The facts as plain values, fit for JSON."""
    return dict(TypeAdapter(Facts).dump_python(facts, mode="json"))
