"""The records that pass between the parts, and are kept: medium, shard, segment, part, cue.

Times are seconds from the start of the medium unless a field says otherwise. Everything here is frozen; what is
stored is stored as the model's JSON.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

SAMPLE_RATE = 16_000

NOT_OPENED = "not_opened"
"""Kind of failure of a file that a scan passes by because of its name; nothing went wrong with it."""
NOT_ALLOWED = "not_allowed"
"""Kind of failure of an address that may not be fetched."""
TO_IDENTIFY = "auto"
"""A shard's language where nobody named one: its first transcripts tell it."""
UNIDENTIFIED = "und"
"""A shard's language where nobody named one and its own transcripts do not tell it (ISO 639-2: undetermined)."""


class Record(BaseModel):
    """Base of all stored records: frozen, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Failure(Record):
    """Why something has no result. ``kind`` is a short stable word: ``not_media``, ``no_audio``, ``unreadable``, ..."""

    kind: str
    detail: str
    permanent: bool


class Medium(Record):
    """One audio or video file of the archive, as the manifest lists it.

    ``id`` is a hash of URL (without a query's signature), size and version (etag or mtime): a changed file is another
    medium. ``name`` is its path below the archive's root, which outputs mirror. ``audio_stream`` is the index of the
    chosen audio stream within the file. A medium with a ``failure`` has no shards.
    """

    id: str
    url: str
    name: str
    size: int
    version: str
    duration_s: float = 0.0
    container: str = ""
    audio_stream: int | None = None
    language: str | None = None
    """ISO 639-1 code from the list or the audio stream's tag."""
    listed_language: bool = False
    """Whether a list named the language: that is meant, where a tag is often wrong."""
    targets: tuple[str, ...] = ()
    """Target languages that the list asks for this medium; empty means the run's."""
    failure: Failure | None = None


class Shard(Record):
    """A time slice of a medium, at most ``shard_s`` long. It owns the speech that begins in [start_s, end_s)."""

    medium: Medium
    index: int
    start_s: float
    end_s: float
    source: str
    """ISO 639-1 code of the spoken language, or ``auto``: to be identified from the first transcripts."""
    targets: tuple[str, ...]

    @property
    def name(self) -> str:
        """``{medium id}/{index}``: what its part is called within a fingerprint."""
        return f"{self.medium.id}/{self.index:05d}"


class Segment(Record):
    """A stretch of speech that VAD found; ``confidence`` is the mean speech probability, 0 to 1."""

    start: float
    end: float
    confidence: float


class Window(Record):
    """One model input: a contiguous slice of the medium with the segments inside it.

    ``samples`` is int16 mono at 16 kHz, shape (n,); it begins at ``start_s`` of the medium.
    """

    start_s: float
    segments: tuple[Segment, ...]
    samples: np.ndarray

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.samples) / SAMPLE_RATE

    @property
    def speech_s(self) -> float:
        return sum(s.end - s.start for s in self.segments)


class TokenTime(Record):
    """When a piece of text is heard, seconds from the start of its window; only some engines can tell."""

    text: str
    start: float
    end: float


class Attempt(Record):
    """One answer of the model: how it was asked for, what it said (the first 500 characters), what the gate thought."""

    step: str
    text: str
    logprob: float
    score: float
    reasons: tuple[str, ...] = ()


class Text(Record):
    """What the model said of a window in one language, after the gate.

    ``logprob`` is the mean log-probability of its tokens; ``score`` the gate's, 0 to 1; ``verdict`` says whether it
    ships as it is, ships marked, or is empty because the gate judged that nobody speaks. ``attempts`` counts answers;
    ``tried`` are all of them in order, if the first was not enough, and ``step`` is the one that ships.
    """

    language: str
    text: str
    logprob: float
    score: float
    verdict: Literal["accepted", "needs_review", "no_speech"]
    reasons: tuple[str, ...] = ()
    attempts: int = 1
    step: str = "first"
    tried: tuple[Attempt, ...] = ()
    tokens: tuple[TokenTime, ...] = ()


class PartWindow(Record):
    """A window's segments and texts: the transcript and one translation per target language."""

    start_s: float
    end_s: float
    segments: tuple[Segment, ...]
    source: Text
    targets: tuple[Text, ...]


class Part(Record):
    """What the model gave for one shard. Written once, whole; its existence means that the shard is done."""

    shard: str
    medium_id: str
    index: int
    fingerprint: str
    source: str
    """The spoken language, named or identified; :data:`UNIDENTIFIED` where the windows were taken for a fallback's."""
    demo_model: bool
    windows: tuple[PartWindow, ...] = ()
    failure: Failure | None = None
    """Set on an error part: the shard is done, without texts, for this reason."""
    seconds: dict[str, float] = {}
    """What each stage cost, seconds: ``decode``, ``vad``, ``windows``, ``engine``."""
    done_at: float | None = None
    """When its texts were there, seconds since 1970 by its machine's clock; None for an error part."""


class Cue(Record):
    """One subtitle. ``lines`` are what is shown; ``source`` is the transcript of what it says.

    A bilingual cue shows ``beneath`` under its lines: its share of the transcript.
    """

    index: int
    start_s: float
    end_s: float
    lines: tuple[str, ...]
    source: str
    score: float
    verdict: str
    reasons: tuple[str, ...] = ()
    beneath: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)
