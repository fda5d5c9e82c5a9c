"""Which heads look at the word that is being written, and how far off: found on speech whose words' starts are known.

It listens with all heads at once, so a calibration is one pass over the speech. It knows the decoder; it does not know
where the speech comes from, nor which transcripts are right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

from b200_kernels import prompts
from b200_kernels.checkpoints import Checkpoint
from b200_kernels.compiled import weights
from b200_kernels.compiled.batch import Batch, Job, Writing
from b200_kernels.compiled.decoder import Listening
from b200_kernels.compiled.pages import Pages, whole_pages
from b200_kernels.compiled.timings import Alignment, first_tokens, looked_at, spelled
from b200_kernels.generation import Answer, speech_token_budget
from b200_kernels.mel import SAMPLE_RATE
from b200_kernels.requests import padded

MOST_HEADS = 6
WORTH_A_HEAD_S = 0.001
"""A head is exported at every step: it has to lower the median error by this much."""
_AT_ONCE = 8

Head = tuple[int, int]
"""Layer and head."""


@dataclass(frozen=True)
class Heard:
    """A transcript and where the decoder looked while writing it.

    ``attention`` is (tokens, layers, heads, audio tokens); ``words`` the token in which each word begins; ``seconds``
    the window's length and ``seconds_a_token`` an audio token's.
    """

    text: str
    attention: np.ndarray
    words: tuple[int, ...]
    seconds: float
    seconds_a_token: float


def hear(checkpoint: Checkpoint, windows: Sequence[np.ndarray], language: str) -> list[Heard]:
    """Transcribe windows (float32 samples at 16 kHz, at most a chunk) on the CPU in fp32, with all heads watched."""
    device = torch.device("cpu")
    voxtral = weights.load(checkpoint, device, torch.float32)
    shape, audio_tokens = voxtral.shape.decoder, voxtral.shape.encoder.tokens
    tokenizer = Tekkenizer.from_file(checkpoint.folder / "tekken.json")
    prompt = prompts.prompt_ids(prompts.Transcribe(language), tokenizer, audio_tokens)
    chunk_s = checkpoint.capabilities.chunk_s
    longest = len(prompt) + speech_token_budget(chunk_s) + 1
    heads = tuple((layer, head) for layer in range(shape.layers) for head in range(shape.heads))
    batch = Batch(
        voxtral,
        Pages(shape, 1 + _AT_ONCE * whole_pages(longest), device, torch.float32),
        _AT_ONCE,
        longest,
        Listening.to(heads, len(prompts.SPEECH_PREFIX), audio_tokens, device),
    )
    found: list[Heard] = []
    for first in range(0, len(windows), _AT_ONCE):
        some = windows[first : first + _AT_ONCE]
        for samples, writing in zip(some, _written(batch, some, prompt, round(chunk_s * SAMPLE_RATE)), strict=True):
            tokens = writing.answer.tokens
            attention = torch.stack(writing.heard)[: len(tokens)].numpy()
            pieces = spelled([tokenizer.id_to_byte_piece(token) for token in tokens])
            found.append(
                Heard(
                    tokenizer.decode(tokens, special_token_policy=SpecialTokenPolicy.IGNORE).strip(),
                    attention.reshape(len(tokens), shape.layers, shape.heads, audio_tokens),
                    tuple(first_tokens(pieces)),
                    len(samples) / SAMPLE_RATE,
                    chunk_s / audio_tokens,
                )
            )
    return found


def _written(batch: Batch, windows: Sequence[np.ndarray], prompt: list[int], chunk: int) -> list[Writing]:
    """The finished transcripts of a few windows."""
    jobs = []
    for samples in windows:
        answer = Answer(speech_token_budget(len(samples) / SAMPLE_RATE))
        jobs.append(Job(padded(samples, chunk), [Writing(prompt, answer, listen=True)]))
    with torch.inference_mode():
        batch.join(jobs)
        while batch.rows:
            batch.step()
    return [job.writings[0] for job in jobs]


def calibrate(heard: Sequence[Heard], starts: Sequence[Sequence[float]]) -> Alignment:
    """The heads, one after another while each helps, whose mean attention tells best when words begin.

    ``starts`` are the true seconds of every window's words. Raises ValueError without any window.
    """
    if not heard:
        raise ValueError("no window to calibrate with: the model wrote none of them down rightly")
    _, layers, heads, _ = heard[0].attention.shape
    left = [(layer, head) for layer in range(layers) for head in range(heads)]
    chosen: list[Head] = []
    reached = np.inf
    while left and len(chosen) < MOST_HEADS:
        errors = [median_error([*chosen, head], heard, starts)[0] for head in left]
        best = int(np.argmin(errors))
        if errors[best] > reached - WORTH_A_HEAD_S:
            break
        reached = errors[best]
        chosen.append(left.pop(best))
    _, offset = median_error(chosen, heard, starts)
    # The decoder reports heads layer by layer.
    return Alignment(heads=tuple(sorted(chosen)), offset_s=round(offset, 4))


def median_error(
    heads: Sequence[Head], heard: Sequence[Heard], starts: Sequence[Sequence[float]]
) -> tuple[float, float]:
    """Median absolute error of word starts by the mean of ``heads``, and the constant offset that it takes, seconds."""
    differences = []
    for one, true in zip(heard, starts, strict=True):
        watched = np.stack([one.attention[:, layer, head] for layer, head in heads], axis=1)
        looked = looked_at(watched, one.seconds, one.seconds_a_token)
        differences.append(np.asarray(true) - looked[list(one.words)])
    needed = np.concatenate(differences)
    offset = float(np.median(needed))
    return float(np.median(np.abs(needed - offset))), offset
