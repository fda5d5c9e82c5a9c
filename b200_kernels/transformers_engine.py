"""An engine over a model that somebody else loaded and perhaps optimized: transformers' ``generate`` in batches.

What is asked while it computes waits, and then goes through the model together. Unlike the reference engine's,
an answer may differ in the last bits by what shares its batch. It knows checkpoints, prompts and tensors; it knows no
files.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import torch
from mistral_common.tokens.tokenizers.tekken import Tekkenizer
from transformers import LogitsProcessorList, StoppingCriteriaList

from b200_kernels import prompts
from b200_kernels.checkpoints import CheckpointError, open_checkpoint
from b200_kernels.engine import EngineError, EngineStats, SpeechRequest, SpeechResult
from b200_kernels.generation import Answer, Chooser, Watcher
from b200_kernels.mel import SAMPLE_RATE, log_mel
from b200_kernels.oom import handle_oom_with_recovery
from b200_kernels.requests import check_request, counted, is_spoken, padded, token_budget, told


@dataclass(frozen=True)
class _Asked:
    """A request, the token ids of its tasks' prompts, how long each answer may be, and where they go."""

    request: SpeechRequest
    ids: list[list[int]]
    budgets: list[int]
    future: Future[SpeechResult]


class TransformersEngine:
    """``generate`` of a loaded ``VoxtralForConditionalGeneration``, on its device in its dtype.

    Tokenizer and capabilities are those of the checkpoint that the model came from (``model.name_or_path``).
    ``at_once``: windows that go through the model together. The model stays the caller's: closing does not free it.
    Raises TypeError for another model, CheckpointError when its checkpoint is not to be found.
    """

    def __init__(self, model: Any, at_once: int) -> None:
        if getattr(getattr(model, "config", None), "model_type", None) != "voxtral":
            raise TypeError(f"{type(model).__name__} is no Voxtral of transformers: load one with ModelManager")
        if not model.name_or_path:
            raise CheckpointError("this model does not say where it came from: load it with from_pretrained")
        checkpoint = open_checkpoint(model.name_or_path)
        self.capabilities = checkpoint.capabilities
        self._model, self._at_once = model, at_once
        self._chunk = round(checkpoint.capabilities.chunk_s * SAMPLE_RATE)
        self._audio_tokens = model.config.audio_config.max_source_positions // 4
        self._tokenizer = Tekkenizer.from_file(checkpoint.folder / "tekken.json")
        self._waiting: deque[_Asked] = deque()
        self._lock = threading.Lock()
        self._stats = EngineStats(requests=0, windows=0, audio_s=0.0, tokens=0, busy_s=0.0)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="transformers-engine")

    async def generate(self, request: SpeechRequest) -> SpeechResult:
        """Answer every task of the request.

        Raises ValueError for a request that cannot be answered, EngineError when the model or its device fails.
        """
        check_request(request, self._chunk)
        ids = [prompts.prompt_ids(task, self._tokenizer, self._audio_tokens) for task in request.tasks]
        positions: int = self._model.config.text_config.max_position_embeddings
        pairs = zip(request.tasks, ids, strict=True)
        budgets = [token_budget(request, task, prompt, positions, self._tokenizer) for task, prompt in pairs]
        asked = _Asked(request, ids, budgets, Future())
        with self._lock:
            self._waiting.append(asked)
        try:
            self._worker.submit(self._work)
        except RuntimeError as error:
            raise EngineError("the engine is closed: make a new one") from error
        return await asyncio.wrap_future(asked.future)

    def stats(self) -> EngineStats:
        return self._stats

    def close(self) -> None:
        """Answer what was asked; later requests raise EngineError."""
        self._worker.shutdown(wait=True)

    def _work(self) -> None:
        """Answer whatever waits, up to a batch; an earlier call may have answered it all."""
        group = self._next()
        if not group:
            return
        start = time.perf_counter()
        try:
            results = handle_oom_with_recovery(self._in_batches, len(group), group=group)
            if results is None:
                raise EngineError("not even one window fits into memory: take a smaller model, or a larger device")
        except (RuntimeError, ValueError, MemoryError) as error:
            failed = error if isinstance(error, EngineError | ValueError) else EngineError(f"the model failed: {error}")
            for asked in group:
                asked.future.set_exception(failed)
            return
        self._count(group, results, time.perf_counter() - start)
        for asked, result in zip(group, results, strict=True):
            asked.future.set_result(result)

    def _next(self) -> list[_Asked]:
        """Greedy requests share a batch; one that samples has a temperature and a seed of its own."""
        group: list[_Asked] = []
        with self._lock:
            while self._waiting and len(group) < self._at_once:
                alone = self._waiting[0].request.temperature > 0
                if alone and group:
                    break
                # Marked as running, so that a caller who gives up cannot cancel it halfway; dropped if he did before.
                if (asked := self._waiting.popleft()).future.set_running_or_notify_cancel():
                    group.append(asked)
                    if alone:
                        break
        return group

    @torch.inference_mode()
    def _in_batches(self, size: int, group: list[_Asked]) -> list[SpeechResult]:
        pieces = [group[first : first + size] for first in range(0, len(group), size)]
        return [result for piece in pieces for result in self._answer(piece)]

    def _answer(self, group: list[_Asked]) -> list[SpeechResult]:
        """One batch: a row a task, padded on the left to one length, each window listened to once."""
        ids = [row for asked in group for row in asked.ids]
        longest, device = max(map(len, ids)), self._model.device
        rows = torch.tensor([[prompts.PAD] * (longest - len(row)) + row for row in ids], device=device)
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids], device=device)
        answers = [Answer(budget) for asked in group for budget in asked.budgets]
        first = group[0].request
        chooser = Chooser(len(ids), first.temperature, first.seed, device)
        self._model.generate(
            inputs_embeds=self._embedded(group, rows),
            attention_mask=mask,
            max_new_tokens=max(answer.budget for answer in answers),
            logits_processor=LogitsProcessorList([chooser]),
            stopping_criteria=StoppingCriteriaList([Watcher(answers, chooser)]),
        )
        return self._results(group, answers)

    def _embedded(self, group: list[_Asked], rows: torch.Tensor) -> torch.Tensor:
        """(rows, tokens, width): the prompts, with what was heard in the place of the audio."""
        embeddings: torch.Tensor = self._model.get_input_embeddings()(rows)
        spoken = [asked for asked in group if any(map(is_spoken, asked.request.tasks))]
        if not spoken:
            return embeddings
        chunks = [padded(asked.request.samples, self._chunk) for asked in spoken if asked.request.samples is not None]
        samples = torch.stack([torch.from_numpy(chunk) for chunk in chunks]).to(self._model.device)
        mel = log_mel(samples, self._model.config.audio_config.num_mel_bins).to(self._model.dtype)
        heard = self._model.get_audio_features(mel, return_dict=True).pooler_output
        by_window = iter(heard.view(len(spoken), self._audio_tokens, -1).to(embeddings.dtype))
        row = 0
        for asked in group:
            audio = next(by_window) if any(map(is_spoken, asked.request.tasks)) else None
            for task in asked.request.tasks:
                if audio is not None and is_spoken(task):
                    embeddings[row, rows[row] == prompts.AUDIO] = audio
                row += 1
        return embeddings

    def _results(self, group: list[_Asked], answers: list[Answer]) -> list[SpeechResult]:
        given = iter(answers)
        return [
            SpeechResult(tuple(told(task, next(given), self._tokenizer) for task in asked.request.tasks))
            for asked in group
        ]

    def _count(self, group: list[_Asked], results: list[SpeechResult], seconds: float) -> None:
        for asked, result in zip(group, results, strict=True):
            self._stats = counted(self._stats, asked.request, sum(len(r.tokens) for r in result.results))
        self._stats = replace(self._stats, busy_s=self._stats.busy_s + seconds)
