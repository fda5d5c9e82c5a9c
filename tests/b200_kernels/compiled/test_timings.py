"""Tokens are put in time by where they listened."""

import numpy as np
import pytest

from b200_kernels.checkpoints import CheckpointError
from b200_kernels.compiled.timings import Alignment, monotone_path, read_alignment, token_times


def test_a_path_never_goes_back_and_follows_what_is_loudest():
    scores = np.log(np.array([[0.9, 0.1, 0.0, 0.0], [0.0, 0.1, 0.9, 0.0], [0.8, 0.0, 0.0, 0.2]]) + 1e-3)
    assert monotone_path(scores).tolist() == [0, 2, 3]


def test_one_stray_look_does_not_drag_the_others_along():
    attention = np.full((5, 10), 0.01)
    attention[range(5), [1, 3, 9, 6, 8]] = 0.9
    assert monotone_path(np.log(attention)).tolist()[3:] == [6, 8]


def test_times_are_where_tokens_listened_moved_by_the_offset_and_inside_the_window():
    heard = np.zeros((3, 2, 20))
    heard[0, :, 0], heard[1, :, 5], heard[2, :, 18] = 1, 1, 1
    alignment = Alignment(heads=((0, 0), (1, 1)), offset_s=-0.1)
    times = token_times(heard, alignment, seconds=1.0, seconds_a_token=0.08)
    assert times[0][0] == 0.0
    assert times[1] == (pytest.approx(5.5 * 0.08 - 0.1), times[2][0])
    assert times[2][0] <= times[2][1] == 1.0


def test_a_damaged_alignment_is_said(tmp_path):
    assert read_alignment(tmp_path) is None
    (tmp_path / "alignment.json").write_text('{"heads": []}')
    with pytest.raises(CheckpointError, match="calibrate again"):
        read_alignment(tmp_path)
