"""How much of the speech a transcript passes over, by the times at which its tokens were heard.

What a model loses (a tail, a stretch behind noise) leaves speech in which no token begins. It knows times only.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Span = tuple[float, float]


def longest_unheard_s(speech: Sequence[Span], heard: Sequence[float]) -> float:
    """Seconds of speech in the longest stretch in which no token begins; 0 without speech.

    ``speech`` are stretches without overlap in order, ``heard`` the tokens' starts, on the same clock, in any order.
    """
    if not speech:
        return 0.0
    first, last = speech[0][0], speech[-1][1]
    marks = [first, *sorted(min(max(start, first), last) for start in heard), last]
    return max(_speech_between(speech, begin, end) for begin, end in pairwise(marks))


def _speech_between(speech: Sequence[Span], begin: float, end: float) -> float:
    return sum(max(0.0, min(end, stop) - max(begin, start)) for start, stop in speech)
