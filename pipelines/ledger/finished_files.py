"""The files of media that are finished, also while a run is under way: what is there whole, and nothing else."""

from __future__ import annotations

from pipelines.archive.storage import Store
from pipelines.ledger.output_names import OutputNames, claimed_paths
from pipelines.ledger.parts import ROOT, PartStore
from pipelines.ledger.review import REVIEW
from pipelines.ledger.runs import RunError, load_run
from pipelines.records import Record


class FinishedFile(Record):
    """A subtitle or review file: its path below the output folder, and its medium's name."""

    path: str
    medium: str
    language: str
    format: str


def finished_files(store: Store) -> tuple[FinishedFile, ...]:
    """Of the folder's newest run, by name. A medium gets its ledger entry when all its files are written."""
    try:
        run = load_run(store)
    except RunError:
        return ()
    finished = PartStore(store, run.fingerprint).finished()
    names = OutputNames(store, run.media, claimed_paths(store))
    there = {path for path in store.list() if not path.startswith(f"{ROOT}/")}
    found = []
    for medium in run.media:
        for language in (medium.targets or run.targets) if medium.id in finished else ():
            stem = names.find(medium, run.fingerprint, language)
            formats = (fmt for fmt in (*run.cues.formats, REVIEW) if stem and f"{stem}.{fmt}" in there)
            found += [
                FinishedFile(path=f"{stem}.{fmt}", medium=medium.name, language=language, format=fmt) for fmt in formats
            ]
    return tuple(found)
