"""A finished medium's parts become its subtitle files and its report.

:func:`build` is a pure function: the same parts and settings give the same bytes, wherever and whenever,
which is what ``verify`` relies on; :func:`assemble` writes what it built. Costs no model time. It does not
know how the parts came to be, nor whether the medium has more shards than it is given parts: its caller
counts them. What somebody corrected by hand is never lost: :mod:`pipelines.ledger.output_files` writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from pydantic import Field

from pipelines.archive.storage import Store
from pipelines.ledger.corrections import Corrected, Corrections, corrected, read_corrections
from pipelines.ledger.coverage import Stretch, speech_s, uncovered
from pipelines.ledger.output_files import Written, write_files
from pipelines.ledger.output_names import OutputNames
from pipelines.ledger.review import REVIEW, render_review, review_rows
from pipelines.ledger.runs import Run, public_url
from pipelines.records import Cue, Medium, Part, PartWindow, Record, Text
from pipelines.settings import CueSettings
from pipelines.subtitles.cues import check_cues, make_cues
from pipelines.subtitles.subtitle_files import ShardFailure, TrackFacts, render

Status = Literal["ok", "partial", "failed"]


class MediumReport(Record):
    """What became of a medium. Lengths are seconds; counts of cues are over all target languages."""

    medium_id: str
    name: str
    url: str
    fingerprint: str
    status: Status
    """``partial``: some shards failed for good. ``failed``: all of them, or the medium itself; it has no
    files.
    """
    source: str
    """Spoken language: the one of most windows, or empty."""
    languages: tuple[str, ...]
    """Target languages."""
    demo_model: bool
    duration_s: float
    speech_s: float
    """Speech that was found."""
    covered_s: float
    """Of that, in windows that have a text in every target language."""
    uncovered: tuple[Stretch, ...] = ()
    """Speech that got no text, by target language."""
    windows: int
    no_speech: int
    """Windows that the gate left empty because nobody speaks in them."""
    needs_review: int
    """Texts (a window and target language) that ship marked."""
    retries: int
    """Attempts beyond the first, of all texts."""
    cues: int
    violations: dict[str, int] = Field(default_factory=dict)
    """Broken subtitle rules, by rule."""
    to_review: int = 0
    """Cues and stretches that the review files list."""
    corrected: int = 0
    """Corrections by hand that were applied."""
    lost_corrections: tuple[str, ...] = ()
    """Sentences on corrections whose cue is not there any more; they are kept."""
    failures: tuple[ShardFailure, ...] = ()
    outputs: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Path below the output folder by language and format."""
    kept_edits: tuple[str, ...] = ()
    """Sentences on files that had been changed by hand: they were kept aside before they were written anew."""


@dataclass(frozen=True)
class Built:
    """A medium assembled in memory: its report (without paths) and its tracks by language."""

    report: MediumReport
    tracks: dict[str, Corrected]
    medium: Medium
    windows: tuple[PartWindow, ...]
    settings: CueSettings

    @property
    def formats(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.settings.formats))

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """(language, format) of every file that the medium has; none if it failed."""
        return tuple((language, fmt) for language in self.languages for fmt in self.formats_in(language))

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages in which the medium has files."""
        return () if self.report.status == "failed" else self.report.languages

    @property
    def cues(self) -> dict[str, tuple[Cue, ...]]:
        return {language: track.cues for language, track in self.tracks.items()}

    def formats_in(self, language: str) -> tuple[str, ...]:
        """The run's formats, and a review file where something wants a look."""
        return (*self.formats, *([REVIEW] if self.review_rows(language) else []))

    def review_rows(self, language: str) -> list[Cue | Stretch]:
        stretches = [stretch for stretch in self.report.uncovered if stretch.language == language]
        return review_rows(self.cues[language], stretches, self.tracks[language].dismissals)

    def render(self, language: str, fmt: str) -> bytes:
        """The bytes of one of its files."""
        report = self.report
        if fmt == REVIEW:
            return render_review(self.review_rows(language), self.medium.id, language)
        facts = TrackFacts(
            source_language=report.source,
            fingerprint=report.fingerprint,
            windows=self.windows,
            failures=report.failures,
            report=_told(report, language),
        )
        return render(
            fmt,
            self.cues[language],
            self.medium,
            language,
            report.demo_model,
            facts=facts,
            ass_style=self.settings.ass_style,
        )


def build(
    medium: Medium,
    parts: Sequence[Part],
    fingerprint: str,
    cue_settings: CueSettings,
    targets: Sequence[str],
    corrections: Corrections | None = None,
) -> Built:
    """Assemble a medium without writing anything.

    ``targets`` are the run's target languages, for a medium whose list names none of its own. A medium
    without speech, or of no length, has files without cues. One without any result (``failed``) has no files:
    an empty file would say that nobody speaks. ``corrections`` are people's, by language.
    """
    ordered = sorted(parts, key=lambda p: p.index)
    windows = tuple(w for p in ordered for w in p.windows)
    languages = tuple(dict.fromkeys(medium.targets or targets))
    status = _status(medium, ordered)
    length_s = medium.duration_s or None
    made = {
        language: make_cues(windows, language, cue_settings, length_s) if status != "failed" else []
        for language in languages
    }
    by_hand = corrections or {}
    tracks = {
        language: corrected(cues, by_hand.get(language, ()), language, cue_settings) for language, cues in made.items()
    }
    cues = {language: track.cues for language, track in tracks.items()}
    report = MediumReport(
        medium_id=medium.id,
        name=medium.name,
        url=public_url(medium.url),
        fingerprint=fingerprint,
        status=status,
        source=_source(ordered),
        languages=languages,
        demo_model=any(p.demo_model for p in ordered),
        duration_s=medium.duration_s,
        speech_s=sum(map(speech_s, windows)),
        covered_s=sum(speech_s(w) for w in windows if _covered(w, languages)),
        uncovered=tuple(stretch for language in languages for stretch in uncovered(windows, language)),
        windows=len(windows),
        no_speech=sum(all(t.verdict == "no_speech" for t in w.targets or (w.source,)) for w in windows),
        needs_review=sum(t.verdict == "needs_review" for w in windows for t in _texts(w, languages)),
        retries=sum(t.attempts - 1 for w in windows for t in (w.source, *w.targets)),
        cues=sum(map(len, cues.values())),
        violations=_violations(cues, cue_settings, length_s),
        corrected=sum(len(by_hand.get(language, ())) - len(tracks[language].unmatched) for language in languages),
        lost_corrections=tuple(
            f"{medium.name}: the correction at {lost.start_s:.1f} s ({language}) finds no cue any more that says "
            f"{lost.before[:40]!r}; it is kept"
            for language in languages
            for lost in tracks[language].unmatched
        ),
        failures=failures_of(medium, ordered),
    )
    built = Built(report, tracks, medium, windows, cue_settings)
    to_review = sum(len(built.review_rows(language)) for language in built.languages)
    return replace(built, report=report.model_copy(update={"to_review": to_review}))


def build_as_corrected(
    medium: Medium,
    parts: Sequence[Part],
    fingerprint: str,
    cue_settings: CueSettings,
    targets: Sequence[str],
    store: Store,
) -> Built:
    """:func:`build`, with the corrections that people made.

    Raises:
        DamagedCorrections: if they cannot be read.
    """
    by_hand = read_corrections(store, medium.id, medium.targets or targets)
    return build(medium, parts, fingerprint, cue_settings, targets, by_hand)


def assemble(
    medium: Medium,
    parts: Sequence[Part],
    fingerprint: str,
    cue_settings: CueSettings,
    store: Store,
    *,
    names: OutputNames,
    targets: Sequence[str],
) -> MediumReport:
    """:func:`build_as_corrected`, then write every format of every target language, each file whole;
    returns the report.

    Doing it again gives the same files under the same names; a file that somebody changed is first kept aside,
    or left as it is if its text would be the same as before.

    Raises:
        StoreError: if a file cannot be written.
        DamagedCorrections: if corrections by hand cannot be read.
    """
    built = build_as_corrected(medium, parts, fingerprint, cue_settings, targets, store)
    outputs: dict[str, dict[str, str]] = {}
    written = Written()
    for language in built.languages:
        formats = built.formats_in(language)
        stem = names.claim(medium, fingerprint, language, formats)
        outputs[language] = {fmt: f"{stem}.{fmt}" for fmt in formats}
        written += write_files(store, names, stem, formats, partial(built.render, language))
    return built.report.model_copy(update={"outputs": outputs, "kept_edits": written.kept_edits})


def restore(
    built: Built,
    run: Run,
    store: Store,
    names: OutputNames,
    stems: Mapping[str, str | None],
    present: Container[str],
) -> Written:
    """Write those files of an assembled medium that are not there, or all if the cues look different now.

    ``stems`` are the names that it holds already, by language; ``present`` the paths in the output folder.
    Unless ``run.alike``, files that are there are left alone; else one that a user corrected by hand is kept
    aside before it is written anew.
    """
    written = Written()
    for language in built.languages:
        wanted = built.formats_in(language)
        stem = stems.get(language) or names.claim(built.medium, run.fingerprint, language, wanted)
        formats = [fmt for fmt in wanted if not run.alike or f"{stem}.{fmt}" not in present]
        if formats:
            written += write_files(store, names, stem, formats, partial(built.render, language))
    return written


def failures_of(medium: Medium, parts: Sequence[Part]) -> tuple[ShardFailure, ...]:
    """What failed for good: the medium itself (index -1), else its shards, by index."""
    if medium.failure:
        return (ShardFailure(index=-1, kind=medium.failure.kind, detail=medium.failure.detail),)
    return tuple(ShardFailure(index=p.index, kind=p.failure.kind, detail=p.failure.detail) for p in parts if p.failure)


def _status(medium: Medium, parts: Sequence[Part]) -> Status:
    failed = sum(p.failure is not None for p in parts)
    if medium.failure or (parts and failed == len(parts)):
        return "failed"
    return "partial" if failed else "ok"


def _source(parts: Sequence[Part]) -> str:
    counts = Counter(p.source for p in parts for _ in p.windows) or Counter(p.source for p in parts)
    return min(counts, key=lambda language: (-counts[language], language), default="")


_TOLD = {"speech_s", "covered_s", "windows", "no_speech", "needs_review", "retries", "cues", "violations", "corrected"}


def _told(report: MediumReport, language: str) -> dict[str, Any]:
    """What the JSON file of one language says of its medium."""
    stretches = [s.model_dump(mode="json", exclude={"language"}) for s in report.uncovered if s.language == language]
    return report.model_dump(mode="json", include=_TOLD) | {"uncovered": stretches}


def _texts(window: PartWindow, languages: Sequence[str]) -> list[Text]:
    """The texts that are shown, one a language; for a language that is spoken it may be the transcript."""
    texts = {window.source.language: window.source} | {t.language: t for t in window.targets}
    return [texts[language] for language in languages if language in texts]


def _covered(window: PartWindow, languages: Sequence[str]) -> bool:
    texts = _texts(window, languages)
    return len(texts) == len(languages) and all(t.text.strip() for t in texts)


def _violations(cues: dict[str, tuple[Cue, ...]], settings: CueSettings, duration_s: float | None) -> dict[str, int]:
    found = (check_cues(track, language, settings, duration_s) for language, track in cues.items())
    return dict(sorted(Counter(v.rule for broken in found for v in broken).items()))
