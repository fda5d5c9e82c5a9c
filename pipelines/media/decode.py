"""Probe and decode media in a child process that may crash, hang or grow without harm.

:func:`probe` and :func:`decode` start :mod:`pipelines.media.decode_child`, watch the clock and the amount of its
output, and turn whatever becomes of it into samples or one :class:`MediaError`. No container or codec is ever
parsed in the calling process. It does not know containers, shards or speech.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import langcodes
import numpy as np

from pipelines.media.media_error import MediaError
from pipelines.records import SAMPLE_RATE, Failure, Record
from pipelines.settings import MediaLimits

CHILD: tuple[str, ...] = (sys.executable, "-P", "-m", "pipelines.media.decode_child")
"""What is run for one request. ``-P`` keeps the current folder, which may be an archive, out of the module
path.
"""

_PROJECT = str(Path(__file__).resolve().parents[2])
_MOST_WORDS = 64 * 1024
_OWN_FAULT = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}


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
    command: Sequence[str] = CHILD,
) -> Probe:
    """Look into a file: the stream that will be heard, and where its sound really ends.

    ``audio_stream`` is an index within the file; without it the stream tagged with ``language`` (ISO 639-1)
    is taken, else the one that a player would take. Raises :class:`MediaError` for anything that cannot be
    decoded.
    """
    tags = _tags(language) if language else []
    request = {"do": "probe", "url": url, "audio_stream": audio_stream, "language_tags": tags}
    _, answer = ask_child(request, limits, 0, command)
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
    command: Sequence[str] = CHILD,
) -> np.ndarray:
    """The medium's samples [round(start_s * 16000), round(end_s * 16000)): int16, mono, 16 kHz, shape (n,).

    Shorter, down to none, where the medium ends before ``end_s``. Every call gives exactly what the same
    slice of the whole medium would be. Raises :class:`MediaError`.
    """
    first, last = round(max(0.0, start_s) * SAMPLE_RATE), round(end_s * SAMPLE_RATE)
    if last <= first:
        return np.zeros(0, np.int16)
    request = {"do": "decode", "url": url, "audio_stream": audio_stream, "first": first, "last": last}
    data, _ = ask_child(request, limits, (last - first) * 2, command)
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


def ask_child(
    request: dict[str, Any], limits: MediaLimits, most_bytes: int, command: Sequence[str]
) -> tuple[bytearray, dict[str, Any]]:
    """Run a child on one request. Returns its output, at most ``most_bytes``, and its answer. Raises MediaError."""
    line = json.dumps({**request, "limits": limits.model_dump()}) + "\n"
    child = subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
    )
    try:
        data, words = _talk(child, line.encode(), time.monotonic() + limits.wall_s, most_bytes)
    except TimeoutError:
        raise _error("timeout", f"not decoded within {limits.wall_s:.0f} s", permanent=False) from None
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
    return data, _answer(words, child.returncode, limits)


def _environment() -> dict[str, str]:
    """The caller's, so that stores find their credentials; one thread for the numeric libraries, which
    reserve memory for every thread that they could start.
    """
    paths = [_PROJECT, os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def _talk(child: subprocess.Popen[bytes], line: bytes, deadline: float, most_bytes: int) -> tuple[bytearray, bytes]:
    """Send the request; collect stdout and the end of stderr until both close. Raises TimeoutError at the
    deadline.
    """
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    try:
        child.stdin.write(line)
        child.stdin.close()
    except BrokenPipeError:
        pass  # it died at once: its exit status tells
    data, words = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ, data)
        selector.register(child.stderr, selectors.EVENT_READ, words)
        while selector.get_map():
            left_s = deadline - time.monotonic()
            ready = selector.select(max(0.0, left_s))
            if not ready or left_s < 0:
                raise TimeoutError
            for key, _ in ready:
                piece = os.read(key.fd, 1 << 20)
                if not piece:
                    selector.unregister(key.fileobj)
                key.data.extend(piece)
            if len(data) > most_bytes:
                raise _error("crashed", "the decoder wrote more than it was asked for", permanent=True)
            del words[:-_MOST_WORDS]
    try:
        child.wait(max(1.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    return data, bytes(words)


def _answer(words: bytes, status: int, limits: MediaLimits) -> dict[str, Any]:
    lines = words.decode(errors="replace").strip().splitlines()
    if status == 0:
        try:
            said: dict[str, Any] = json.loads(lines[-1])
        except (IndexError, ValueError):
            raise _error("crashed", "the decoder ended without an answer", permanent=False) from None
        if "answer" in said:
            return dict(said["answer"])
        raise _error(said["kind"], said["detail"], said["permanent"])
    if -status == signal.SIGXCPU:
        raise _error("limit", f"decoding took more than {limits.cpu_s:.0f} s of CPU time", permanent=True)
    last = f": {lines[-1]}" if lines else ""
    if status < 0:
        name = signal.Signals(-status).name
        raise _error("crashed", f"the decoder died of {name}{last}", permanent=-status in _OWN_FAULT)
    raise _error("crashed", f"the decoder ended with status {status}{last}", permanent=False)


def _error(kind: str, detail: str, permanent: bool) -> MediaError:
    return MediaError(Failure(kind=kind, detail=detail, permanent=permanent))
