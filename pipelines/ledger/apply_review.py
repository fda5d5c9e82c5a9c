"""Corrected review files taken back: what people wrote becomes corrections, and the cues' files and tables follow.

A correction that says what the cue says already is a word on it too: somebody has looked, and it is listed no more.
All or nothing: every row is checked against the cues as they are now before anything is written. A row finds what is
kept of it already before any cue, so that a file that is applied again, with more of its rows filled in or not, says
nothing new of the others. The run is marked as not assembled before the corrections are kept, so that after a kill any
later run, or the same command, writes the files that are still old. It does not know how a correction finds its cue
when a medium is assembled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pipelines.archive.storage import Store
from pipelines.ledger.assemble import Built, restore
from pipelines.ledger.corrections import NEAR_S, Correction, read_corrections, same_text, write_corrections
from pipelines.ledger.lease import Lease
from pipelines.ledger.muxed import MUX_ANEW, outdated
from pipelines.ledger.output_files import Written
from pipelines.ledger.review import DELETE, Reviewed, ReviewError, read_review
from pipelines.ledger.runs import Run, load_run, mark_unassembled
from pipelines.ledger.tables import Reader, write_tables
from pipelines.records import Record

_Track = tuple[str, str]
"""A medium's id and a language."""
_Row = tuple[str, Reviewed]
"""The name of a review file and a row of it."""
_SAME_S = 0.05
"""A cue that begins this near is the row's, whatever a spreadsheet made of its text."""


class Applied(Record):
    """What :func:`apply_reviews` did."""

    corrections: int
    """Those that are new: not what an earlier command took from the same rows."""
    media: int
    files: int
    """Subtitle files that were written anew."""
    notes: tuple[str, ...] = ()
    """Sentences on edited files that were kept aside, on corrections whose cue is not there any more, and on copies of
    media that still show the subtitles as they were.
    """


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
        if not found and run.alike:
            return Applied(corrections=0, media=0, files=0)
        marked = mark_unassembled(store, run)
        for (medium_id, language), corrections in found.items():
            write_corrections(store, medium_id, language, _merged(_kept(store, medium_id, language), corrections))
        media = {medium_id for medium_id, _ in found}
        written, stale = _rewritten(store, marked, media)
        totals = write_tables(store, run)  # leaves the files of other media, unless a kill left them unlike the run
    return Applied(
        corrections=sum(map(len, found.values())),
        media=len(media),
        files=written.count + totals.restored,
        notes=(*written.kept_edits, *totals.kept_edits, *totals.lost_corrections, *totals.damaged, *stale),
    )


def _corrections(store: Store, run: Run, rows: Mapping[_Track, Sequence[_Row]]) -> dict[_Track, list[Correction]]:
    """What the rows want that is not kept already, by track. Raises ReviewError."""
    reader = Reader(store, run)
    found: dict[_Track, list[Correction]] = defaultdict(list)
    wrong: list[str] = []
    for (medium_id, language), own in rows.items():
        listed = run.rows.find(medium_id)
        state = reader.read(listed) if listed else None
        built = state.built if state and state.built and language in state.built.languages else None
        kept = _kept(store, medium_id, language) if built else ()
        for name, row in own:
            try:
                if built is None:
                    raise ReviewError(f"the output folder has no subtitles of {medium_id or 'it'} in {language}")
                correction = _correction(built, kept, row)
                if correction not in kept:
                    found[medium_id, language].append(correction)
            except ReviewError as error:
                wrong.append(f"{name}, line {row.line}: {error}")
    if wrong:
        raise ReviewError("\n".join(wrong))
    return {track: _merged((), new) for track, new in found.items()}


def _correction(built: Built, kept: Sequence[Correction], row: Reviewed) -> Correction:
    """What a row wants. Raises ReviewError where neither a correction of it nor its cue or stretch is there."""
    after = "" if row.correction.lower() == DELETE else row.correction
    found = _stretch(built, kept, row) if row.index is None else _cue(built, kept, row)
    return found.model_copy(update={"after": after})


def _cue(built: Built, kept: Sequence[Correction], row: Reviewed) -> Correction:
    """The correction that a row's cue has, or one to be made."""
    track = built.tracks[row.language]
    uncorrected = [cue for cue in track.cues if cue.index not in track.made]
    new = [Correction(start_s=cue.start_s, end_s=cue.end_s, before=cue.text, after="") for cue in uncorrected]
    numbered = [correction for correction, cue in zip(new, uncorrected, strict=True) if cue.index == row.index]
    of_cues = [correction for correction in kept if correction.before]
    same = [correction for correction in (*of_cues, *new) if same_text(correction.before, row.text)]
    found = _nearest(same, row, NEAR_S) or _nearest((*of_cues, *numbered), row, _SAME_S)
    if found is None:
        raise ReviewError(f"there is no cue {row.index} any more that says {row.text[:40]!r}: make a new review file")
    return found


def _stretch(built: Built, kept: Sequence[Correction], row: Reviewed) -> Correction:
    """What a row's stretch of speech without text was given, or is to be given."""
    stretches = [stretch for stretch in built.report.uncovered if stretch.language == row.language]
    new = [Correction(start_s=stretch.start_s, end_s=stretch.end_s, before="", after="") for stretch in stretches]
    found = _nearest((*(correction for correction in kept if not correction.before), *new), row, NEAR_S)
    if found is None:
        raise ReviewError(f"no speech without text begins at {row.start_s} s: make a new review file")
    return found


def _nearest(corrections: Iterable[Correction], row: Reviewed, within_s: float) -> Correction | None:
    """The one that begins nearest to the row; of equals the first."""
    near = [(abs(c.start_s - row.start_s), c) for c in corrections if abs(c.start_s - row.start_s) <= within_s]
    return min(near, key=lambda pair: pair[0])[1] if near else None


def _kept(store: Store, medium_id: str, language: str) -> tuple[Correction, ...]:
    return read_corrections(store, medium_id, (language,)).get(language, ())


def _merged(kept: Sequence[Correction], new: Sequence[Correction]) -> list[Correction]:
    """The newest word on each cue."""
    return list({(c.start_s, c.before): c for c in (*kept, *new)}.values())


def _rewritten(store: Store, run: Run, media: set[str]) -> tuple[Written, list[str]]:
    """Write these media's files; also sentences on copies with subtitles, which only a run makes anew."""
    reader = Reader(store, run)
    written, stale = Written(), []
    for row in run.rows:
        if row.medium.id not in media or (built := (state := reader.read(row)).built) is None:
            continue
        written += restore(built, run, store, reader.names, state.stems, ())
        if path := outdated(built, store, reader.names):
            stale.append(f"{store.url_of(path)} shows the old subtitles: {MUX_ANEW}")
    return written, stale
