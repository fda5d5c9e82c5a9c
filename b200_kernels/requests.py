"""What every engine does around computing: refuse what nobody could answer, pad, set the budget; tell, and count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

from b200_kernels import prompts
from b200_kernels.engine import EngineError, EngineStats, SpeechRequest, TaskResult
from b200_kernels.generation import Answer, speech_token_budget, text_token_budget
from b200_kernels.mel import SAMPLE_RATE


def is_spoken(task: prompts.Task) -> bool:
    """Whether a task needs the window's samples."""
    return not isinstance(task, prompts.TranslateText)


def check_request(request: SpeechRequest, chunk: int) -> None:
    """Raises ValueError for a request without tasks, without the samples that it needs, longer than ``chunk``
    samples, or with samples that are no sound.
    """
    if not request.tasks:
        raise ValueError("a request needs at least one task")
    if request.temperature < 0:
        raise ValueError(f"temperature {request.temperature} is negative: 0 is greedy, more is freer")
    if request.max_tokens is not None and request.max_tokens < 1:
        raise ValueError(f"max_tokens is {request.max_tokens}: an answer has at least one token")
    if request.samples is None:
        if any(map(is_spoken, request.tasks)):
            raise ValueError("a speech task needs samples: only TranslateText does without")
        return
    samples = request.samples
    if samples.ndim != 1 or samples.dtype not in (np.int16, np.float32) or not len(samples):
        got = f"{samples.dtype} {samples.shape}"
        raise ValueError(f"samples must be mono, int16 or float32, of shape (n,) with n > 0, not {got}")
    if len(samples) > chunk:
        raise ValueError(
            f"a window of {len(samples) / SAMPLE_RATE:.1f} s is longer than the model's chunk of "
            f"{chunk / SAMPLE_RATE:.0f} s: cut it at a pause first, best into capabilities.window_s or less"
        )
    if samples.dtype == np.float32 and not np.isfinite(samples).all():
        raise ValueError("samples hold NaN or infinity: decode the audio again")


def padded(samples: np.ndarray, chunk: int) -> np.ndarray:
    """float32 samples of a whole chunk, silence after the window: what the encoder always hears."""
    whole = np.zeros(chunk, np.float32)
    whole[: len(samples)] = samples / np.float32(32768) if samples.dtype == np.int16 else samples
    return whole


def token_budget(
    request: SpeechRequest, task: prompts.Task, prompt: list[int], positions: int, tokenizer: prompts.Tokenizer
) -> int:
    """Most tokens that the answer to a task may have. Raises ValueError where its prompt leaves no room."""
    if len(prompt) >= positions:
        raise ValueError(f"a prompt of {len(prompt)} tokens does not fit the model's {positions}: give less text")
    if isinstance(task, prompts.TranslateText):
        wanted = text_token_budget(len(tokenizer.encode(task.text, False, False)))
    else:
        wanted = speech_token_budget(request.speech_s)
    return min(wanted, positions - len(prompt), request.max_tokens or wanted)


def told(task: prompts.Task, answer: Answer, tokenizer: Tekkenizer) -> TaskResult:
    """A finished answer as text. Raises EngineError for one that is not finished."""
    if answer.finish_reason is None:
        raise EngineError("the engine ended before the answer did")
    text = tokenizer.decode(answer.tokens, special_token_policy=SpecialTokenPolicy.IGNORE).strip()
    return TaskResult(task, text, tuple(answer.tokens), answer.logprob, answer.finish_reason)


def counted(stats: EngineStats, request: SpeechRequest, tokens: int) -> EngineStats:
    """The totals with one more request, to which ``tokens`` tokens were answered; ``busy_s`` is the engine's own."""
    heard = request.samples if any(map(is_spoken, request.tasks)) else None
    return replace(
        stats,
        requests=stats.requests + 1,
        windows=stats.windows + (heard is not None),
        audio_s=stats.audio_s + (0 if heard is None else len(heard) / SAMPLE_RATE),
        tokens=stats.tokens + tokens,
    )
