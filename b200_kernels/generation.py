"""How long an answer may be, when it is a loop, and how its next token is chosen.

Watches transformers' ``generate`` row by row. It knows token ids; it does not know audio, prompts or the
model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from transformers import LogitsProcessor, StoppingCriteria, TopPLogitsWarper

from b200_kernels.prompts import EOS

FinishReason = Literal["stop", "length", "loop"]

TOP_P = 0.95
"""What Voxtral's model card recommends for chat; used whenever a temperature is given."""
_LOOP_TOKENS, _LOOP_TIMES, _LONGEST_LOOP = 24, 3, 48
_BEAMS = {"low": 1, "medium": 1, "high": 2, "max": 4}


def speech_token_budget(speech_s: float) -> int:
    """Most tokens that an answer about ``speech_s`` seconds of speech may have: 24 a second and 24 more, at
    least 48.

    The densest sentence of the embedded checkpoint's corpus has 21 tokens a second, of its small vocabulary;
    real Voxtral needs a third of that. What runs over is no longer about the speech.
    """
    return max(48, 24 + round(24 * max(0.0, speech_s)))


def text_token_budget(source_tokens: int) -> int:
    """Most tokens that a translation of ``source_tokens`` tokens may have: twice as many and 48 more."""
    return 48 + 2 * source_tokens


def ends_in_loop(tokens: Sequence[int]) -> bool:
    """Whether the tail is one n-gram again and again: at least three times, and over at least 24 tokens.

    So a stammered word or a sentence said twice is not a loop, and a sentence said three times is.
    """
    for n in range(1, min(_LONGEST_LOOP, len(tokens) // _LOOP_TIMES) + 1):
        span = n * max(_LOOP_TIMES, -(-_LOOP_TOKENS // n))
        if span <= len(tokens) and all(tokens[-i] == tokens[-i - n] for i in range(1, span - n + 1)):
            return True
    return False


@dataclass
class Answer:
    """One growing answer: its tokens without the end token, and the sum of log-probabilities with it."""

    budget: int
    tokens: list[int] = field(default_factory=list)
    total: float = 0.0
    finish_reason: FinishReason | None = None

    def add(self, token: int, logprob: float) -> None:
        if self.finish_reason is not None:
            return
        self.total += logprob
        if token == EOS:
            self.finish_reason = "stop"
            return
        self.tokens.append(token)
        if ends_in_loop(self.tokens):
            self.finish_reason = "loop"
        elif len(self.tokens) >= self.budget:
            self.finish_reason = "length"

    @property
    def logprob(self) -> float:
        """Mean over the tokens, the end token included; 0.0 for an empty answer."""
        ended = self.finish_reason == "stop"
        return self.total / (len(self.tokens) + ended) if self.tokens else 0.0


def draw(logits: torch.Tensor, temperature: float, generators: Sequence[torch.Generator]) -> torch.Tensor:
    """(rows, vocabulary) logits to scores whose maximum is a sample, at ``temperature`` and ``TOP_P``.

    Adding Gumbel noise and taking the maximum *is* sampling. The noise comes from a generator of our own, one
    a row, so a seed gives the same answer whatever else in the process draws random numbers, and whatever
    else is asked.
    """
    nowhere = torch.empty(len(logits), 0, dtype=torch.int64, device=logits.device)
    scores: torch.Tensor = TopPLogitsWarper(TOP_P)(nowhere, logits / temperature)
    noise = torch.stack([torch.empty_like(scores[0]).exponential_(generator=g) for g in generators])
    return scores - noise.log()


class Chooser(LogitsProcessor):
    """Keeps the step's log-probabilities and, above temperature 0, makes greedy search sample (:func:`draw`)."""

    def __init__(self, rows: int, temperature: float, seed: int, device: torch.device) -> None:
        self.logprobs = torch.zeros(rows, 1, device=device)
        self._temperature = temperature
        self._generators = (
            [torch.Generator(device).manual_seed(seed % 2**63) for _ in range(rows)] if temperature > 0 else []
        )

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self.logprobs = scores.log_softmax(dim=-1)
        return draw(scores, self._temperature, self._generators) if self._generators else scores


class Watcher(StoppingCriteria):
    """Collects every row's answer and ends each for its own reason."""

    def __init__(self, answers: Sequence[Answer], chooser: Chooser) -> None:
        self._answers, self._chooser = answers, chooser

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        newest = input_ids[:, -1]
        logprobs = self._chooser.logprobs.gather(1, newest[:, None])[:, 0].tolist()
        for answer, token, logprob in zip(self._answers, newest.tolist(), logprobs, strict=True):
            answer.add(token, logprob)
        return torch.tensor([a.finish_reason is not None for a in self._answers], device=input_ids.device)


def get_transformers_generation_params(task_type: str = "translation", quality_level: str = "high") -> dict[str, Any]:
    """Keyword arguments for ``model.generate`` on one 30 s window.

    ``task_type`` is ``translation`` or ``transcription``; ``quality_level`` low, medium, high or max. Never
    sampled, so that the same audio gives the same text. A translation is searched with 1, 1, 2 and 4 beams; a
    transcription, which has one right answer, always with one. Raises ValueError for other words.
    """
    if task_type not in ("translation", "transcription"):
        raise ValueError(f"unknown task_type {task_type!r}: use 'translation' or 'transcription'")
    if quality_level not in _BEAMS:
        raise ValueError(f"unknown quality_level {quality_level!r}: use one of {', '.join(_BEAMS)}")
    beams = _BEAMS[quality_level] if task_type == "translation" else 1
    params = {
        "max_new_tokens": speech_token_budget(30.0),
        "do_sample": False,
        "num_beams": beams,
        "use_cache": True,
    }
    return params | ({"early_stopping": True} if beams > 1 else {})
