"""The vllm engine: Voxtral on real vLLM (its V1 ``AsyncLLM``), many windows in flight at once.

Every task of a window is a request of its own to vLLM. They begin with the same audio under the same name, so
vLLM encodes it once and computes its part of the prompt once. It knows checkpoints, prompts and answers;
:mod:`vllm_runtime` knows how vLLM is started.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import numpy as np
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

from b200_kernels import prompts
from b200_kernels.checkpoints import Checkpoint
from b200_kernels.engine import DtypeName, EngineStats, SpeechRequest, SpeechResult
from b200_kernels.generation import TOP_P, Answer
from b200_kernels.mel import HOP, SAMPLE_RATE
from b200_kernels.mistral_format import mistral_folder
from b200_kernels.precision import detect_device, resolve_dtype
from b200_kernels.requests import check_request, counted, is_spoken, padded, token_budget, told
from b200_kernels.vllm_runtime import Runtime

_SAMPLES_A_TOKEN = HOP * 2 * 4
"""The encoder halves the mel's frames, the projector takes four at a time: 80 ms a token."""


class VllmEngine:
    """A Voxtral in vLLM, on a GPU or a CPU.

    Texts are those of the reference engine: same prompts, greedy choice, budgets and loop rule. Sampling
    repeats with its seed, but draws other random numbers than the reference engine. ``device``, ``dtype`` and
    ``threads`` as there; without a GPU vLLM computes in ``threads`` threads of a process of its own. A
    request may take 4,096 positions at most. Raises CheckpointError when the checkpoint cannot be converted
    for vLLM, EngineError when vLLM is not installed or does not start.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: str = "auto",
        dtype: DtypeName = "auto",
        threads: int | None = None,
    ) -> None:
        self.capabilities = checkpoint.capabilities
        self.device = detect_device(device)
        self.dtype = resolve_dtype(dtype, self.device)
        self.shared_positions = 0
        """Positions of prompts that vLLM took from an earlier prompt with the same beginning."""
        self._chunk = round(checkpoint.capabilities.chunk_s * SAMPLE_RATE)
        self._tokenizer = Tekkenizer.from_file(checkpoint.folder / "tekken.json")
        self._names = itertools.count()
        self._in_work, self._since = 0, 0.0
        self._stats = EngineStats(requests=0, windows=0, audio_s=0.0, tokens=0, busy_s=0.0)
        self._runtime = Runtime(mistral_folder(checkpoint), self.device, self.dtype, threads)

    async def generate(self, request: SpeechRequest) -> SpeechResult:
        """Answer every task of the request.

        Raises ValueError for a request that cannot be answered, EngineError when vLLM fails or is closed.
        """
        check_request(request, self._chunk)
        length = self._chunk // _SAMPLES_A_TOKEN
        ids = [prompts.prompt_ids(task, self._tokenizer, length) for task in request.tasks]
        positions = self._runtime.positions
        budgets = [
            token_budget(request, task, prompt, positions, self._tokenizer)
            for task, prompt in zip(request.tasks, ids, strict=True)
        ]
        answers = [Answer(budget) for budget in budgets]
        heard = request.samples if any(map(is_spoken, request.tasks)) else None
        audio = {} if heard is None else self._audio(heard)
        await asyncio.wrap_future(self._runtime.submit(self._ask(request, ids, audio, answers)))
        return SpeechResult(tuple(told(*pair, self._tokenizer) for pair in zip(request.tasks, answers, strict=True)))

    def stats(self) -> EngineStats:
        return self._stats

    def close(self) -> None:
        """Wait for the requests in work and end vLLM's process; later requests raise EngineError."""
        self._runtime.close()

    def _audio(self, samples: np.ndarray) -> dict[str, Any]:
        """The whole chunk, silence after the samples, named by what is heard: vLLM's caches go by the name."""
        name = hashlib.blake2b(samples.tobytes(), digest_size=16).hexdigest()
        chunk = padded(samples, self._chunk)
        return {"multi_modal_data": {"audio": [(chunk, SAMPLE_RATE)]}, "multi_modal_uuids": {"audio": [name]}}

    async def _ask(
        self, request: SpeechRequest, ids: list[list[int]], audio: dict[str, Any], answers: list[Answer]
    ) -> None:
        """All prompts at once, in vLLM's loop; the answers grow meanwhile."""
        if self._in_work == 0:
            self._since = time.perf_counter()
        self._in_work += 1
        try:
            async with asyncio.TaskGroup() as group:
                for row, answer in zip(ids, answers, strict=True):
                    prompt = {"prompt_token_ids": row, **(audio if prompts.AUDIO in row else {})}
                    group.create_task(self._continue(prompt, request, answer))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        finally:
            self._in_work -= 1
            if self._in_work == 0:
                self._stats = replace(self._stats, busy_s=self._stats.busy_s + time.perf_counter() - self._since)
        self._stats = counted(self._stats, request, sum(len(a.tokens) for a in answers))

    async def _continue(self, prompt: dict[str, Any], request: SpeechRequest, answer: Answer) -> None:
        """Let vLLM write one answer, token by token, until the answer says that it is done."""
        parameters = _parameters(request, answer.budget)
        async with aclosing(self._runtime.stream(prompt, parameters, str(next(self._names)))) as outputs:
            shared = 0
            async for output in outputs:
                shared = output.num_cached_tokens or shared
                written = output.outputs[0]
                for token, logprobs in zip(written.token_ids, written.logprobs or (), strict=True):
                    answer.add(token, logprobs[token].logprob)
                if answer.finish_reason is not None and not output.finished:
                    break  # leaving aborts a loop, which vLLM would let run to its budget
            self.shared_positions += shared


def _parameters(request: SpeechRequest, budget: int) -> dict[str, Any]:
    """How vLLM chooses tokens. Seeds repeat whatever else is in flight, as each request draws for itself."""
    if request.temperature == 0:
        return {"temperature": 0.0, "max_tokens": budget}
    return {
        "temperature": request.temperature,
        "top_p": TOP_P,
        "seed": request.seed % 2**63,
        "max_tokens": budget,
    }
