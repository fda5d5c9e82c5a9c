"""How fast a Voxtral of a published size would be here: random weights, noise for sound, answers of one length.

Speed does not depend on what the numbers are, so no checkpoint is needed. It runs the compiled engine's own batch, with
nothing left out but texts.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from b200_kernels import prompts
from b200_kernels.benchmark.limits import Limit, limit
from b200_kernels.compiled.batch import Batch, Job, Writing
from b200_kernels.compiled.formats import Formats
from b200_kernels.compiled.pages import Pages, whole_pages
from b200_kernels.compiled.shape import MINI_3B, SMALL_24B, VoxtralShape
from b200_kernels.compiled.weight_forms import Form
from b200_kernels.compiled.weights import random
from b200_kernels.generation import Answer
from b200_kernels.machine_rates import copy_bytes_a_second, matmul_flops_a_second

SHAPES = {"mini-3b": MINI_3B, "small-24b": SMALL_24B}
_CHUNK_S = 30.0
_BYTES: dict[Form | None, float] = {"fp8": 1.0, "mxfp8": 1 + 1 / 32, "nvfp4": 0.5 + 1 / 16}
_PROMPT = 15
"""Tokens of a translation's instruction behind the audio."""


class FixedAnswer(Answer):
    """An answer that ends after its budget, whatever is written."""

    def add(self, token: int, logprob: float) -> None:
        if self.finish_reason is None:
            self.tokens.append(token)
            if len(self.tokens) >= self.budget:
                self.finish_reason = "length"


@dataclass(frozen=True)
class ShapeFigures:
    """``rtfx`` is seconds of audio a second, every window full; ``share_of_limit`` of what the machine's measured rates
    allow; ``stages`` are seconds of a second run of at most twice ``rows`` windows, which waits after each.
    """

    windows: int
    tokens_a_window: int
    rows: int
    wall_s: float
    rtfx: float
    tokens_a_second: float
    memory_gb: float
    share_of_limit: float
    limit: Limit
    stages: dict[str, float] = field(default_factory=dict)

    def figures(self) -> dict[str, Any]:
        return asdict(self) | {"limit_s_a_window": self.limit.window_s}


def measure_shape(
    shape: VoxtralShape,
    device: torch.device,
    formats: Formats,
    *,
    windows: int,
    tokens: int,
    rows: int,
    encode_at_once: int = 16,
) -> ShapeFigures:
    """One translation of ``tokens`` tokens for each of ``windows`` full windows, ``rows`` of them in flight at most.

    The limit takes the arithmetic rate of the wide format, whatever form the weights are kept in, and the form's bytes.

    Raises torch.OutOfMemoryError where the model does not fit.
    """
    batch = _batch(shape, device, formats, tokens, rows, encode_at_once)
    with torch.inference_mode():
        batch.warm_up()
        _run(batch, _jobs(shape, min(windows, rows), tokens))  # caches, kernels, allocator
        batch.stopwatch.seconds.clear()
        _wait(device)
        began = time.perf_counter()
        _run(batch, _jobs(shape, windows, tokens))
        _wait(device)
        wall_s = time.perf_counter() - began
        batch.stopwatch.seconds.clear()
        batch.stopwatch.exact = True  # in a run of its own: to wait after every stage costs overlap
        _run(batch, _jobs(shape, min(windows, 2 * rows), tokens))
    best = limit(
        shape,
        prompts=(_PROMPT,),
        tokens=tokens,
        batch=rows,
        bytes_a_number=_BYTES.get(formats.form, formats.wide.itemsize),
        flops_a_second=matmul_flops_a_second(device, formats.wide),
        bytes_a_second=copy_bytes_a_second(device),
    )
    return ShapeFigures(
        windows=windows,
        tokens_a_window=tokens,
        rows=rows,
        wall_s=wall_s,
        rtfx=windows * _CHUNK_S / wall_s,
        tokens_a_second=windows * tokens / wall_s,
        memory_gb=torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else 0.0,
        share_of_limit=best.window_s * windows / wall_s,
        limit=best,
        stages=dict(batch.stopwatch.seconds),
    )


def _batch(
    shape: VoxtralShape, device: torch.device, formats: Formats, tokens: int, rows: int, encode_at_once: int
) -> Batch:
    voxtral = random(shape, device, formats.wide, formats.form)
    if device.type == "cuda":
        voxtral = voxtral.fused()
    check = 8 if device.type == "cuda" else 1
    longest = len(_prompt(shape)) + tokens + check
    pages = Pages(shape.decoder, 1 + rows * whole_pages(longest), device, formats.cache)
    return Batch(voxtral, pages, rows, longest, encode_at_once=encode_at_once, check_every=check)


def _jobs(shape: VoxtralShape, count: int, tokens: int) -> deque[Job]:
    noise = np.random.default_rng(0).normal(0, 0.05, shape.encoder.samples).astype(np.float32)
    return deque(Job(noise, [Writing(_prompt(shape), FixedAnswer(tokens))]) for _ in range(count))


def _prompt(shape: VoxtralShape) -> list[int]:
    heard = [*prompts.SPEECH_PREFIX, *[prompts.AUDIO] * shape.encoder.tokens]
    return [*heard, *range(40, 40 + _PROMPT)]


def _run(batch: Batch, waiting: deque[Job]) -> None:
    while waiting or batch.rows:
        joining: list[Job] = []
        while waiting and len(joining) < batch.encode_at_once and len(batch.rows) + len(joining) < batch.most_rows:
            joining.append(waiting.popleft())
        if joining:
            batch.join(joining)
        if batch.rows:
            batch.step()


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
