"""Probe and decode media in a child process that may crash, hang or grow without harm.

:func:`probe` and :func:`decode` ask :mod:`pipelines.media.decode_child` and turn its answer into samples or one
:class:`MediaError`. No container or codec is ever parsed in the calling process. It does not know containers, shards
or speech, nor how a child is started.
"""

from __future__ import annotations

from collections.abc import Sequence

import langcodes
import numpy as np

from pipelines.media.ask_child import ask_child
from pipelines.media.stop import Stop
from pipelines.records import SAMPLE_RATE, Record
from pipelines.settings import MediaLimits

_CHILD = "decode_child"


class Probe(Record):
    """What a file turned out to hold. ``language`` is an ISO 639-1 code (639-3 where there is none), from the
    tag.
    """

    duration_s: float
    container: str
    audio_stream: int
    language: str | None


def probe(
    url: str,
    limits: MediaLimits,
    audio_stream: int | None = None,
    language: str | None = None,
    *,
    command: Sequence[str] | None = None,
    stop: Stop | None = None,
) -> Probe:
    """Look into a file: the stream that will be heard, and where its sound really ends.

    ``audio_stream`` is an index within the file; without it the stream tagged with ``language`` (ISO 639-1)
    is taken, else the one that a player would take. ``command`` is started instead of the child. Raises
    :class:`MediaError` for anything that cannot be decoded, :class:`Stopped` where ``stop`` said so.
    """
    tags = _tags(language) if language else []
    request = {"do": "probe", "url": url, "audio_stream": audio_stream, "language_tags": tags}
    _, answer = ask_child(_CHILD, request, limits, 0, command, stop)
    return Probe(
        duration_s=answer["duration_s"],
        container=answer["container"],
        audio_stream=answer["audio_stream"],
        language=_language(answer["language"]),
    )


def decode(
    url: str,
    audio_stream: int,
    start_s: float,
    end_s: float,
    limits: MediaLimits,
    *,
    command: Sequence[str] | None = None,
    stop: Stop | None = None,
) -> np.ndarray:
    """The medium's samples [round(start_s * 16000), round(end_s * 16000)): int16, mono, 16 kHz, shape (n,).

    Shorter, down to none, where the medium ends before ``end_s``. Every call gives exactly what the same
    slice of the whole medium would be. ``command`` is started instead of the child. Raises :class:`MediaError`, and
    :class:`Stopped` where ``stop`` said so.
    """
    first, last = round(max(0.0, start_s) * SAMPLE_RATE), round(end_s * SAMPLE_RATE)
    if last <= first:
        return np.zeros(0, np.int16)
    request = {"do": "decode", "url": url, "audio_stream": audio_stream, "first": first, "last": last}
    data, _ = ask_child(_CHILD, request, limits, (last - first) * 2, command, stop)
    return np.frombuffer(data, np.int16)


def _tags(language: str) -> list[str]:
    """How containers may write a language: ``fr`` is also ``fra`` and ``fre``."""
    known = langcodes.Language.get(language)
    codes = {language.lower(), known.language or ""}
    for variant in ("T", "B"):
        try:
            codes.add(known.to_alpha3(variant))
        except LookupError:
            continue
    return sorted(codes - {""})


def _language(tag: str) -> str | None:
    """``tur`` to ``tr``; None for ``und``, nothing, and what is no language."""
    try:
        language = langcodes.Language.get(tag.strip().lower()).language
    except ValueError:  # LanguageTagError
        return None
    if language in (None, "und", "mul", "zxx", "mis") or not langcodes.Language.get(language).is_valid():
        return None
    return language
