"""The manifest: every medium that a run's inputs stand for, and what is none among them, with the reason.

What is a medium is decided by opening it (:mod:`pipelines.media.decode`), not by its name. It does not know how
files are found (:mod:`pipelines.archive.inputs`) or what is done already.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import pyarrow as pa

from cluster.feedback import Feedback
from pipelines.archive.candidates import Candidate, locate, unreadable
from pipelines.archive.inputs import find_candidates
from pipelines.archive.media import Media, longest_first
from pipelines.languages import UnknownLanguage, language_code
from pipelines.media.decode import probe
from pipelines.media.media_error import MediaError
from pipelines.records import Failure, Medium
from pipelines.settings import MediaLimits

_SIGNATURE_PARAMETERS = frozenset({
    "signature", "expires", "token", "access_token", "sig", "se", "sp", "sv", "sr", "st", "spr", "sip",
    "ske", "skoid", "skt", "sktid", "sks", "skv", "awsaccesskeyid", "googleaccessid", "key-pair-id",
    "policy", "security-token", "hdnea", "hdnts", "hdntl",
})  # fmt: skip
_AT_ONCE = 2_000
"""Candidates that are looked up together, and kept together once they are opened."""
_SIGNATURE_PREFIXES = ("x-amz-", "x-goog-")


def build_manifest(
    inputs: Sequence[str],
    limits: MediaLimits,
    feedback: Feedback,
    *,
    audio_stream: int | None = None,
    source: str | None = None,
    known: Media | None = None,
    keep: Callable[[Media], object] | None = None,
) -> Media:
    """All media of the inputs, longest first, then by name; what is no medium is there with its ``failure``.

    Args:
        inputs: Folders, globs, files and lists (JSONL, CSV, Parquet) as local paths or URLs of any fsspec
        store.
        audio_stream: Index of the stream within the file; else it is chosen by language where there are
        several.
        source: Code of the language that is wanted of several streams, where a list does not name one.
        known: Media of an earlier manifest, made with the same ``audio_stream`` and ``source``: what has not
        changed since is not opened again.
        keep: Takes in what was opened, a batch after the other while more are to come.

    A file that cannot be read (any more) is a row with a transient failure. A file that was found twice is
    listed once, with the targets of all its rows in lists.

    Raises:
        NoInput: if an input does not exist, or nothing at all was found.
        ListError: for a list with a bad row; the message names file and line.
    """
    candidates = _once(find_candidates(inputs, feedback), feedback)
    feedback.progress(media_found=len(candidates), media_probed=0)
    known = Media.of(()) if known is None else known
    work = functools.partial(probe_candidate, limits=limits, audio_stream=audio_stream, source=source, known=known)
    tables, done = [Media.of(()).table], 0
    candidates.reverse()  # taken from the end, so that each is let go
    while candidates:
        batch = [candidates.pop() for _ in range(min(_AT_ONCE, len(candidates)))]
        before, new = _known(batch, known)
        done += len(before)
        feedback.progress(media_probed=done)
        opened = []
        for medium in _in_threads(work, new):
            opened.append(medium)
            feedback.progress(media_probed=done + len(opened))
        # What failed in passing, a store's hiccup or a machine that was busy, gets one more look.
        again = [at for at, medium in enumerate(opened) if medium.failure and not medium.failure.permanent]
        for at, medium in zip(again, _in_threads(work, [new[at] for at in again]), strict=True):
            opened[at] = medium
        done += len(opened)
        found = Media.of(opened)
        tables += [before.table, found.table]
        if keep and candidates and opened:
            keep(found)
    media = Media(pa.concat_tables(tables))
    tables.clear()
    ordered = longest_first(media.first_of_each())
    del media
    pa.default_memory_pool().release_unused()
    return ordered


def _known(candidates: Sequence[Candidate], known: Media) -> tuple[Media, list[Candidate]]:
    """The media among candidates that are known, as they are found now, and the candidates that are to be opened."""
    listed = [c for c in candidates if c.failure is None and c.size is not None and c.version is not None]
    ids = [medium_id(c.url, c.size or 0, c.version or "", c.language, c.targets) for c in listed]
    rows = known.rows_of(ids)
    rows[np.isin(rows, known.failed)] = -1
    sound = np.flatnonzero(rows >= 0)
    found = [listed[at] for at in sound]
    media = known.take(rows[sound])
    for name in ("url", "name"):
        media = media.with_column(name, pa.array([getattr(c, name) for c in found], pa.string()))
    there = set(map(id, found))
    return media, [c for c in candidates if id(c) not in there]


def probe_candidate(
    candidate: Candidate,
    limits: MediaLimits,
    audio_stream: int | None = None,
    source: str | None = None,
    known: Media | None = None,
) -> Medium:
    """Open one candidate and say what it is. Never raises for what a file or store may do: that is a failure
    row.
    """
    failed = functools.partial(_failed, candidate)
    if candidate.failure is not None:
        return failed(candidate.size or 0, candidate.version or "", candidate.failure)
    try:
        size, version = _size_and_version(candidate, limits)
    except IsADirectoryError as error:
        return failed(0, "", Failure(kind="not_media", detail=str(error), permanent=True))
    except OSError as error:
        return failed(0, "", unreadable(error))
    identity = medium_id(candidate.url, size, version, candidate.language, candidate.targets)
    before = known.get(identity) if known is not None else None
    if before is not None and before.failure is None:
        return before.model_copy(update={"url": candidate.url, "name": candidate.name})
    try:
        found = probe(candidate.url, limits, audio_stream, candidate.language or source)
    except MediaError as error:
        return failed(size, version, error.failure)
    except OSError as error:
        return failed(size, version, unreadable(error))
    return Medium(
        id=identity,
        url=candidate.url,
        name=candidate.name,
        size=size,
        version=version,
        duration_s=found.duration_s,
        container=found.container,
        audio_stream=found.audio_stream,
        language=candidate.language or _tagged_language(found.language),
        listed_language=candidate.language is not None,
        targets=candidate.targets,
    )


def medium_id(url: str, size: int, version: str, language: str | None = None, targets: Sequence[str] = ()) -> str:
    """20 hexadecimal digits that stand for this content at this place; signatures in the URL do not enter.

    The languages that a list names for it do: another language is other work, beside the old.
    """
    wanted = [[language, *targets]] if language or targets else []
    text = json.dumps([without_signature(url), size, version, *wanted])
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def without_signature(url: str) -> str:
    """A web URL without its fragment and the parameters that sign it for a while; any other URL as it is."""
    if not url.startswith(("http://", "https://")):
        return url
    split = urlsplit(url)
    kept = [part for part in split.query.split("&") if part and not _signs(part.partition("=")[0])]
    return urlunsplit((split.scheme, split.netloc, split.path, "&".join(kept), ""))


def _signs(parameter: str) -> bool:
    name = parameter.lower()
    return name in _SIGNATURE_PARAMETERS or name.startswith(_SIGNATURE_PREFIXES)


def _once(candidates: Sequence[Candidate], feedback: Feedback) -> list[Candidate]:
    """Each URL once: the first name stands, what lists say about it is put together."""
    once: dict[str, Candidate] = {}
    for candidate in candidates:
        key = without_signature(candidate.url)
        first = once.get(key)
        once[key] = candidate if first is None else _merged(first, candidate, feedback)
    return list(once.values())


def _merged(first: Candidate, second: Candidate, feedback: Feedback) -> Candidate:
    if first.language and second.language and first.language != second.language:
        feedback.warning(
            f"{first.name} is listed as {first.language} and as {second.language}; {first.language} is taken."
        )
    return Candidate(
        url=first.url,
        name=first.name,
        size=first.size if first.size is not None else second.size,
        version=first.version if first.version is not None else second.version,
        language=first.language or second.language,
        targets=tuple(dict.fromkeys((*first.targets, *second.targets))),
        # A file that is named outright is opened, even if a scan would not have done so.
        failure=first.failure and second.failure,
    )


def _size_and_version(candidate: Candidate, limits: MediaLimits) -> tuple[int, str]:
    if candidate.size is None or candidate.version is None:
        return locate(candidate.url, limits.urls)
    return candidate.size, candidate.version


def _failed(candidate: Candidate, size: int, version: str, failure: Failure) -> Medium:
    return Medium(
        id=medium_id(candidate.url, size, version, candidate.language, candidate.targets),
        url=candidate.url,
        name=candidate.name,
        size=size,
        version=version,
        language=candidate.language,
        targets=candidate.targets,
        failure=failure,
    )


def _tagged_language(tag: str | None) -> str | None:
    """The code of a stream's language tag; a tag that says nothing, or nothing known, is none."""
    try:
        return language_code(tag) if tag else None
    except UnknownLanguage:
        return None


def _in_threads(work: Callable[[Candidate], Medium], candidates: Iterable[Candidate]) -> Iterator[Medium]:
    """A few probes at once, in order: each is a child process that mostly waits for its store."""
    rest, threads = iter(candidates), min(8, max(2, os.cpu_count() or 2))
    pool = ThreadPoolExecutor(threads)
    try:
        # A few more wait than are at work: a file that takes long holds nobody up, and nothing piles up.
        under_way: deque[Future[Medium]] = deque(pool.submit(work, c) for c in islice(rest, 8 * threads))
        while under_way:
            yield under_way.popleft().result()
            under_way.extend(pool.submit(work, c) for c in islice(rest, 1))
    finally:
        pool.shutdown(cancel_futures=True)
