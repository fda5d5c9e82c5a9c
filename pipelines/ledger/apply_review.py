"""Corrected review files taken back: what people wrote becomes corrections, and the cues' files and tables follow.

A correction that says what the cue says already is a word on it too: somebody has looked, and it is listed no more.
All or nothing: every row is checked against the cues as they are now before anything is written. The corrections are
kept first and the run marked as not assembled, so that after a kill any later run, or the same command, writes the
files that are still old. It does not know how a correction finds its cue when a medium is assembled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pipelines.archive.storage import Store
from pipelines.ledger.assemble import Built
from pipelines.ledger.corrections import NEAR_S, Correction, read_corrections, same_text, write_corrections
from pipelines.ledger.coverage import Stretch
from pipelines.ledger.lease import Lease
from pipelines.ledger.review import DELETE, Reviewed, ReviewError, read_review
from pipelines.ledger.runs import Run, load_run, mark_unassembled
from pipelines.ledger.tables import Reader, write_tables
from pipelines.records import Cue, Record

_Track = tuple[str, str]
"""A medium's id and a language."""
_Row = tuple[str, Reviewed]
"""The name of a review file and a row of it."""


class Applied(Record):
    """What :func:`apply_reviews` did."""

    corrections: int
    media: int
    files: int
    """Subtitle files that were written anew."""
    notes: tuple[str, ...] = ()
    """Sentences on edited files that were kept aside, and on corrections whose cue is not there any more."""


def apply_reviews(store: Store, reviews: Mapping[str, bytes]) -> Applied:
    """Apply review files, by name, to the newest run of an output folder.

    Raises:
        ReviewError: a row cannot be applied; all such rows are named, and nothing is written.
        RunError: there is no run in the folder.
        LeaseHeld: a run works on it right now.
        StoreError: a file cannot be written.
    """
    rows: dict[_Track, list[_Row]] = defaultdict(list)
    for name, data in reviews.items():
        for row in read_review(name, data):
            rows[row.medium, row.language].append((name, row))
    run = load_run(store)
    with Lease(store, run.fingerprint):
        found = _corrections(store, run, rows)
        if not found:
            return Applied(corrections=0, media=0, files=0)
        for (medium_id, language), corrections in found.items():
            kept = read_corrections(store, medium_id, (language,)).get(language, ())
            write_corrections(store, medium_id, language, _merged(kept, corrections))
        totals = write_tables(store, mark_unassembled(store, run))
    return Applied(
        corrections=sum(map(len, found.values())),
        media=len({medium_id for medium_id, _ in found}),
        files=totals.restored,
        notes=(*totals.kept_edits, *totals.lost_corrections, *totals.damaged),
    )


def _corrections(store: Store, run: Run, rows: Mapping[_Track, Sequence[_Row]]) -> dict[_Track, list[Correction]]:
    """What the rows want, by track. Raises ReviewError."""
    reader, listed = Reader(store, run), {row.medium.id: row for row in run.rows}
    found: dict[_Track, list[Correction]] = {}
    wrong: list[str] = []
    for (medium_id, language), own in rows.items():
        state = reader.read(listed[medium_id]) if medium_id in listed else None
        built = state.built if state else None
        for name, row in own:
            try:
                if built is None or language not in built.languages:
                    raise ReviewError(f"the output folder has no subtitles of {medium_id or 'it'} in {language}")
                found.setdefault((medium_id, language), []).append(_correction(built, row))
            except ReviewError as error:
                wrong.append(f"{name}, line {row.line}: {error}")
    if wrong:
        raise ReviewError("\n".join(wrong))
    return found


def _correction(built: Built, row: Reviewed) -> Correction:
    """Raises ReviewError where the row's cue is not there."""
    after = "" if row.correction.lower() == DELETE else row.correction
    track = built.tracks[row.language]
    if row.index is None:
        stretch = _stretch(built, row)
        return Correction(start_s=stretch.start_s, end_s=stretch.end_s, before="", after=after)
    cue = _cue(track.cues, row)
    if cue.index in track.made:  # corrected once more
        return track.made[cue.index].model_copy(update={"after": after})
    return Correction(start_s=cue.start_s, end_s=cue.end_s, before=cue.text, after=after)


def _cue(cues: Sequence[Cue], row: Reviewed) -> Cue:
    """The cue of a row: the one with its number, if it still has its text or its start; else one with its text."""

    def near(cue: Cue) -> bool:
        return row.start_s is not None and abs(cue.start_s - row.start_s) <= NEAR_S

    numbered = [cue for cue in cues if cue.index == row.index]
    alike = [cue for cue in cues if same_text(cue.text, row.text)]
    for cue in numbered:
        if cue in alike or (near(cue) and not any(map(near, alike))):
            return cue
    moved = [cue for cue in alike if near(cue)]
    if len(moved) != 1:
        raise ReviewError(f"there is no cue {row.index} any more that says {row.text[:40]!r}: make a new review file")
    return moved[0]


def _stretch(built: Built, row: Reviewed) -> Stretch:
    stretches = [s for s in built.report.uncovered if s.language == row.language]
    near = [s for s in stretches if row.start_s is not None and abs(s.start_s - row.start_s) <= NEAR_S]
    if not near:
        raise ReviewError(f"no speech without text begins at {row.start_s} s: make a new review file")
    return min(near, key=lambda s: abs(s.start_s - (row.start_s or 0.0)))


def _merged(kept: Sequence[Correction], new: Sequence[Correction]) -> list[Correction]:
    """The newest word on each cue; an added cue that is taken away again leaves nothing."""
    by_cue = {(c.start_s, c.before): c for c in (*kept, *new)}
    return [c for c in by_cue.values() if c.before or c.after]
