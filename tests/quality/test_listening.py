"""Speech in which no token begins."""

from __future__ import annotations

import pytest

from quality.listening import longest_unheard_s


@pytest.mark.parametrize(
    ("speech", "heard", "longest"),
    [
        ([(0, 10)], [1, 2, 3], 7),
        ([(0, 10)], [], 10),
        ([(0, 2), (6, 9)], [0.5, 1.5, 6.5, 7.5], 1.5),  # the pause is not speech
        ([(0, 2), (6, 9)], [0.5], 4.5),
        ([], [1.0], 0),
        ([(2, 4)], [0.0, 9.0], 2),  # times outside the speech
    ],
)
def test_the_longest_stretch(speech, heard, longest) -> None:
    assert longest_unheard_s(speech, heard) == pytest.approx(longest)
