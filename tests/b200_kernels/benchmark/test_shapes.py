"""A size without a checkpoint is measured with the real batch: every window answered, in full."""

import torch

from b200_kernels.benchmark.shapes import measure_shape
from b200_kernels.compiled.formats import Formats
from b200_kernels.compiled.shape import DecoderShape, EncoderShape, VoxtralShape

SMALL = VoxtralShape(
    EncoderShape(width=64, layers=1, heads=1, hidden=256),
    DecoderShape(64, 1, 2, 1, 64, 128, vocabulary=512, rope_theta=1e4, positions=2048),
)
FORMATS = Formats(torch.float32, None, torch.float32)


def test_every_window_is_answered_in_full_and_held_against_the_limit():
    found = measure_shape(SMALL, torch.device("cpu"), FORMATS, windows=7, tokens=5, rows=4, encode_at_once=2)
    assert found.rtfx == 7 * 30 / found.wall_s
    assert found.tokens_a_second == 7 * 5 / found.wall_s
    assert 0 < found.share_of_limit < 1
    assert set(found.stages) == {"mel", "encoder", "prefill", "decode"}
