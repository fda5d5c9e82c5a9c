"""What an engine is: the contract between the model and everybody who asks it something.

One request a window, so that a batch job and an HTTP server use it alike. Nothing here knows which engine
answers, what a file is, or whether an answer is any good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from b200_kernels.prompts import Task

EngineName = Literal["compiled", "vllm", "reference"]
DtypeName = Literal["auto", "bfloat16", "float16", "float32", "bf16x3", "fp8", "mxfp8", "nvfp4"]
"""Number formats. ``bf16x3`` is float32 whose products are made of three bf16 ones. The last three round the factors of
products to eight or four bits; all else is as wide as the device likes it. The compiled engine alone has these four.
"""
CacheName = Literal["auto", "fp8"]
"""Number format of the keys and values that an engine keeps: the model's own, or E4M3."""


class EngineError(RuntimeError):
    """The engine itself is broken (a lost accelerator, memory that ran out, closed): another request would
    fail too.

    A request that no engine could answer (too long a window, too long a text, no tasks) is a ValueError
    instead.
    """


@dataclass(frozen=True)
class EngineCapabilities:
    """What an engine with its checkpoint can do.

    ``languages`` are the ISO 639-1 codes that the checkpoint declares to understand; ``pairs`` the
    translations, where it declares some, else empty. ``window_s`` is the longest window it should be given:
    the checkpoint's chunk (30 s) unless the checkpoint declares less.
    """

    languages: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    window_s: float
    chunk_s: float
    token_timings: bool
    shared_listening: bool
    demo_model: bool

    @property
    def only_language(self) -> str | None:
        """The language that is spoken, if the checkpoint understands no other."""
        return next(iter(self.languages)) if len(self.languages) == 1 else None


@dataclass(frozen=True)
class SpeechRequest:
    """One window and what is wanted of it.

    ``samples`` are mono at 16 kHz, shape (n,), float32 in [-1, 1] or int16, at most ``chunk_s`` long; None
    when every task is a text task. ``speech_s`` (seconds of speech inside) sets the token budget.
    ``temperature`` 0 is greedy. ``seed`` makes sampling repeatable. ``max_tokens`` ends every answer after so
    many tokens, where the budget would not.
    """

    samples: np.ndarray | None
    tasks: tuple[Task, ...]
    speech_s: float
    temperature: float = 0.0
    seed: int = 0
    max_tokens: int | None = None


@dataclass(frozen=True)
class TaskResult:
    """The answer to one task. ``logprob`` is the mean log-probability of its tokens (0.0 for an empty
    answer).

    ``timings`` are (token text, start, end) in seconds of the window; empty where the engine cannot tell.
    """

    task: Task
    text: str
    tokens: tuple[int, ...]
    logprob: float
    finish_reason: Literal["stop", "length", "loop"]
    timings: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True)
class SpeechResult:
    """The answers, in the order of the request's tasks."""

    results: tuple[TaskResult, ...]


@dataclass(frozen=True)
class EngineStats:
    """Running totals since the engine was made; ``busy_s`` is the time in which it computed."""

    requests: int
    windows: int
    audio_s: float
    tokens: int
    busy_s: float


class SpeechEngine(Protocol):
    capabilities: EngineCapabilities

    async def generate(self, request: SpeechRequest) -> SpeechResult: ...
    def stats(self) -> EngineStats: ...
    def close(self) -> None: ...
