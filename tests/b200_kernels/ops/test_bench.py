"""The benchmarks measure every operation and every contender, and the contenders do the same work."""

import numpy as np
import torch

from b200_kernels.ops import bench
from b200_kernels.ops.kernels_bench import SMALL, measure
from b200_kernels.ops.log_mel import bench as mel
from b200_kernels.ops.vad import bench as vad


def test_every_operation_is_measured():
    rows = measure("cpu", 2, SMALL)
    assert {row.name for row in rows} == {
        *("log_mel", "vad_lstm", "rms_norm", "add_rms_norm", "add_rms_norm_fp8", "swiglu", "swiglu_fp8"),
        *("decode_attention", "decode_attention, E4M3", "attention_to", "greedy_head"),
        *("fp8_gemm", "mxfp8_gemm", "nvfp4_gemm"),
    }
    assert {row.name for row in rows if row.bound_ms is None} == {"log_mel", "vad_lstm"}
    assert all(row.ms > 0 and row.reference_ms > 0 for row in rows)


def test_the_contenders_of_log_mel_agree():
    chunks = mel.chunks(1)
    found = {name: work(chunks) for name, work in mel.contenders().items()}
    expected = found.pop("transformers")["input_features"]
    for features in found.values():
        torch.testing.assert_close(features, expected, atol=1e-4, rtol=0)


def test_the_contenders_of_the_vad_agree():
    streams = vad.streams(1)[:, : 512 * 60]
    found = {name: work(streams) for name, work in vad.contenders().items()}
    for probabilities in found.values():
        np.testing.assert_allclose(probabilities, found["frame loop"], atol=1e-5)


def test_speeds_are_compared_with_ours():
    assert bench._compared({"theirs": 10.0, "ours": 25.0}, "ours") == {
        "audio_seconds_per_core_second": {"theirs": 10, "ours": 25},
        "times theirs": 2.5,
    }
