"""What is sent back: a finished medium in OpenAI's formats, or its events while it is worked on.

The cues are the batch job's, and so are the files: ``srt`` and ``vtt`` are what it writes, byte for byte. Whatever
the embedded demo model made says so: in a field of JSON, in a last line of text, and in a header of every answer.
"""

from __future__ import annotations

import json
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from pipelines.languages import english_name
from pipelines.records import TO_IDENTIFY, UNIDENTIFIED, Cue, PartWindow, Text
from pipelines.subtitles.cue_text import shown_lines
from pipelines.subtitles.subtitle_files import DEMO_NOTICE, render
from quality.ladder import FIRST
from quality.subtitle_rules import reading_speed
from ray_apps.serving.forms import TranscriptionForm
from ray_apps.serving.work import Done, Progress

CONTENT_TYPES = {
    "json": "application/json",
    "verbose_json": "application/json",
    "text": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}
DEMO_HEADER = "X-Voxtral-Demo-Model"


def answer(done: Done, form: TranscriptionForm, task: str, demo_model: bool) -> Response:
    """``task`` is OpenAI's word: ``transcribe`` or ``translate``."""
    kind = form.response_format
    match kind:
        case "srt" | "vtt":
            content = render(kind, done.cues, done.medium, done.language, demo_model)
        case "text":
            content = _text_file(done, demo_model)
        case "verbose_json":
            content = _json(verbose(done, form, task, demo_model))
        case _:
            content = _json({"text": text_of(done.cues), **_usage(done), **_demo(demo_model)})
    return Response(content, headers={"Content-Type": CONTENT_TYPES[kind]})


def text_of(cues: Sequence[Cue]) -> str:
    """All that is said, a line a cue."""
    return "\n".join(map(one_line, cues))


def one_line(cue: Cue) -> str:
    return " ".join(shown_lines(cue))


def verbose(done: Done, form: TranscriptionForm, task: str, demo_model: bool) -> dict[str, Any]:
    """OpenAI's ``verbose_json``; a segment is a cue, with its scores beside what OpenAI has."""
    document: dict[str, Any] = {
        "task": task,
        "language": _named(done.language if task == "translate" else done.source),
        "duration": done.medium.duration_s,
        "text": text_of(done.cues),
    }
    if task == "translate":
        document["source_language"] = _named(done.source)
    if "segment" in form.timestamp_granularities:
        document["segments"] = _segments(done, form.temperature)
    if "word" in form.timestamp_granularities:
        document["words"] = _words(done)
    return document | _usage(done) | _demo(demo_model)


def _segments(done: Done, temperature: float) -> list[dict[str, Any]]:
    starts = [window.start_s for window in done.windows]
    return [
        _segment(cue, done.windows[max(0, bisect_right(starts, cue.start_s) - 1)], done.language, temperature)
        for cue in done.cues
    ]


def _segment(cue: Cue, window: PartWindow, language: str, temperature: float) -> dict[str, Any]:
    text = one_line(cue)
    given = _text_in(window, language)
    packed = text.encode()
    heard = [s.confidence for s in window.segments if s.end > cue.start_s and s.start < cue.end_s]
    return {
        "id": cue.index - 1,
        "seek": round(window.start_s * 100),
        "start": cue.start_s,
        "end": cue.end_s,
        "text": text,
        "tokens": [],
        "temperature": temperature if given.step == FIRST else 0.0,
        "avg_logprob": given.logprob,
        # Whisper's: bytes of the text to those of its zlib form.
        "compression_ratio": round(len(packed) / len(zlib.compress(packed)), 4),
        "no_speech_prob": round(1 - (sum(heard) / len(heard) if heard else 0.0), 4),
        **judged(cue),
    }


def judged(cue: Cue) -> dict[str, Any]:
    """What the gate and the subtitle rules say of a cue."""
    return {
        "source": cue.source,
        "score": cue.score,
        "verdict": cue.verdict,
        "reasons": list(cue.reasons),
        "characters_per_second": round(reading_speed(cue.text, cue.end_s - cue.start_s), 2),
    }


def _text_in(window: PartWindow, language: str) -> Text:
    return next((text for text in window.targets if text.language == language), window.source)


def _words(done: Done) -> list[dict[str, Any]]:
    """Words of the texts in the answer's language and when they are said, seconds."""
    words: list[dict[str, Any]] = []
    for window in done.windows:
        begins = True
        for token in _text_in(window, done.language).tokens:
            for piece in _pieces(token.text):
                if piece.isspace():
                    begins = True
                    continue
                start, end = (round(window.start_s + at, 3) for at in (token.start, token.end))
                if begins:
                    words.append({"word": piece, "start": start, "end": end})
                else:
                    words[-1] |= {"word": words[-1]["word"] + piece, "end": end}
                begins = False
    return words


def _pieces(text: str) -> list[str]:
    """``" le mar"`` to ``[" ", "le", " ", "mar"]``."""
    pieces: list[str] = []
    for character in text:
        if pieces and pieces[-1].isspace() == character.isspace():
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces


def event(value: dict[str, Any]) -> bytes:
    """A server-sent event."""
    return b"data: " + _json(value) + b"\n\n"


def progress_event(progress: Progress) -> dict[str, Any]:
    return {
        "type": "voxtral.progress",
        "done_s": round(progress.done_s, 3),
        "duration_s": round(progress.duration_s, 3),
    }


def cue_event(cue: Cue) -> dict[str, Any]:
    """OpenAI's delta of text, and the cue that it comes from."""
    return {
        "type": "transcript.text.delta",
        "delta": one_line(cue) + "\n",
        "cue": {"index": cue.index, "start": cue.start_s, "end": cue.end_s, "text": cue.text, **judged(cue)},
    }


def done_event(done: Done, demo_model: bool) -> dict[str, Any]:
    return {
        "type": "transcript.text.done",
        "text": text_of(done.cues),
        "duration": done.medium.duration_s,
        "language": done.source,
        "target": done.language,
        "demo_model": demo_model,
        **(_demo(demo_model)),
    }


def _text_file(done: Done, demo_model: bool) -> bytes:
    lines = [one_line(cue) for cue in done.cues]
    if demo_model and lines:
        lines.append(DEMO_NOTICE)
    return "".join(f"{line}\n" for line in lines).encode(errors="replace")


def _usage(done: Done) -> dict[str, Any]:
    return {"usage": {"type": "duration", "seconds": done.medium.duration_s}}


def _demo(demo_model: bool) -> dict[str, Any]:
    return {"demo_model": True, "notice": DEMO_NOTICE} if demo_model else {}


def _named(code: str) -> str:
    """As OpenAI says it: ``tr`` is ``turkish``."""
    return "" if code in (UNIDENTIFIED, TO_IDENTIFY) else english_name(code).lower()


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode(errors="replace")
