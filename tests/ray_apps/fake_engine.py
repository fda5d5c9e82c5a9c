"""A fake engine for unit tests: it answers from a script instead of a model."""

from __future__ import annotations

from collections.abc import Callable

from b200_kernels.engine import (
    EngineCapabilities,
    EngineStats,
    SpeechRequest,
    SpeechResult,
    TaskResult,
)
from b200_kernels.prompts import Task

Script = Callable[[Task, SpeechRequest], str]
Timings = Callable[[Task, SpeechRequest], tuple[tuple[str, float, float], ...]]


class FakeEngine:
    """Answers every task with ``script(task, request)``; keeps the requests that it was given."""

    def __init__(
        self,
        script: Script,
        languages: frozenset[str] = frozenset({"tr"}),
        demo_model: bool = True,
        logprob: float = -0.01,
        timings: Timings | None = None,
    ) -> None:
        self.script = script
        self.logprob = logprob
        self.timings = timings or (lambda task, request: ())
        self.requests: list[SpeechRequest] = []
        self.capabilities = EngineCapabilities(
            languages=languages,
            pairs=frozenset(),
            window_s=15.0,
            chunk_s=30.0,
            token_timings=False,
            shared_listening=True,
            demo_model=demo_model,
        )

    async def generate(self, request: SpeechRequest) -> SpeechResult:
        self.requests.append(request)
        return SpeechResult(
            tuple(
                TaskResult(
                    task,
                    self.script(task, request),
                    tokens=(5,),
                    logprob=self.logprob,
                    finish_reason="stop",
                    timings=self.timings(task, request),
                )
                for task in request.tasks
            )
        )

    def stats(self) -> EngineStats:
        return EngineStats(len(self.requests), len(self.requests), 0.0, 0, 0.0)

    def close(self) -> None: ...
