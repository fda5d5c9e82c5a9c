"""A window's texts to chunks: what one cue will show, when it is spoken, and the transcript beneath it.

It decides what stands together. When a cue is shown, and where its lines break, is decided elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from pipelines.records import PartWindow, Text
from pipelines.settings import CueSettings
from pipelines.subtitles.line_breaks import break_cost, lines_needed
from pipelines.subtitles.placing import Span, SpeechAxis, place, place_by_tokens, speech_axis
from pipelines.subtitles.sentences import split_sentences, split_units
from quality.text import plain

TOUCH_S = 0.5
"""Two neighbours with at most this much silence between them may share a cue."""
WORTH_SPLITTING_CHARS = 20
"""Long slow speech is not cut into cues with less text than this."""
CUE_COST = 0.6
"""What one more cue costs, beside an uneven split (squared share) and a bad break (0 to 2)."""


@dataclass(frozen=True)
class Chunk:
    """Text of one cue: its units, when it is spoken (medium seconds), the source, and the judged text it is
    from.
    """

    units: tuple[str, ...]
    start_s: float
    end_s: float
    source: str
    text: Text


def window_chunks(window: PartWindow, text: Text, settings: CueSettings) -> list[Chunk]:
    """The chunks of one window, in order; their words are the text's words,
    as far as they are seen: a model that writes subtitle tags has them taken away.

    ``text`` is one of the window's targets, or its transcript.
    """
    language = text.language
    sentences = split_sentences(plain(text.text), language)
    units = [split_units(sentence, settings.max_line_chars) for sentence in sentences]
    units = [sentence for sentence in units if sentence]
    if not units:
        return []
    axis = speech_axis(window.segments, window.start_s, window.end_s)
    joined = [" ".join(sentence) for sentence in units]
    sources = split_sentences(window.source.text, window.source.language)
    positions = _sentence_positions(joined, sources, window, text, axis)
    chunks: list[Chunk] = []
    for sentence, position, source in zip(units, positions, _matching(sources, positions, axis), strict=True):
        spoken_s = axis.end_at(position[1]) - axis.start_at(position[0])
        parts = split_for_cues(sentence, language, settings, spoken_s)
        placed = place([_weight(" ".join(part)) for part in parts], axis, position)
        for part, (start, end) in zip(parts, placed, strict=True):
            begin = axis.start_at(start)
            chunks.append(Chunk(tuple(part), begin, max(begin, axis.end_at(end)), source, text))
    timed = place_by_tokens([" ".join(chunk.units) for chunk in chunks], text.tokens, _start(window))
    if timed is not None:
        chunks = [_timed(chunk, span, axis) for chunk, span in zip(chunks, timed, strict=True)]
    return _merge_short(chunks, settings)


def split_for_cues(units: Sequence[str], language: str, settings: CueSettings, spoken_s: float) -> list[list[str]]:
    """A sentence's units in as few cues as hold them, more where it is spoken for longer than a cue may stay.

    A dynamic program: even cues that end at clauses.
    """
    total = sum(len(unit) + 1 for unit in units) - 1
    room = settings.max_lines * settings.max_line_chars
    by_time = math.ceil(spoken_s / settings.max_duration_s - 1e-9)
    wanted = max(math.ceil(total / room), min(by_time, total // WORTH_SPLITTING_CHARS), 1)
    if wanted == 1 and _fits(units, settings):
        return [list(units)]
    even = total / wanted
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(units) + 1):
        at_end = break_cost(units[end - 1], units[end], language) if end < len(units) else 0.0
        options = []
        size = -1
        for begin in range(end - 1, -1, -1):
            size += 1 + len(units[begin])
            if size > room + settings.max_lines - 1 or not _fits(units[begin:end], settings):
                break
            uneven = (size - even) / even
            options.append((best[begin][0] + CUE_COST + 2 * uneven * uneven + at_end, begin))
        best.append(min(options))
    cuts = [len(units)]
    while cuts[-1] > 0:
        cuts.append(best[cuts[-1]][1])
    cuts.reverse()
    return [list(units[a:b]) for a, b in pairwise(cuts)]


def _fits(units: Sequence[str], settings: CueSettings) -> bool:
    return lines_needed(units, settings.max_line_chars) <= settings.max_lines


def _weight(text: str) -> float:
    """How long a text takes to say, in characters; marks alone take no time, but never none at all."""
    return max(0.5, sum(character.isalnum() for character in text))


def _start(window: PartWindow) -> float:
    return max(0.0, window.start_s) if math.isfinite(window.start_s) else 0.0


def _sentence_positions(
    sentences: Sequence[str], sources: Sequence[str], window: PartWindow, text: Text, axis: SpeechAxis
) -> list[Span]:
    """Where on the axis each sentence is spoken: by token times, else by the source's shares, else by its
    own.
    """
    pairs = len(sources) == len(sentences)
    timed = place_by_tokens(sentences, text.tokens, _start(window))
    if timed is None and pairs:
        timed = place_by_tokens(sources, window.source.tokens, _start(window))
    if timed is not None:
        ends = [axis.break_at(end) for _, end in timed[:-1]] + [axis.length]
        low, positions = 0.0, []
        for end in ends:
            positions.append((low, max(low, end)))
            low = max(low, end)
        return positions
    return place([_weight(sentence) for sentence in (sources if pairs else sentences)], axis)


def _timed(chunk: Chunk, span: Span, axis: SpeechAxis) -> Chunk:
    """The chunk at a span of medium seconds, without the pauses that the span reaches into."""
    start = axis.start_at(axis.break_at(span[0]))
    return replace(chunk, start_s=start, end_s=max(start, axis.end_at(axis.break_at(span[1]))))


def _matching(sources: Sequence[str], positions: Sequence[Span], axis: SpeechAxis) -> list[str]:
    """The source sentence(s) beneath each sentence: one to one where the counts agree, else by overlap in
    time.
    """
    if len(sources) == len(positions) or not sources:
        return list(sources) or [""] * len(positions)
    placed = place([_weight(source) for source in sources], axis)
    taken: list[list[int]] = [[] for _ in positions]
    for i, span in enumerate(placed):
        taken[max(range(len(positions)), key=lambda j: (_overlap(span, positions[j]), -j))].append(i)
    for j, position in enumerate(positions):
        if not taken[j]:
            taken[j].append(max(range(len(placed)), key=lambda i: (_overlap(placed[i], position), -i)))
    return [" ".join(sources[i] for i in own) for own in taken]


def _overlap(a: Span, b: Span) -> float:
    return min(a[1], b[1]) - max(a[0], b[0])


def _merge_short(chunks: Sequence[Chunk], settings: CueSettings) -> list[Chunk]:
    """Join neighbours that touch and fit one cue where one of them is too short to stand alone."""
    merged: list[Chunk] = []
    for chunk in chunks:
        before = merged[-1] if merged else None
        if before is not None and _should_merge(before, chunk, settings):
            source = before.source if before.source == chunk.source else f"{before.source} {chunk.source}"
            units = before.units + chunk.units
            merged[-1] = replace(before, units=units, end_s=chunk.end_s, source=source.strip())
        else:
            merged.append(chunk)
    return merged


def _should_merge(a: Chunk, b: Chunk, settings: CueSettings) -> bool:
    short = min(a.end_s - a.start_s, b.end_s - b.start_s) < settings.min_duration_s
    return (
        short
        and b.start_s - a.end_s <= TOUCH_S
        and b.end_s - a.start_s <= settings.max_duration_s
        and _fits(a.units + b.units, settings)
    )
