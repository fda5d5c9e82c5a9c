"""The arithmetic of the limit agrees with what others have worked out, and falls and rises where it should."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from b200_kernels.benchmark.limits import decoder_weights, encoder_flops, limit
from b200_kernels.compiled.shape import MINI_3B, read_shape


def test_a_chunk_of_voxtral_mini_costs_what_the_research_page_says():
    """1.887 + 0.018 (products, convolutions) + 0.369 (attention) + 0.019 (projector) TFLOP."""
    assert encoder_flops(MINI_3B.encoder, MINI_3B.decoder.width) / 1e12 == pytest.approx(2.293, rel=0.01)


def test_a_step_of_voxtral_mini_reads_what_the_research_page_says():
    """7.22 GB in bf16."""
    assert 2 * decoder_weights(MINI_3B.decoder) / 1e9 == pytest.approx(7.22, rel=0.01)


def test_the_encoders_formula_counts_what_torch_counts_in_transformers_model(embedded, engine):
    shape = read_shape(embedded.folder)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        engine._model.get_audio_features(torch.zeros(1, 128, 3000))
    # torch does not count attention on a CPU: two products of all frames with all frames, as wide as the model.
    attention = shape.encoder.layers * 2 * 2 * shape.encoder.frames**2 * shape.encoder.width
    counted = counter.get_total_flops() + attention
    assert encoder_flops(shape.encoder, shape.decoder.width) == pytest.approx(counted, rel=0.01)


def test_decoding_is_bound_by_memory_alone_and_by_arithmetic_in_a_crowd():
    def at(batch: int) -> float:
        rates = {"flops_a_second": 990e12, "bytes_a_second": 4.8e12}
        return limit(MINI_3B, prompts=(15,), tokens=120, batch=batch, bytes_a_number=2, **rates).decode_s / 120

    assert at(1) == pytest.approx(1.52e-3, rel=0.03), "the research page's table for an H200"
    assert at(256) < at(32) / 3 < at(1) / 3
