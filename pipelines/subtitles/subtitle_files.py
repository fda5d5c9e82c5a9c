"""Cues as the bytes of a file: SubRip, WebVTT, SubStation Alpha, TTML, and our own JSON.

Whatever the text says, the file stays well-formed and no part of the text becomes markup: model output may
hold tags, arrows, timestamps, blank lines or control characters. It does not know where files lie or how cues
were made.

**The demo mark.** What the embedded demo model made must say so in every file (:data:`DEMO_NOTICE`). WebVTT
has comments, SubStation Alpha and TTML have titles, and JSON has fields. SubRip has none of these: text before the
first cue, or outside cues, makes strict readers (the ``srt`` package) refuse the file, and a comment in a cue's text
(``<!-- -->``, ``{...}``) is shown as text by players that do not know it. So an SRT file gets one cue more, *after*
the last one, where credits stand by custom: it cannot overlap speech that has a cue, no player can trip over it, and
the numbers of all other cues stay those of the JSON and of the cues table. A track without any cue stays without:
there is no text that could pass for a translation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pysubs2
from pydantic import Field

from pipelines.records import Cue, Medium, PartWindow, Record
from pipelines.subtitles import imsc, substation
from pipelines.subtitles.cue_text import escaped, plain_marks, shown_lines

FORMATS = ("srt", "vtt", "json", "ass", "ssa", "ttml")

_NOTICE_LINES = ("[demo-model]", "not a real translation")
DEMO_NOTICE = " ".join(_NOTICE_LINES)
_NOTICE_S = 2.0
_NOTICE_GAP_S = 0.5


class ShardFailure(Record):
    """Why a shard (by index; -1: the whole medium) has no text."""

    index: int
    kind: str
    detail: str


class TrackFacts(Record):
    """What the JSON file tells beside the cues."""

    source_language: str = ""
    fingerprint: str = ""
    windows: tuple[PartWindow, ...] = ()
    failures: tuple[ShardFailure, ...] = ()
    report: dict[str, Any] = Field(default_factory=dict)
    """Counts of the whole medium, and the speech that got no text in this language."""


def render(
    fmt: str,
    cues: Sequence[Cue],
    medium: Medium,
    language: str,
    demo_model: bool,
    *,
    facts: TrackFacts | None = None,
    ass_style: str = "",
) -> bytes:
    """The file of one medium in one language, UTF-8 with LF; the same input gives the same bytes.

    ``ass_style`` is the content of an ASS file whose styles ``ass`` and ``ssa`` take.

    Raises:
        ValueError: if ``fmt`` is none of :data:`FORMATS`.
    """
    title = DEMO_NOTICE if demo_model else ""
    match fmt:
        case "srt":
            return _srt(cues, demo_model)
        case "vtt":
            return _vtt(cues, demo_model)
        case "json":
            return _json(cues, medium, language, demo_model, facts or TrackFacts())
        case "ass" | "ssa":
            return substation.write(fmt, cues, title, ass_style)
        case "ttml":
            return imsc.write(cues, language, title)
    raise ValueError(f"Unknown subtitle format {fmt!r}: use {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")


def count_cues(fmt: str, data: bytes) -> int:
    """How many cues a file holds, without the demo mark's.

    Raises:
        ValueError: if it is not a file of this format.
    """
    text = data.decode()
    if fmt == "json":
        document = json.loads(text)
        if not isinstance(document, dict) or not isinstance(document.get("cues"), list):
            raise ValueError("it has no list of cues")
        return len(document["cues"])
    if fmt == "ttml":
        return imsc.count(data)
    if fmt in ("ass", "ssa") and not text.startswith("[Script Info]"):
        raise ValueError("it does not begin with [Script Info]")
    if fmt == "vtt" and not text.startswith("WEBVTT"):
        raise ValueError("it does not begin with WEBVTT")
    if not text:
        return 0
    events = pysubs2.SSAFile.from_string(text, format_=fmt)
    if fmt == "srt" and not events:
        raise ValueError("it holds no cue")
    return sum(not (event.is_comment or event.text.startswith(_NOTICE_LINES[0])) for event in events)


def _srt(cues: Sequence[Cue], demo_model: bool) -> bytes:
    track = _track(cues, plain_marks)
    if demo_model and len(track):
        begin = max(cue.end_s for cue in cues) + _NOTICE_GAP_S
        track.append(_event(begin, begin + _NOTICE_S, _NOTICE_LINES))
    return track.to_string("srt", keep_ssa_tags=True).encode()


def _vtt(cues: Sequence[Cue], demo_model: bool) -> bytes:
    text: str = _track(cues, escaped).to_string("vtt", keep_ssa_tags=True)
    note = f"NOTE {DEMO_NOTICE}\n\n" if demo_model else ""
    return text.replace("WEBVTT\n\n", f"WEBVTT\n\n{note}", 1).encode()


def _json(cues: Sequence[Cue], medium: Medium, language: str, demo_model: bool, facts: TrackFacts) -> bytes:
    document: dict[str, Any] = {
        "medium": {
            "id": medium.id,
            "name": medium.name,
            "duration_s": medium.duration_s,
            "audio_stream": medium.audio_stream,
        },
        "language": language,
        "source_language": facts.source_language,
        "fingerprint": facts.fingerprint,
        "demo_model": demo_model,
        "report": facts.report,
        "cues": [_cue(c) for c in cues],
        "windows": [_window(w, language) for w in facts.windows],
        "failures": [f.model_dump(mode="json") for f in facts.failures],
    }
    if demo_model:
        document = {"notice": DEMO_NOTICE, **document}
    fields = ",\n".join(f"{_dumps(name)}: {_readable(value)}" for name, value in document.items())
    return f"{{\n{fields}\n}}\n".encode(errors="replace")


def _readable(value: Any) -> str:
    """JSON with a line for each item of a list; ``json``'s own indentation is many times slower."""
    if not isinstance(value, list) or not value:
        return _dumps(value)
    return "[\n" + ",\n".join(map(_dumps, value)) + "\n]"


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _cue(cue: Cue) -> dict[str, Any]:
    return cue.model_dump(mode="json", exclude=None if cue.beneath else {"beneath"}) | {"text": cue.text}


def _window(window: PartWindow, language: str) -> dict[str, Any]:
    """A window with its transcript and its text in this language (None if it has none)."""
    target = next((t for t in window.targets if t.language == language), None)
    return {
        "start_s": window.start_s,
        "end_s": window.end_s,
        "segments": [s.model_dump(mode="json") for s in window.segments],
        "source": window.source.model_dump(mode="json", exclude={"tokens"}),
        "target": target.model_dump(mode="json", exclude={"tokens"}) if target else None,
    }


def _track(cues: Sequence[Cue], clean: Callable[[str], str]) -> pysubs2.SSAFile:
    track = pysubs2.SSAFile()
    for cue in cues:
        lines = tuple(clean(line) for line in shown_lines(cue))
        # A cue of nothing but blanks would end the one before it in some readers; it would not be seen
        # anyway.
        if lines:
            track.append(_event(cue.start_s, cue.end_s, lines))
    return track


def _event(start_s: float, end_s: float, lines: Sequence[str]) -> pysubs2.SSAEvent:
    return pysubs2.SSAEvent(start=round(start_s * 1000), end=round(end_s * 1000), text=r"\N".join(lines))
