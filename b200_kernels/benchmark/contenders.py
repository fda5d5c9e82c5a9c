"""What is compared, each in a process of its own: its speed, its memory, and the tokens that it gave.

Contenders run one after another on the same windows and tasks; a process of its own keeps one's threads and memory from
the other's figures. It knows engines; it does not know what is made of the figures.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch

from b200_kernels.checkpoints import open_checkpoint
from b200_kernels.engine import DtypeName, EngineError, EngineName, SpeechEngine, SpeechRequest, SpeechResult
from b200_kernels.engines import open_engine
from b200_kernels.loading import load_model
from b200_kernels.mel import SAMPLE_RATE
from b200_kernels.ops.split_linear import op as split_linear
from b200_kernels.precision import detect_device, resolve_dtype
from b200_kernels.prompts import Task
from b200_kernels.transformers_engine import TransformersEngine

CONTENDERS = (
    "reference",
    "reference-batched",
    "vllm",
    "compiled",
    "compiled-bf16x3",
    "compiled-bfloat16",
    "compiled-fp8",
    "compiled-mxfp8",
    "compiled-nvfp4",
    "compiled-kv8",
    "compiled-fp8-kv8",
)
"""``kv8`` keeps keys and values in fp8. What has no number format in its name computes in the run's."""
ROUNDED = CONTENDERS[5:]
"""Their numbers are coarser than the reference's: that texts differ is expected, how much is what is asked."""
_FIRST_TOKENS = 5
_WINDOWS_AT_ONCE = 8
"""Of plain transformers in batches: what somebody takes who asks for speed without asking for more."""


@dataclass(frozen=True)
class Question:
    """What every contender is asked: windows (float32, 16 kHz), tasks, and how it may compute.

    ``truth`` are the right answers, by window and task, where they are known.
    """

    model: str
    windows: tuple[np.ndarray, ...]
    tasks: tuple[Task, ...]
    dtype: DtypeName
    threads: int
    truth: tuple[tuple[str, ...], ...] = ()

    @property
    def audio_s(self) -> float:
        return sum(map(len, self.windows)) / SAMPLE_RATE

    def requests(self) -> list[SpeechRequest]:
        return [SpeechRequest(window, self.tasks, len(window) / SAMPLE_RATE) for window in self.windows]


@dataclass(frozen=True)
class Measured:
    """One contender's figures. ``rtfx`` is seconds of audio a second; memory is the most that its processes held.

    ``first_token_s`` is the median time to the first token of one window alone; ``stages`` are seconds in each stage,
    of an engine that tells; ``tokens`` and ``texts`` are those of every window and task.
    """

    name: str
    rtfx: float
    windows_a_second: float
    tokens_a_second: float
    first_token_s: float
    memory_gb: float
    start_s: float
    wall_s: float
    stages: dict[str, float]
    tokens: tuple[tuple[tuple[int, ...], ...], ...]
    texts: tuple[tuple[str, ...], ...]


def measure(name: str, question: Question) -> Measured:
    """Start the contender, ask it everything, end it.

    Raises:
        EngineError: it did not start, or died; the message says why.
    """
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_child, args=(theirs, name, question))
    process.start()
    theirs.close()
    try:
        found: Measured | str = ours.recv()
    except EOFError:
        found = "its process died"
    process.join()
    if isinstance(found, str):
        raise EngineError(f"{name}: {found}")
    return found


def _child(pipe: Any, name: str, question: Question) -> None:
    torch.set_num_threads(question.threads)
    try:
        pipe.send(_measured(name, question))
    except (EngineError, ValueError, RuntimeError, OSError, ImportError) as error:
        pipe.send(str(error))


def _measured(name: str, question: Question) -> Measured:
    began = time.perf_counter()
    engine = _open(name, question)
    start_s = time.perf_counter() - began
    requests = question.requests()
    asyncio.run(_all_at_once(engine, requests[:2]))  # caches are filled, C and graphs are compiled
    first = statistics.median(_seconds(engine, [_one_token(request)]) for request in requests[:_FIRST_TOKENS])
    before = _stages(engine)
    began = time.perf_counter()
    results = asyncio.run((_one_by_one if name == "reference" else _all_at_once)(engine, requests))
    wall_s = time.perf_counter() - began
    stages = {stage: seconds - before.get(stage, 0.0) for stage, seconds in _stages(engine).items()}
    device_gb = _device_gb()
    engine.close()
    tokens = tuple(tuple(task.tokens for task in result.results) for result in results)
    return Measured(
        name=name,
        rtfx=question.audio_s / wall_s,
        windows_a_second=len(requests) / wall_s,
        tokens_a_second=sum(len(task) for window in tokens for task in window) / wall_s,
        first_token_s=first,
        memory_gb=device_gb or _host_gb(),
        start_s=start_s,
        wall_s=wall_s,
        stages=stages,
        tokens=tokens,
        texts=tuple(tuple(task.text for task in result.results) for result in results),
    )


def _open(name: str, question: Question) -> SpeechEngine:
    checkpoint = open_checkpoint(question.model)
    if name == "reference-batched":
        device = detect_device()
        model = load_model(checkpoint, device, resolve_dtype(question.dtype, device))
        return TransformersEngine(model, at_once=_WINDOWS_AT_ONCE)
    if name not in CONTENDERS:
        raise ValueError(f"there is no contender {name!r}: take some of {', '.join(CONTENDERS)}")
    if name == "compiled-bf16x3" and not split_linear.available():
        raise ValueError("bf16x3 needs a CPU with AMX and a C compiler")
    engine, *formats = name.split("-")
    return open_engine(
        cast(EngineName, engine),
        checkpoint,
        dtype=next((cast(DtypeName, given) for given in formats if given != "kv8"), question.dtype),
        kv_cache="fp8" if "kv8" in formats else "auto",
        threads=question.threads,
    )


def _one_token(request: SpeechRequest) -> SpeechRequest:
    return replace(request, tasks=request.tasks[:1], max_tokens=1)


def _seconds(engine: SpeechEngine, requests: Sequence[SpeechRequest]) -> float:
    began = time.perf_counter()
    asyncio.run(_all_at_once(engine, requests))
    return time.perf_counter() - began


async def _all_at_once(engine: SpeechEngine, requests: Sequence[SpeechRequest]) -> list[SpeechResult]:
    return list(await asyncio.gather(*map(engine.generate, requests)))


async def _one_by_one(engine: SpeechEngine, requests: Sequence[SpeechRequest]) -> list[SpeechResult]:
    return [await engine.generate(request) for request in requests]


def _stages(engine: SpeechEngine) -> dict[str, float]:
    tell = getattr(engine, "stage_seconds", None)
    return dict(tell()) if tell else {}


def _device_gb() -> float:
    """All that is taken of the GPU, where there is one: an engine's own process may have taken it."""
    if not torch.cuda.is_available():
        return 0.0
    free, total = torch.cuda.mem_get_info()
    return float(total - free) / 2**30


def _host_gb() -> float:
    """This process's and its largest child's, of those that have ended."""
    kilobytes = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return kilobytes / 2**20
