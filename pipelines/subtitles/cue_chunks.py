"""A window's texts to chunks: what one cue will show, when it is spoken, and the transcript beneath it.

It decides what stands together. When a cue is shown, and where its lines break, is decided elsewhere.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from pipelines.records import PartWindow, Text
from pipelines.settings import CueSettings
from pipelines.subtitles.line_breaks import FORBIDDEN, LineBreaks, begins_turn, break_cost, lines_needed, turns
from pipelines.subtitles.placing import Span, SpeechAxis, place, place_by_tokens, speech_axis
from pipelines.subtitles.sentences import split_sentences, split_units
from pipelines.subtitles.typography import typeset, without_dash
from quality.subtitle_rules import Profile
from quality.text import plain

TOUCH_S = 0.5
"""Two neighbours with at most this much silence between them may share a cue."""
ANSWER_S = 1.0
"""What another one says so soon shares the cue of who spoke before, if it fits: a line and a dash for each."""
WORTH_SPLITTING_CHARS = 20
"""Long slow speech is not cut into cues with less text than this."""
CUE_COST = 0.6
"""What one more cue costs, beside an uneven split (squared share) and a bad break of cues or lines (0 to 4)."""


@dataclass(frozen=True)
class Chunk:
    """Text of one cue: its units, when it is spoken (medium seconds), the source, and the judged text it is
    from; in a bilingual cue also the source's units that stand beneath.
    """

    units: tuple[str, ...]
    start_s: float
    end_s: float
    source: str
    source_language: str
    text: Text
    beneath: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Sentence:
    """A sentence's units, where on the axis it is spoken, and the source beneath it."""

    units: list[str]
    position: Span
    source: str
    source_language: str


def window_chunks(window: PartWindow, text: Text, settings: CueSettings, limits: Profile) -> list[Chunk]:
    """The chunks of one window, in order; their words are the text's words,
    as far as they are seen: a model that writes subtitle tags has them taken away.

    ``text`` is one of the window's targets, or its transcript; ``limits`` are those of a cue in its language.
    """
    language = text.language
    sentences = split_sentences(typeset(plain(text.text), language, settings.quotes), language)
    units = [unit for sentence in sentences if (unit := split_units(sentence, limits.max_line_chars))]
    if not units:
        return []
    axis = speech_axis(window.segments, window.start_s, window.end_s)
    sources = split_sentences(
        typeset(plain(window.source.text), window.source.language, settings.quotes), window.source.language
    )
    positions = _sentence_positions([" ".join(sentence) for sentence in units], sources, window, text, axis)
    beneath = zip(units, positions, _matching(sources, positions, axis), strict=True)
    placed = [_Sentence(*of, window.source.language) for of in beneath]
    bilingual = settings.bilingual and language != window.source.language
    if bilingual:
        limits = replace(limits, max_lines=max(1, limits.max_lines // 2))
    cut = [_sentence_chunks(sentence, text, limits, axis, bilingual) for sentence in placed]
    chunks = [chunk for sentence in cut for chunk in sentence]
    timed = place_by_tokens([" ".join(chunk.units) for chunk in chunks], text.tokens, _start(window))
    if timed is not None:
        chunks = [_timed(chunk, span, axis) for chunk, span in zip(chunks, timed, strict=True)]
    if bilingual:
        groups = [len(own) for own in cut] if len(sources) == len(cut) else [len(chunks)]
        texts = sources if len(sources) == len(cut) else [" ".join(sources)]
        chunks = _with_source_beneath(chunks, groups, texts, limits)
    return _without_lone_dashes(_merged(chunks, limits))


def _sentence_chunks(
    sentence: _Sentence, text: Text, limits: Profile, axis: SpeechAxis, bilingual: bool
) -> list[Chunk]:
    position, lines = sentence.position, 0
    if bilingual:
        lines = lines_needed(split_units(sentence.source, limits.max_line_chars), limits.max_line_chars)
    spoken_s = axis.end_at(position[1]) - axis.start_at(position[0])
    at_least = math.ceil(lines / limits.max_lines)
    parts = split_for_cues(sentence.units, text.language, limits, spoken_s, at_least=at_least)
    spans = place([_weight(" ".join(part)) for part in parts], axis, position)
    chunks = []
    for part, (start, end) in zip(parts, spans, strict=True):
        begin = axis.start_at(start)
        end_s = max(begin, axis.end_at(end))
        chunks.append(Chunk(tuple(part), begin, end_s, sentence.source, sentence.source_language, text))
    return chunks


def _with_source_beneath(
    chunks: Sequence[Chunk], groups: Sequence[int], sources: Sequence[str], limits: Profile
) -> list[Chunk]:
    """The chunks with the source beneath: of each of ``sources`` the next of ``groups`` chunks share the words."""
    found: list[Chunk] = []
    for count, source in zip(groups, sources, strict=True):
        own = chunks[len(found) : len(found) + count]
        units = split_units(source, limits.max_line_chars)
        room = limits.max_lines * limits.max_line_chars
        shares = share_out(units, [chunk.end_s - chunk.start_s for chunk in own], own[0].source_language, room)
        found += [replace(chunk, beneath=tuple(share)) for chunk, share in zip(own, shares, strict=True)]
    return found


def share_out(units: Sequence[str], weights: Sequence[float], language: str, room: int) -> list[list[str]]:
    """The units in as many runs as there are weights, about as long as these, cut where it reads well, and none with
    more than ``room`` characters if that can be.
    """
    marks = list(accumulate((len(unit) + 1 for unit in units), initial=0))
    whole = sum(weights)
    even = marks[-1] / len(weights)
    cuts, done = [0], 0.0
    for left, weight in zip(range(len(weights) - 1, 0, -1), weights, strict=False):
        done += weight / whole if whole > 0 else 1 / len(weights)

        def cost(cut: int, begin: int = cuts[-1], due: float = done * marks[-1], left: int = left) -> float:
            over = max(0, marks[cut] - marks[begin] - 1 - room) + max(0, marks[-1] - marks[cut] - left * (room + 1))
            at_cut = break_cost(units[cut - 1], units[cut], language) if 0 < cut < len(units) else 0.0
            return FORBIDDEN * over + 2 * abs(marks[cut] - due) / max(1.0, even) + at_cut

        cuts.append(min(range(cuts[-1], len(marks)), key=cost))
    return [list(units[a:b]) for a, b in pairwise([*cuts, len(units)])]


def split_for_cues(
    units: Sequence[str], language: str, limits: Profile, spoken_s: float, *, at_least: int = 1
) -> list[list[str]]:
    """A sentence's units in as few cues as hold them, more where it is spoken for longer than a cue may stay, or
    ``at_least`` so many are wanted.

    A dynamic program: even cues that end at clauses, and whose lines can be broken where it reads well; one more cue
    rather than a line that ends on an article.
    """
    total = sum(len(unit) + 1 for unit in units) - 1
    room = limits.max_lines * limits.max_line_chars
    by_time = math.ceil(spoken_s / limits.max_duration_s - 1e-9)
    wanted = max(math.ceil(total / room), min(by_time, total // WORTH_SPLITTING_CHARS), min(at_least, len(units)), 1)
    breaks = LineBreaks(units, language, limits.max_line_chars)
    if wanted == 1:
        whole = breaks.cheapest(0, len(units), limits.max_lines)
        if whole is not None and whole < FORBIDDEN:
            return [list(units)]
    even = total / wanted
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(units) + 1):
        at_end = breaks.costs[end]
        options = []
        size = -1
        for begin in range(end - 1, -1, -1):
            size += 1 + len(units[begin])
            lines = breaks.cheapest(begin, end, limits.max_lines)
            if lines is None:
                break
            uneven = (size - even) / even
            options.append((best[begin][0] + CUE_COST + 2 * uneven * uneven + at_end + lines, begin))
        best.append(min(options))
    cuts = [len(units)]
    while cuts[-1] > 0:
        cuts.append(best[cuts[-1]][1])
    cuts.reverse()
    return [list(units[a:b]) for a, b in pairwise(cuts)]


def _fits(units: Sequence[str], limits: Profile) -> bool:
    return lines_needed(units, limits.max_line_chars) <= limits.max_lines


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
        taken[_most_over(span, positions)].append(i)
    for j, position in enumerate(positions):
        if not taken[j]:
            taken[j].append(_most_over(position, placed))
    return [" ".join(sources[i] for i in own) for own in taken]


def _most_over(span: Span, tiles: Sequence[Span]) -> int:
    """Which of the tiles, which lie end to end, overlaps a span most; the first of equals."""
    first = min(bisect_left(tiles, span[0], key=lambda tile: tile[1]), len(tiles) - 1)
    last = max(first, bisect_left(tiles, span[1], lo=first, key=lambda tile: tile[0]) - 1)
    return max(range(first, last + 1), key=lambda i: (_overlap(span, tiles[i]), -i))


def _overlap(a: Span, b: Span) -> float:
    return min(a[1], b[1]) - max(a[0], b[0])


def _merged(chunks: Sequence[Chunk], limits: Profile) -> list[Chunk]:
    """Neighbours that fit one cue joined where one of them is too short to stand alone, or they are turns of a
    dialogue.
    """
    merged: list[Chunk] = []
    for chunk in chunks:
        before = merged[-1] if merged else None
        if before is not None and _should_merge(before, chunk, limits):
            source = before.source if before.source == chunk.source else f"{before.source} {chunk.source}"
            units = before.units + chunk.units
            beneath = before.beneath + chunk.beneath
            merged[-1] = replace(before, units=units, end_s=chunk.end_s, source=source.strip(), beneath=beneath)
        else:
            merged.append(chunk)
    return merged


def _should_merge(a: Chunk, b: Chunk, limits: Profile) -> bool:
    pause_s = b.start_s - a.end_s
    short = min(a.end_s - a.start_s, b.end_s - b.start_s) < limits.min_duration_s
    return (
        ((short and pause_s <= TOUCH_S) or (_is_dialogue(a, b) and pause_s <= ANSWER_S))
        and b.end_s - a.start_s <= limits.max_duration_s
        and _fits(a.units + b.units, limits)
        and _fits(a.beneath + b.beneath, limits)
    )


def _is_dialogue(a: Chunk, b: Chunk) -> bool:
    """Whether one speaks, and then another one."""
    alone = len(turns(a.units)) == len(turns(b.units)) == 1
    return alone and a.units[0].startswith("-") and begins_turn(a.units[-1], b.units[0])


def _without_lone_dashes(chunks: Sequence[Chunk]) -> list[Chunk]:
    """By Netflix's guides ("dual speakers") a dash tells two speakers of one cue apart; one alone has none."""
    found: list[Chunk] = []
    for before, chunk in zip([None, *chunks], chunks, strict=False):
        first, *others = chunk.units
        begins = before is None or begins_turn(before.units[-1], first)
        if begins and len(turns(chunk.units)) == 1:
            chunk = replace(chunk, units=(without_dash(first, chunk.text.language), *others))
        found.append(chunk)
    return found
