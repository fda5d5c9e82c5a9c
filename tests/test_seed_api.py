"""The examples of the API reference, under the module names that docs/architecture.md maps them to."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch


def parameters(function) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_vad_segments(sample_archive):
    from pipelines.speech.listen import enhanced_vad_segments
    from ray_apps.cli_feedback import get_feedback

    audio = sample_archive / "clips" / "haberler.mp3"
    segments = enhanced_vad_segments(audio, get_feedback(), min_segment_duration=1.0)
    assert len(segments) >= 3
    assert all(set(s) == {"start", "end", "confidence"} for s in segments)
    assert all(1.0 <= s["end"] - s["start"] <= 30.0 for s in segments)
    assert parameters(enhanced_vad_segments) == [
        "audio_path",
        "feedback",
        "min_segment_duration",
        "max_segment_duration",
    ]


def test_audio_cache(sample_archive):
    from pipelines.media.audio_cache import AudioCache

    cache, path = AudioCache(max_size_gb=10.0), sample_archive / "clips" / "haberler.mp3"
    assert cache.get_cached_audio(path) is None
    cache.cache_audio(path, np.ones(8, np.float32), 16_000)
    samples, rate = cache.get_cached_audio(path)
    assert (samples.tolist(), rate) == ([1.0] * 8, 16_000)


def test_model_manager():
    from b200_kernels.model_manager import ModelManager
    from cluster.feedback import SilentFeedback

    processor, model = ModelManager(SilentFeedback()).load_voxtral_model("embedded", use_vllm=False)
    assert type(processor).__name__ == "VoxtralProcessor"
    assert type(model).__name__ == "VoxtralForConditionalGeneration"


def test_dtype_and_generation_parameters():
    from b200_kernels.generation import get_transformers_generation_params
    from b200_kernels.precision import detect_optimal_dtype

    assert detect_optimal_dtype("cpu") is torch.float32
    assert isinstance(get_transformers_generation_params("translation", "high"), dict)
    assert isinstance(get_transformers_generation_params("transcription", "low"), dict)


def test_out_of_memory_halves_the_batch():
    from b200_kernels.oom import handle_oom_with_recovery

    tried = []

    def my_processing(batch_size, data):
        tried.append(batch_size)
        if batch_size > 4:
            raise torch.OutOfMemoryError("fake")
        return data[:batch_size]

    result = handle_oom_with_recovery(my_processing, initial_batch_size=32, data=torch.arange(40))
    assert tried == [32, 16, 8, 4]
    assert result.tolist() == [0, 1, 2, 3]


def test_validator():
    from quality.validator import TranslationQualityValidator

    validator = TranslationQualityValidator()
    found = validator.comprehensive_quality_assessment(
        "Yarın sabah Ankara'ya gidiyoruz.", "Nous allons à Ankara demain matin.", 2.5
    )
    assert set(found) == {"overall_score", "quality_level", "detailed_metrics", "recommendations"}
    assert set(found["detailed_metrics"]) == {
        "completeness_score",
        "cultural_score",
        "repetition_penalty",
        "subtitle_score",
    }
    assert found["quality_level"] in ("good", "excellent")
    assert isinstance(validator.validate_subtitle_constraints("Bonjour !", 1.5), dict)


def test_profiler():
    from cluster.profiler import PerformanceProfiler, b200_performance_monitor, profile_function

    profiler = PerformanceProfiler()
    with profiler.profile_operation("model_inference", batch_size=32):
        pass
    assert profiler.summary()["model_inference"]["items"] == 32

    @profile_function("custom_operation")
    def my_function():
        return 7

    @b200_performance_monitor
    def process_audio_batch(batch):
        return batch

    assert my_function() == 7
    assert process_audio_batch([1]) == [1]


def test_tensors():
    from pipelines.media.audio_checks import validate_audio_tensor, validate_batch_consistency

    assert validate_audio_tensor(torch.zeros(16_000).uniform_(-0.5, 0.5), sample_rate=16_000)
    assert not validate_audio_tensor(torch.full((16_000,), float("nan")))
    assert validate_batch_consistency([torch.zeros(8), torch.zeros(8)])
    assert not validate_batch_consistency([torch.zeros(8), torch.zeros(8, dtype=torch.float64)])


def test_reproducibility():
    from cluster.reproducibility import ReproducibleSession, ensure_reproducible_environment

    assert isinstance(ensure_reproducible_environment(seed=42), dict)
    with ReproducibleSession(seed=123):
        first = torch.rand(3)
    with ReproducibleSession(seed=123):
        assert torch.equal(first, torch.rand(3))


def test_hardware():
    from cluster.hardware import detect_hardware, get_optimal_config

    assert set(detect_hardware()) == {
        "device",
        "has_gpu",
        "gpu_name",
        "gpu_memory_gb",
        "cpu_count",
        "total_ram_gb",
        "is_b200",
    }
    assert isinstance(get_optimal_config(), dict)


def test_main_takes_a_file_and_a_language(monkeypatch):
    import main

    root = Path(__file__).parent.parent
    assert Path(main.__file__).parent == root
    monkeypatch.setattr("sys.argv", ["main.py", "nowhere.mp4", "--target-lang", "French", "--quality", "high"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
