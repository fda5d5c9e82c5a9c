"""The calibration finds the head that looks at the words, among heads that look elsewhere."""

import numpy as np
import pytest

from b200_kernels.compiled.calibrate import Heard, calibrate, median_error

FRAMES = np.array([4, 9, 12, 20, 26, 31])
STARTS = tuple((FRAMES + 0.5) * 0.08 - 0.1)


def heard(telling: dict[tuple[int, int], list[int]]) -> Heard:
    """Two layers of three heads and six words of a token each.

    A telling head looks at the frames of its words, and is misled about the others; heads that are not named look
    everywhere alike.
    """
    attention = np.full((6, 2, 3, 40), 0.02)
    for (layer, head), words in telling.items():
        for word in range(6):
            attention[word, layer, head, FRAMES[word] if word in words else 39 if word < 3 else 0] = 0.6
    return Heard("a b c d e f", attention, tuple(range(6)), 3.2, 0.08)


def test_one_head_that_tells_is_enough():
    found = calibrate([heard({(1, 2): [0, 1, 2, 3, 4, 5]})], [STARTS])
    assert found.heads == ((1, 2),)
    assert found.offset_s == pytest.approx(-0.1, abs=0.01)


def test_a_head_is_added_where_it_helps_and_heads_are_in_order():
    window = heard({(1, 1): [3, 4, 5], (0, 2): [0, 1, 2]})
    found = calibrate([window], [STARTS])
    assert found.heads == ((0, 2), (1, 1))
    alone = min(median_error([head], [window], [STARTS])[0] for head in found.heads)
    assert median_error(found.heads, [window], [STARTS])[0] < alone


def test_without_a_window_nothing_is_chosen():
    with pytest.raises(ValueError, match="no window"):
        calibrate([], [])
