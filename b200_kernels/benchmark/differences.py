"""Do the contenders give the same tokens, and where they do not, was it a coin's toss?

Two engines may choose differently where the model itself hardly prefers one token. Such a place is looked at with
transformers' own forward in float32: the distance between the two highest logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import torch
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

from b200_kernels import prompts
from b200_kernels.checkpoints import Checkpoint
from b200_kernels.loading import load_model
from b200_kernels.mel import SAMPLE_RATE, log_mel
from b200_kernels.requests import padded

TOSS = 0.001
"""Logits nearer than this are a coin's toss: fp32 in another order of adding differs by less than a tenth of it."""

Tokens = tuple[tuple[tuple[int, ...], ...], ...]


@dataclass(frozen=True)
class Difference:
    """Window and task whose tokens differ, from which token on, and the two highest logits' distance there."""

    window: int
    task: int
    at: int
    gap: float

    @property
    def is_fault(self) -> bool:
        return self.gap > TOSS


def find_differences(
    checkpoint: Checkpoint, windows: Sequence[np.ndarray], tasks: Sequence[prompts.Task], ours: Tokens, theirs: Tokens
) -> list[Difference]:
    """All places where two contenders' tokens part; ``theirs`` are the reference's."""
    parted = [
        (window, task, _first_difference(a, b))
        for window, pair in enumerate(zip(ours, theirs, strict=True))
        for task, (a, b) in enumerate(zip(*pair, strict=True))
        if a != b
    ]
    if not parted:
        return []
    model = load_model(checkpoint, torch.device("cpu"), torch.float32)
    tokenizer = Tekkenizer.from_file(checkpoint.folder / "tekken.json")
    return [
        Difference(w, t, at, _gap(model, tokenizer, checkpoint, windows[w], tasks[t], theirs[w][t][:at]))
        for w, t, at in parted
    ]


def agreement(ours: Tokens, theirs: Tokens) -> float:
    """Share of tokens that two contenders have in common, in the same order (Ratcliff and Obershelp)."""
    pairs = [(a, b) for one, other in zip(ours, theirs, strict=True) for a, b in zip(one, other, strict=True)]
    common = sum(m.size for a, b in pairs for m in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks())
    length = sum(len(a) + len(b) for a, b in pairs)
    return 2 * common / length if length else 1.0


def _first_difference(a: Sequence[int], b: Sequence[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


@torch.inference_mode()
def _gap(
    model: Any, tokenizer: Any, checkpoint: Checkpoint, window: np.ndarray, task: prompts.Task, before: Sequence[int]
) -> float:
    chunk = torch.from_numpy(padded(window, round(checkpoint.capabilities.chunk_s * SAMPLE_RATE)))
    audio_tokens = round(checkpoint.capabilities.chunk_s * 12.5)
    ids = torch.tensor([[*prompts.prompt_ids(task, tokenizer, audio_tokens), *before]])
    logits = model(input_ids=ids, input_features=log_mel(chunk[None])).logits[0, -1]
    best, second = logits.float().topk(2).values.tolist()
    return float(best - second)
