"""When each sentence of a window is spoken: texts placed on the window's stretches of speech.

The axis is speech time: the window's segments laid end to end, seconds. Text is thought to run evenly over
it, and the end of a sentence is thought to fall on a pause. Where the engine tells when each token was
heard, that decides. It knows nothing of cues.
"""

from __future__ import annotations

import math
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from pipelines.records import Segment, TokenTime

OFF_PAUSE_S = 1.5
"""What it costs, in seconds of misplacement, to end a sentence where nobody pauses."""
PAUSE_WORTH = 0.5
"""What a longer pause is worth over a shorter one, seconds a second (up to one second)."""
NEAR_PAUSE_S = 0.25
"""Of two sentences that part so near a pause the pause is what parts them: token times are off by a little, and VAD
pads what it hears.
"""
MAX_STEPS = 2_000_000
"""Beyond this many steps of the alignment (absurdly many sentences or pauses) text is simply spread evenly.
"""

_CLOSING = frozenset(".!?…,;:»”’\"')]")

Span = tuple[float, float]


@dataclass(frozen=True)
class SpeechAxis:
    """Segments in order, apart from each other, and the position on the axis where each begins (and the
    end).
    """

    segments: tuple[Span, ...]
    marks: tuple[float, ...]

    @property
    def length(self) -> float:
        return self.marks[-1]

    def position_of(self, time_s: float) -> float:
        """The position on the axis of a medium time; a time in a pause counts as the end of what went
        before.
        """
        index = max(0, bisect_right([start for start, _ in self.segments], time_s) - 1)
        start, end = self.segments[index]
        return self.marks[index] + min(max(0.0, time_s - start), end - start)

    def break_at(self, time_s: float) -> float:
        """The position at which what is said before and after a medium time parts: in a pause, if one is near."""
        position = self.position_of(time_s)
        nearest = min(self.marks[1:-1], key=lambda mark: abs(mark - position), default=position)
        return nearest if abs(nearest - position) <= NEAR_PAUSE_S else position

    def start_at(self, position: float) -> float:
        """Medium time at which what begins at ``position`` is heard: after a pause, not before it."""
        index = min(bisect_right(self.marks, position + 1e-9) - 1, len(self.segments) - 1)
        start, end = self.segments[max(0, index)]
        return min(end, start + max(0.0, position - self.marks[max(0, index)]))

    def end_at(self, position: float) -> float:
        """Medium time at which what ends at ``position`` was heard: before a pause, not after it."""
        index = min(max(bisect_left(self.marks, position - 1e-9) - 1, 0), len(self.segments) - 1)
        start, end = self.segments[index]
        return min(end, start + max(0.0, position - self.marks[index]))


def speech_axis(segments: Sequence[Segment], start_s: float, end_s: float) -> SpeechAxis:
    """The axis of a window; one without usable segments inside it counts as speech from end to end."""
    low = max(0.0, start_s) if math.isfinite(start_s) else 0.0
    high = max(low, end_s) if math.isfinite(end_s) else low
    spans: list[Span] = []
    usable = [(s.start, s.end) for s in segments if math.isfinite(s.start) and math.isfinite(s.end)]
    for start, end in sorted(usable):
        start, end = max(low, start, spans[-1][1] if spans else 0.0), min(high, end)
        if end > start:
            spans.append((start, end))
    spans = spans or [(low, high)]
    return SpeechAxis(tuple(spans), tuple(accumulate((b - a for a, b in spans), initial=0.0)))


def place(lengths: Sequence[float], axis: SpeechAxis, within: Span | None = None) -> list[Span]:
    """Positions on the axis (start, end) for texts of these lengths, in order, without gaps, covering
    ``within``.

    A dynamic program over where each text ends (at a pause, or where its even share ends): it minimises how
    much each is longer or shorter than its share, plus a price for ending outside a pause.
    """
    low, high = within or (0.0, axis.length)
    total = sum(lengths)
    if not lengths:
        return []
    scale = (high - low) / total if total > 0 else 0.0
    shares = [low + scale * done for done in accumulate(lengths)]
    pauses = _pauses(axis, low, high)
    if (len(shares) - 1) * (len(pauses) + 1) ** 2 > MAX_STEPS:
        pauses = {}
    ends = _align(shares, low, high, pauses)
    return list(zip([low, *ends[:-1]], ends, strict=True))


def _pauses(axis: SpeechAxis, low: float, high: float) -> dict[float, float]:
    """Positions between segments, strictly inside, and how long the pause there is."""
    gaps = zip(axis.marks[1:-1], axis.segments, axis.segments[1:], strict=False)
    return {mark: b[0] - a[1] for mark, a, b in gaps if low + 1e-6 < mark < high - 1e-6}


def _align(shares: Sequence[float], low: float, high: float, pauses: dict[float, float]) -> list[float]:
    """Where each text ends; ``shares`` are its even ends, the last of which is ``high``."""
    costs = {low: 0.0}
    came_from: list[dict[float, float]] = []
    even_before = low
    for even in shares[:-1]:
        prices = {even: OFF_PAUSE_S} | {at: -PAUSE_WORTH * min(1.0, gap) for at, gap in pauses.items()}
        expected, even_before = even - even_before, even
        new: dict[float, float] = {}
        origins: dict[float, float] = {}
        for at, price in prices.items():
            for before, cost in costs.items():
                # no two sentences end on one pause, or within a breath of it
                if at < before - 1e-9 or (at in pauses and at - before < 0.2 * expected + 1e-6):
                    continue
                own = cost + abs((at - before) - expected) + 0.25 * abs(at - even) + price
                if at not in new or own < new[at]:
                    new[at], origins[at] = own, before
        costs = new
        came_from.append(origins)
    expected = high - even_before
    ends = [high, min(costs, key=lambda at: costs[at] + abs((high - at) - expected))]
    for origins in reversed(came_from):
        ends.append(origins[ends[-1]])
    return ends[-2::-1]


def place_by_tokens(texts: Sequence[str], tokens: Sequence[TokenTime], window_start_s: float) -> list[Span] | None:
    """Medium times (start, end) of consecutive texts from the times of the tokens that they are made of.

    Where the tokens spell more than the texts, since the gate took away a credit before or after them, only those that
    spell the texts count. Beyond that texts and tokens are matched by their share of visible characters, so that a
    token that shows otherwise than it decodes does no harm. None without usable tokens.
    """
    usable = _spelling(texts, [t for t in tokens if t.text.strip() and 0 <= t.start <= t.end < math.inf])
    sizes = [_visible(t.text) for t in usable]
    lengths = [_visible(text) for text in texts]
    if not usable or sum(lengths) == 0:
        return None
    scale = sum(sizes) / sum(lengths)
    marks = list(accumulate(sizes))
    spans, done = [], 0.0
    for length in lengths:
        first = min(bisect_right(marks, done + 1e-6), len(usable) - 1)
        done += length * scale
        last = min(max(first, bisect_left(marks, done - 1e-6)), len(usable) - 1)
        end = max(t.end for t in usable[first : last + 1])
        spans.append((window_start_s + usable[first].start, window_start_s + end))
    return spans


def _spelling(texts: Sequence[str], tokens: Sequence[TokenTime]) -> Sequence[TokenTime]:
    """The tokens that spell the texts; all, if these are not found in what the tokens spell.

    Only letters and digits are compared: typography and subtitle tags change the rest. Of several places one that
    begins and ends with a token.
    """
    wanted = _letters("".join(texts))
    spelled = [_letters(token.text) for token in tokens]
    whole = "".join(spelled)
    marks = list(accumulate(map(len, spelled), initial=0))
    places = [at for at in (whole.find(wanted), whole.rfind(wanted)) if at >= 0]
    if not places or not wanted or wanted == whole:
        return tokens
    bounds = set(marks)
    at = next((at for at in places if {at, at + len(wanted)} <= bounds), places[0])
    last = bisect_left(marks, at + len(wanted))
    while last < len(tokens) and set(tokens[last].text.strip()) <= _CLOSING:
        last += 1
    return tokens[bisect_right(marks, at) - 1 : last]


def _letters(text: str) -> str:
    """Letters and digits, without accents: tokens may part one from its letter."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFD", text))).casefold()


def _visible(text: str) -> int:
    return sum(not character.isspace() for character in text)
