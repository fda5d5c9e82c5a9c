"""The reference engine: transformers' own ``generate``, one window at a time.

What every other engine is checked against, so it is plain and its answer depends on the request alone, never
on what else is in flight. It knows checkpoints, prompts and tensors; it does not know files, subtitles, or
whether an answer is any good.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from mistral_common.tokens.tokenizers.tekken import Tekkenizer
from transformers import LogitsProcessorList, StoppingCriteriaList

from b200_kernels import prompts
from b200_kernels.checkpoints import Checkpoint
from b200_kernels.engine import DtypeName, EngineError, EngineStats, SpeechRequest, SpeechResult
from b200_kernels.generation import Answer, Chooser, Watcher
from b200_kernels.loading import load_model
from b200_kernels.mel import SAMPLE_RATE, log_mel
from b200_kernels.precision import detect_device, resolve_dtype
from b200_kernels.requests import check_request, counted, is_spoken, padded, token_budget, told


class ReferenceEngine:
    """A Voxtral that answers one request after another, in a thread of its own.

    All tasks of a request are one batch over one listening: the audio is encoded once. ``device`` is a torch
    device or ``auto``; ``dtype`` a name or ``auto``; ``threads`` the CPU threads to compute with (None:
    torch's default). Raises CheckpointError when the weights cannot be loaded.
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
        self._threads = threads
        self._chunk = round(checkpoint.capabilities.chunk_s * SAMPLE_RATE)
        self._tokenizer = Tekkenizer.from_file(checkpoint.folder / "tekken.json")
        self._model: Any = load_model(checkpoint, self.device, self.dtype)
        self._stats = EngineStats(requests=0, windows=0, audio_s=0.0, tokens=0, busy_s=0.0)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reference-engine")

    async def generate(self, request: SpeechRequest) -> SpeechResult:
        """Answer every task of the request.

        Raises ValueError for a request that cannot be answered, EngineError when the model or its device
        fails.
        """
        check_request(request, self._chunk)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, self._answer, request)
        except EngineError:
            raise
        except RuntimeError as error:  # torch's own, out of memory included, and a pool that was shut down
            raise EngineError(f"the engine failed: {error}") from error

    def stats(self) -> EngineStats:
        return self._stats

    def close(self) -> None:
        """Wait for the request in work and free the model; later requests raise EngineError."""
        self._worker.shutdown(wait=True, cancel_futures=True)
        self._model = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @torch.inference_mode()
    def _answer(self, request: SpeechRequest) -> SpeechResult:
        model = self._model
        if model is None:
            raise EngineError("the engine is closed: make a new one")
        start = time.perf_counter()
        if self._threads is not None:
            torch.set_num_threads(self._threads)  # each time: other libraries set it for the whole process
        spoken = any(map(is_spoken, request.tasks))
        samples = request.samples if spoken else None
        audio = None if samples is None else self._listen(model, samples)
        length = 0 if audio is None else len(audio)
        ids = [prompts.prompt_ids(task, self._tokenizer, length) for task in request.tasks]
        positions: int = model.config.text_config.max_position_embeddings
        budgets = [
            token_budget(request, task, prompt, positions, self._tokenizer)
            for task, prompt in zip(request.tasks, ids, strict=True)
        ]
        answers = [Answer(budget) for budget in budgets]
        self._continue(model, ids, audio, answers, request)
        results = tuple(told(*pair, self._tokenizer) for pair in zip(request.tasks, answers, strict=True))
        stats = counted(self._stats, request, sum(len(a.tokens) for a in answers))
        self._stats = replace(stats, busy_s=stats.busy_s + time.perf_counter() - start)
        return SpeechResult(results)

    def _listen(self, model: Any, samples: np.ndarray) -> torch.Tensor:
        """(n,) samples to (tokens, width): the encoder always hears a whole chunk, the rest of it silence."""
        chunk = torch.from_numpy(padded(samples, self._chunk))
        mel = log_mel(chunk[None].to(self.device), model.config.audio_config.num_mel_bins)
        return model.get_audio_features(mel.to(self.dtype), return_dict=True).pooler_output

    def _continue(
        self,
        model: Any,
        ids: list[list[int]],
        audio: torch.Tensor | None,
        answers: list[Answer],
        request: SpeechRequest,
    ) -> None:
        """Run ``generate`` over the prompts, padded on the left to one length; the answers grow meanwhile."""
        longest = max(map(len, ids))
        rows = torch.tensor([[prompts.PAD] * (longest - len(row)) + row for row in ids], device=self.device)
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids], device=self.device)
        embeddings = model.get_input_embeddings()(rows)
        if audio is not None:
            for row, task in enumerate(request.tasks):
                if is_spoken(task):
                    embeddings[row, rows[row] == prompts.AUDIO] = audio.to(embeddings.dtype)
        chooser = Chooser(len(ids), request.temperature, request.seed, self.device)
        model.generate(
            inputs_embeds=embeddings,
            attention_mask=mask,
            max_new_tokens=max(a.budget for a in answers),
            logits_processor=LogitsProcessorList([chooser]),
            stopping_criteria=StoppingCriteriaList([Watcher(answers, chooser)]),
        )
