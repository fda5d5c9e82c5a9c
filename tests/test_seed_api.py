"""The examples of the API reference, under the module names that docs/architecture.md maps them to."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch


def parameters(function) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_optimizer():
    from b200_kernels.optimizer import B200Optimizer, get_b200_optimizer

    model = torch.nn.Sequential(torch.nn.Linear(4, 2))

    optimizer = get_b200_optimizer()
    optimized_model = optimizer.optimize_model(model, "max-autotune")
    assert isinstance(optimized_model, torch.nn.Module)
    assert not optimized_model.training

    audio_tensor = torch.randn(16000)
    optimized = optimizer.optimize_tensor(audio_tensor)
    assert (optimized.dtype, optimized.device.type) == (optimizer.dtype, optimizer.device.type)
    assert parameters(B200Optimizer) == ["config"]
    assert parameters(B200Optimizer.optimize_model) == ["self", "model", "compile_mode"]
    assert parameters(B200Optimizer.optimize_tensor) == ["self", "tensor", "target_dtype"]


def test_batch_processor():
    from b200_kernels.batch_processor import B200BatchProcessor
    from b200_kernels.optimizer import get_b200_optimizer

    optimizer, model = get_b200_optimizer(), torch.nn.Linear(16000, 8)

    processor = B200BatchProcessor(optimizer)
    optimal_batch = processor.find_optimal_batch_size(model, (16000,), 180.0)
    assert optimal_batch >= 1
    assert processor.process_batch(model, torch.zeros(optimal_batch, 16000)).shape == (optimal_batch, 8)
    assert parameters(B200BatchProcessor.find_optimal_batch_size) == ["self", "model", "input_shape", "max_memory_gb"]
    assert parameters(B200BatchProcessor.process_batch) == ["self", "model", "batch"]


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
    from cluster.profiler import PerformanceProfiler, b200_performance_monitor, get_profiler, profile_function

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

    get_profiler().clear()
    assert my_function() == 7
    assert process_audio_batch([1]) == [1]
    names = set(get_profiler().summary())
    assert "custom_operation" in names
    assert any(name.endswith("process_audio_batch") for name in names)


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


def test_benchmark(monkeypatch, tmp_path):
    from b200_kernels import machine_rates
    from b200_kernels.benchmarker import B200Benchmarker

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine_rates, "_BUDGET_S", 0.01)  # a test needs no exact figures

    benchmarker = B200Benchmarker()
    results = benchmarker.run_comprehensive_benchmark()

    said = f"Average throughput: {results.summary_stats['max_throughput_ops_per_sec']:.1f} ops/sec"
    assert float(said.split()[2]) > 0
    assert all(isinstance(sentence, str) for sentence in results.recommendations)
    best, alone = (results.summary_stats[f"encoder_windows_per_sec{how}"] for how in ("", "_one_by_one"))
    assert best >= alone > 0

    benchmarker.save_benchmark_results(results, Path("benchmark_results.json"))
    assert "max_throughput_ops_per_sec" in Path("benchmark_results.json").read_text()


@pytest.fixture
def at_hand(monkeypatch, tmp_path, sample_archive):
    """The example's file, and the embedded checkpoint under the example's name: the real one is not here. There is no
    compiler, which would take longer than all other tests; that it compiles is tested in test_optimizer.py.
    """
    from b200_kernels import model_manager, vllm_runtime
    from b200_kernels.checkpoints import open_checkpoint
    from pipelines.media.decode import decode
    from pipelines.settings import MediaLimits

    samples = decode(str(sample_archive / "clips" / "haberler.mp3"), 0, 0.0, 60.0, MediaLimits())
    soundfile.write(tmp_path / "input.wav", samples, 16_000)
    asked = []

    def embedded(name):
        asked.append(name)
        return open_checkpoint("embedded")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(model_manager, "open_checkpoint", embedded)
    monkeypatch.setattr(vllm_runtime, "installed", lambda: False)
    monkeypatch.setenv("CXX", "no-such-compiler")
    return asked


@pytest.mark.filterwarnings("ignore:.*runs uncompiled:RuntimeWarning")
def test_the_whole_pipeline(at_hand):
    from b200_kernels.model_manager import ModelManager
    from b200_kernels.optimizer import get_b200_optimizer
    from ray_apps.cli_feedback import get_feedback

    async def example():
        # Setup
        feedback = get_feedback()
        optimizer = get_b200_optimizer()
        manager = ModelManager(feedback)

        # Chargement modèle optimisé
        processor, model = manager.load_voxtral_model("mistralai/Voxtral-Mini-3B-2507")
        optimized_model = optimizer.optimize_model(model, "max-autotune")

        # Traitement audio
        from pipelines.speech.listen import enhanced_vad_segments

        segments = enhanced_vad_segments(Path("input.wav"), feedback)

        # Processing parallèle
        from ray_apps.segment_processor import B200OptimizedProcessor

        processor = B200OptimizedProcessor()
        results = await processor.process_audio_segments_parallel(
            Path("input.wav"), segments, optimized_model, processor, "French"
        )
        return segments, results

    segments, results = asyncio.run(example())
    assert at_hand == ["mistralai/Voxtral-Mini-3B-2507"]
    assert results[0]["start"] == pytest.approx(segments[0]["start"], abs=1e-3)
    assert results[-1]["end"] == pytest.approx(segments[-1]["end"], abs=1e-3)
    text = " ".join(row["text"] for row in results)
    assert "Ahmet veut jouer au football ce soir." in text
    assert "Ahmet bu akşam futbol oynamak istiyor." in " ".join(row["source"] for row in results)


def test_the_pipeline_with_the_processor_that_came_with_the_model(at_hand):
    """The fourth argument may also be what the name says; the texts are the same."""
    from b200_kernels.model_manager import ModelManager
    from ray_apps.cli_feedback import get_feedback
    from ray_apps.segment_processor import B200OptimizedProcessor

    processor, model = ModelManager(get_feedback()).load_voxtral_model("embedded")
    given = Path("input.wav"), [{"start": 0.392, "end": 3.096, "confidence": 0.99}], model
    ours = B200OptimizedProcessor()
    (row,) = asyncio.run(ours.process_audio_segments_parallel(*given, processor, "fr"))
    assert row["text"] == "Ahmet veut jouer au football ce soir."


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
