"""What people put right in a medium's cues, kept beside its parts and applied whenever it is assembled.

    _voxtral/corrections/<medium>/<language>.json

A correction names the cue that it replaces by time and whole text, not by number, so that it finds its cue again when
the medium is assembled anew: by a later run, or under a profile that breaks only lines elsewhere. A profile that cuts
the text into other cues leaves it without its cue: it stays in the file, is told, and is back with the old profile, so
that nothing that a person wrote is lost. It does not know where corrections come from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from pipelines.archive.storage import Store
from pipelines.ledger.parts import ROOT
from pipelines.records import Cue, Record
from pipelines.settings import CueSettings
from pipelines.subtitles.cues import check_cues
from pipelines.subtitles.line_breaks import best_lines
from pipelines.subtitles.sentences import split_units

CORRECTED = "corrected"
"""Verdict of a cue that a person wrote."""
NEAR_S = 1.0
"""A cue with the same text is the same cue if it begins this near."""
SHORTEST_S = 0.3
"""Less room than this between its neighbours is none for a cue."""


class Correction(Record):
    """What a cue shall say. ``before`` is its text as it was assembled; empty for speech that had no cue. An empty
    ``after`` takes the cue away; of speech that had none it says that nobody speaks there.
    """

    start_s: float
    end_s: float
    before: str
    after: str

    @property
    def dismisses(self) -> bool:
        """Whether it says that nobody speaks where no cue is."""
        return not self.before and not self.after


Corrections = Mapping[str, Sequence[Correction]]
"""By language."""
_FILE = TypeAdapter(tuple[Correction, ...])


class DamagedCorrections(ValueError):
    """A file of corrections is not what was written. The message says what to do."""


@dataclass(frozen=True)
class Corrected:
    """A track with its corrections: the cues, numbered anew, what each number's cue was corrected by, what found no
    cue, and what says that nobody speaks.
    """

    cues: tuple[Cue, ...]
    made: dict[int, Correction] = field(default_factory=dict)
    unmatched: tuple[Correction, ...] = ()
    dismissals: tuple[Correction, ...] = ()


def corrected(
    cues: Sequence[Cue], corrections: Sequence[Correction], language: str, settings: CueSettings
) -> Corrected:
    """The cues of one language as people want them; a pure function."""
    if not corrections:
        return Corrected(tuple(cues))
    track: list[tuple[Cue, Correction | None]] = [(cue, None) for cue in cues]
    unmatched: list[Correction] = []
    wanted = [correction for correction in corrections if not correction.dismisses]
    for correction in sorted(wanted, key=lambda c: (not c.before, c.start_s)):  # added cues last: they fill gaps
        place = _find(track, correction) if correction.before else None
        if place is not None:
            track[place] = (_rewritten(track[place][0], correction.after, language, settings), correction)
        elif correction.before or not _insert(track, correction, language, settings):
            unmatched.append(correction)
    shown = [(cue, correction) for cue, correction in track if correction is None or correction.after]
    numbered = [(cue.model_copy(update={"index": i}), correction) for i, (cue, correction) in enumerate(shown, start=1)]
    return Corrected(
        tuple(cue for cue, _ in numbered),
        {cue.index: correction for cue, correction in numbered if correction},
        tuple(unmatched),
        tuple(correction for correction in corrections if correction.dismisses),
    )


def same_text(one: str, other: str) -> bool:
    """Whether two texts have the same words, however their lines break."""
    return one.split() == other.split()


def _find(track: Sequence[tuple[Cue, Correction | None]], correction: Correction) -> int | None:
    alike = [
        (abs(cue.start_s - correction.start_s), place)
        for place, (cue, taken) in enumerate(track)
        if taken is None and same_text(cue.text, correction.before)
    ]
    distance, place = min(alike, default=(NEAR_S + 1, 0))
    return place if distance <= NEAR_S else None


def _insert(
    track: list[tuple[Cue, Correction | None]], correction: Correction, language: str, settings: CueSettings
) -> bool:
    """Put a cue where there was none, between its neighbours, if they leave room."""
    limits = settings.limits(language)
    place = sum(cue.start_s <= correction.start_s for cue, _ in track)
    low = track[place - 1][0].end_s + limits.min_gap_s if place else 0.0
    high = track[place][0].start_s - limits.min_gap_s if place < len(track) else float("inf")
    start = max(correction.start_s, low)
    end = min(correction.end_s, high, start + limits.max_duration_s)
    if end - start < SHORTEST_S:
        return False
    times = {"start_s": round(start, 3), "end_s": round(end, 3)}
    empty = Cue(index=0, lines=(), source="", score=1.0, verdict=CORRECTED, **times)
    track.insert(place, (_rewritten(empty, correction.after, language, settings), correction))
    return True


def _rewritten(cue: Cue, text: str, language: str, settings: CueSettings) -> Cue:
    """The cue with a person's text: in the person's lines, or broken as the profile wants one line to be."""
    limits = settings.limits(language)
    lines = tuple(line for part in text.splitlines() if (line := part.strip()))
    if len(lines) == 1:
        lines = best_lines(split_units(lines[0], limits.max_line_chars), language, limits.max_line_chars)
    written = cue.model_copy(update={"lines": lines, "score": 1.0, "verdict": CORRECTED})
    broken = check_cues([written], language, settings)
    return written.model_copy(update={"reasons": tuple(dict.fromkeys(violation.rule for violation in broken))})


def read_corrections(store: Store, medium_id: str, languages: Sequence[str]) -> dict[str, tuple[Correction, ...]]:
    """What is kept for a medium, by language.

    Raises:
        DamagedCorrections: a file cannot be read as what was written.
    """
    return {language: found for language in languages if (found := _read(store, _path(medium_id, language)))}


def _read(store: Store, path: str) -> tuple[Correction, ...]:
    try:
        return _FILE.validate_json(store.read_bytes(path))
    except FileNotFoundError:
        return ()
    except ValidationError as error:
        raise DamagedCorrections(
            f"{store.url_of(path)} is damaged, and holds corrections made by hand: restore it, or delete it"
        ) from error


def write_corrections(store: Store, medium_id: str, language: str, corrections: Sequence[Correction]) -> None:
    """Keep exactly these. Raises StoreError."""
    path = _path(medium_id, language)
    values = [c.model_dump(mode="json") for c in sorted(corrections, key=lambda c: (c.start_s, c.before))]
    store.write_bytes(path, (json.dumps(values, ensure_ascii=False, indent=1) + "\n").encode())


def corrected_media(store: Store) -> set[str]:
    """Ids of the media that have corrections: one listing."""
    return {path.split("/")[-2] for path in store.list(_FOLDER)}


_FOLDER = f"{ROOT}/corrections"


def _path(medium_id: str, language: str) -> str:
    return f"{_FOLDER}/{medium_id}/{language}.json"
