"""Plain transformers in batches: what somebody gets who reads its documentation and asks for speed.

Every window and task is a row of ``generate``, padded on the left, eight windows at once, in the order of arrival; each
row is encoded for itself. Only ``voxtral benchmark`` uses it.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy
from mistral_common.tokens.tokenizers.tekken import Tekkenizer
from transformers import LogitsProcessorList, StoppingCriteriaList

from b200_kernels import prompts
from b200_kernels.checkpoints import Checkpoint
from b200_kernels.engine import DtypeName, EngineStats, SpeechRequest, SpeechResult, TaskResult
from b200_kernels.generation import Answer, Chooser, Watcher
from b200_kernels.loading import load_model
from b200_kernels.mel import SAMPLE_RATE, log_mel
from b200_kernels.precision import detect_device, resolve_dtype
from b200_kernels.requests import check_request, padded, token_budget

WINDOWS_AT_ONCE = 8


class BatchedReference:
    """A speech engine for requests with samples; it waits a moment for others before it answers."""

    def __init__(self, checkpoint: Checkpoint, dtype: DtypeName = "auto", threads: int | None = None) -> None:
        self.capabilities = checkpoint.capabilities
        self.device = detect_device()
        self.dtype = resolve_dtype(dtype, self.device)
        self._threads = threads
        self._chunk = round(checkpoint.capabilities.chunk_s * SAMPLE_RATE)
        self._tokenizer = Tekkenizer.from_file(checkpoint.folder / "tekken.json")
        self._model: Any = load_model(checkpoint, self.device, self.dtype)
        self._worker = ThreadPoolExecutor(max_workers=1)
        self._waiting: list[tuple[SpeechRequest, asyncio.Future[SpeechResult]]] = []

    async def generate(self, request: SpeechRequest) -> SpeechResult:
        check_request(request, self._chunk)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[SpeechResult] = loop.create_future()
        self._waiting.append((request, future))
        await asyncio.sleep(0)  # the others that arrive with it
        if not future.done() and self._waiting and self._waiting[0][1] is future:
            await self._answer_all(loop)
        return await future

    def stats(self) -> EngineStats:
        return EngineStats(requests=0, windows=0, audio_s=0.0, tokens=0, busy_s=0.0)

    def close(self) -> None:
        self._worker.shutdown()

    async def _answer_all(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            some = self._waiting[:WINDOWS_AT_ONCE]
            results = await loop.run_in_executor(self._worker, self._answer, [request for request, _ in some])
            del self._waiting[: len(some)]
            for (_, future), result in zip(some, results, strict=True):
                future.set_result(result)

    @torch.inference_mode()
    def _answer(self, requests: list[SpeechRequest]) -> list[SpeechResult]:
        if self._threads is not None:
            torch.set_num_threads(self._threads)
        rows = [(request, task) for request in requests for task in request.tasks]
        audio_tokens = round(self._chunk / SAMPLE_RATE * 12.5)
        ids = [prompts.prompt_ids(task, self._tokenizer, audio_tokens) for _, task in rows]
        positions = self._model.config.text_config.max_position_embeddings
        answers = [
            Answer(token_budget(request, task, prompt, positions, self._tokenizer))
            for (request, task), prompt in zip(rows, ids, strict=True)
        ]
        chunks = [padded(request.samples, self._chunk) for request, _ in rows if request.samples is not None]
        mel = log_mel(torch.from_numpy(np.stack(chunks)).to(self.device)).to(self.dtype)
        longest = max(map(len, ids))
        filling = [longest - len(row) for row in ids]
        chooser = Chooser(len(rows), 0.0, 0, self.device)
        self._model.generate(
            input_ids=torch.tensor(
                [[prompts.PAD] * fill + row for fill, row in zip(filling, ids, strict=True)], device=self.device
            ),
            attention_mask=torch.tensor([[0] * fill + [1] * (longest - fill) for fill in filling], device=self.device),
            input_features=mel,
            max_new_tokens=max(answer.budget for answer in answers),
            logits_processor=LogitsProcessorList([chooser]),
            stopping_criteria=StoppingCriteriaList([Watcher(answers, chooser)]),
        )
        told = [self._told(task, answer) for (_, task), answer in zip(rows, answers, strict=True)]
        return [SpeechResult(tuple(told.pop(0) for _ in request.tasks)) for request in requests]

    def _told(self, task: prompts.Task, answer: Answer) -> TaskResult:
        text = self._tokenizer.decode(answer.tokens, special_token_policy=SpecialTokenPolicy.IGNORE).strip()
        return TaskResult(task, text, tuple(answer.tokens), answer.logprob, answer.finish_reason or "length")
