"""The quick benchmark measures everything, keeps it, and recommends what its figures say."""

import pytest
import torch

from b200_kernels import benchmarker as module
from b200_kernels import machine_rates
from b200_kernels.benchmarker import B200Benchmarker, B200BenchmarkResult

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def stats(best: float, alone: float) -> dict[str, float]:
    return {
        "optimal_batch_size": 32.0,
        "encoder_windows_per_sec": best,
        "encoder_windows_per_sec_one_by_one": alone,
    }


def test_everything_is_measured_and_read_back(monkeypatch, tmp_path):
    monkeypatch.setattr(machine_rates, "_BUDGET_S", 0.01)
    monkeypatch.setattr(B200Benchmarker, "_encoder", lambda self: stats(3.0, 2.0))  # tests/test_seed_api.py has it
    benchmarker = B200Benchmarker()
    found = benchmarker.run_comprehensive_benchmark()
    assert all(figure > 0 for figure in found.summary_stats.values())
    assert set(found.summary_stats) >= {
        *("matmul_float32_ops_per_sec", "matmul_bfloat16_ops_per_sec", "max_throughput_ops_per_sec"),
        *("memory_bytes_per_sec", "log_mel_audio_s_per_sec", "vad_audio_s_per_sec", "encoder_windows_per_sec"),
    }
    formats = [v for k, v in found.summary_stats.items() if k.startswith("matmul_")]
    assert found.summary_stats["max_throughput_ops_per_sec"] == max(formats)
    benchmarker.save_benchmark_results(found, tmp_path / "result.json")
    assert B200BenchmarkResult.model_validate_json((tmp_path / "result.json").read_text()) == found


def test_a_faster_format_is_recommended():
    rates = {"float32": 1e12, "bfloat16": 6e12}
    (found,) = module._recommendations(stats(1, 1), rates, "float32", GPU)
    assert "bfloat16 multiplies 6.0 times as fast as float32" in found
    assert module._recommendations(stats(1, 1), rates, "bfloat16", GPU) == []


def test_a_larger_batch_is_recommended_where_it_pays():
    (found,) = module._recommendations(stats(30, 10), {"bfloat16": 1.0}, "bfloat16", GPU)
    assert "32 windows at once: 3.0 times" in found


@pytest.mark.parametrize("compiler", [True, False])
def test_what_is_missing_is_recommended(monkeypatch, compiler):
    monkeypatch.setattr(module, "library", lambda source: object() if compiler else None)
    found = module._recommendations(stats(1, 1), {"float32": 1.0}, "float32", CPU)
    assert any("GPU" in sentence for sentence in found)
    assert any("install a C compiler" in sentence for sentence in found) is not compiler
