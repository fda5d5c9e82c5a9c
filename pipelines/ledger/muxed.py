"""The copy of a medium with its subtitles in it: ``film.subtitled.mp4`` beside ``film.fr.srt``.

A copy is made when there is none with these very subtitles; the claim of its name keeps what it was made of, and how
large it was, so that a file that somebody put in its place is never overwritten. It is big: unlike the subtitle files
it never passes through memory. It does not know containers.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.archive.candidates import SUBTITLED
from pipelines.archive.storage import Store
from pipelines.ledger.assemble import Built, build_as_corrected
from pipelines.ledger.output_files import digest
from pipelines.ledger.output_names import OutputNames
from pipelines.ledger.runs import Run
from pipelines.media.remux import SUFFIXES, SoftTrack, copy_with_subtitles
from pipelines.records import Medium, Part
from pipelines.settings import MediaLimits
from pipelines.subtitles.subtitle_files import DEMO_NOTICE

MUX_ANEW = "the next run with --mux makes it anew"


class ChangedCopy(Exception):
    """A file lies under a copy's name that is not the one we wrote; the message says what to do."""


def mux(
    medium: Medium, parts: Sequence[Part], run: Run, store: Store, names: OutputNames, limits: MediaLimits
) -> str | None:
    """The path of the medium's copy with one soft track for each language that has a cue; None if there is none.
    ``parts`` are all of the medium's; people's corrections are in the tracks.

    Raises:
        MediaError: the medium cannot be read or copied.
        StoreError: the copy cannot be written.
        ChangedCopy: somebody changed the one that is there.
        DamagedCorrections: corrections by hand cannot be read.
    """
    built = build_as_corrected(medium, parts, run.fingerprint, run.cues, run.targets, store)
    tracks = _tracks(built)
    if not tracks:
        return None
    stem = names.claim(medium, run.fingerprint, SUBTITLED, SUFFIXES)
    made_of = _made_of(tracks)
    before = names.written(stem)
    for suffix, (of, *sizes) in before.items():
        path = f"{stem}.{suffix}"
        if not store.exists(path):
            continue
        if str(store.size(path)) not in sizes:
            raise ChangedCopy(f"{store.url_of(path)} was changed since it was written: move it away, and run again")
        if of == made_of:
            return path
    path = _write(built, tracks, stem, store, limits)
    names.note_written(stem, {path.rpartition(".")[2]: (made_of, str(store.size(path)))})
    for suffix in before:
        if path != f"{stem}.{suffix}":
            store.delete(f"{stem}.{suffix}")
    return path


def outdated(built: Built, store: Store, names: OutputNames) -> str | None:
    """The path of a copy that shows other subtitles than the medium has now; None if there is none."""
    stem = names.find(built.medium, built.report.fingerprint, SUBTITLED)
    if stem is None:
        return None
    made_of = _made_of(_tracks(built))
    paths = [f"{stem}.{suffix}" for suffix, (of, *_) in names.written(stem).items() if of != made_of]
    return next(filter(store.exists, paths), None)


def _made_of(tracks: Sequence[SoftTrack]) -> str:
    return digest(repr(tracks).encode())


def _write(built: Built, tracks: list[SoftTrack], stem: str, store: Store, limits: MediaLimits) -> str:
    with store.new_folder(stem) as folder:
        copy = copy_with_subtitles(built.medium, tracks, folder, limits)
        path = f"{stem}{copy.suffix}"
        store.take_in(copy, path)
    return path


def _tracks(built: Built) -> list[SoftTrack]:
    with_styles = bool(built.settings.ass_style)
    return [
        SoftTrack(
            language=language,
            title=DEMO_NOTICE if built.report.demo_model else "",
            srt=built.render(language, "srt").decode(),
            ass=built.render(language, "ass").decode() if with_styles else "",
        )
        for language in built.languages
        if built.cues[language]
    ]
