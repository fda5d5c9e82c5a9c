"""Tokens are put in time by where they listened."""

import numpy as np
import pytest

from b200_kernels.checkpoints import CheckpointError
from b200_kernels.compiled.timings import (
    Alignment,
    first_tokens,
    looked_at,
    monotone_path,
    read_alignment,
    spelled,
    token_times,
)


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


def test_a_frame_that_every_token_glances_at_says_nothing_of_any():
    heard = np.zeros((4, 1, 30))
    heard[:, 0, 29] = 0.5
    heard[range(4), 0, [3, 8, 15, 22]] = 0.3
    assert looked_at(heard, 2.4, 0.08) == pytest.approx((np.array([3, 8, 15, 22]) + 0.5) * 0.08, abs=0.01)


def test_a_token_between_two_frames_is_between_them():
    heard = np.zeros((2, 1, 30))
    heard[0, 0, 3], heard[0, 0, 4] = 0.45, 0.45
    heard[1, 0, 20] = 0.9
    assert looked_at(heard, 2.4, 0.08)[0] == pytest.approx(4.0 * 0.08, abs=0.005)


def test_a_single_token_is_where_it_looked_most():
    heard = np.full((1, 1, 30), 0.1)
    heard[0, 0, 17] = 0.8
    assert looked_at(heard, 2.4, 0.08)[0] == pytest.approx(17.5 * 0.08, abs=0.02)


def test_tokens_are_spelled_so_that_they_join_to_the_text_whatever_bytes_they_cut():
    text = "Üç ağaç 🌳."
    whole = text.encode()
    for size in (1, 2, 3):
        pieces = spelled([whole[at : at + size] for at in range(0, len(whole), size)])
        assert "".join(pieces) == text
        assert pieces[0][0] == "Ü"
    assert spelled([b"a\xff", b"b"]) == ["a\ufffd", "b"]


def test_words_begin_in_the_token_of_their_first_letter():
    assert first_tokens(["", "Mer", "haba", " d", "ün", "ya.", " ", "Sen"]) == [1, 3, 7]


def test_a_damaged_alignment_is_said(tmp_path):
    assert read_alignment(tmp_path) is None
    (tmp_path / "alignment.json").write_text('{"heads": []}')
    with pytest.raises(CheckpointError, match="calibrate again"):
        read_alignment(tmp_path)
