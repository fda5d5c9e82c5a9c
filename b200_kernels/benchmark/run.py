"""One run of the benchmark: all contenders on the same windows, their tokens compared, the machine's limit beside."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any

import numpy as np
import torch
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

from b200_kernels import prompts
from b200_kernels.benchmark.contenders import ROUNDED, Measured, Question, measure
from b200_kernels.benchmark.differences import Difference, agreement, find_differences
from b200_kernels.benchmark.limits import Limit, limit
from b200_kernels.checkpoints import open_checkpoint
from b200_kernels.compiled.formats import resolve_formats
from b200_kernels.compiled.shape import read_shape
from b200_kernels.engine import EngineError
from b200_kernels.machine_rates import copy_bytes_a_second, matmul_flops_a_second
from b200_kernels.precision import detect_device
from cluster.feedback import Feedback

RATIOS = tuple((ours, base) for ours in ("compiled", "compiled-bf16x3") for base in ("vllm", "reference"))
_BASE = "reference"
_USUAL_BATCH = 32


@dataclass(frozen=True)
class Machine:
    """What was measured of the machine itself, in the number format of the run, with all of its cores."""

    device: str
    cores: int
    flops_a_second: float
    bytes_a_second: float


@dataclass(frozen=True)
class Comparison:
    """The run's result. By contender: ``differences`` from the reference's tokens, of those that compute as finely;
    ``agreement`` with them, 0 to 1; ``chrf``, by task, where the right answers are known. ``failed`` says why some
    contender has no figures.
    """

    model: str
    dtype: str
    threads: int
    windows: int
    audio_s: float
    machine: Machine
    contenders: tuple[Measured, ...]
    differences: dict[str, list[Difference]]
    agreement: dict[str, float]
    chrf: dict[str, tuple[float, ...]]
    limit: Limit
    failed: dict[str, str]

    def times(self, name: str, base: str) -> float | None:
        """How many times the other's speed; None where one of them has no figures."""
        speed = {contender.name: contender.rtfx for contender in self.contenders}
        return speed[name] / speed[base] if name in speed and base in speed else None

    def reached(self, contender: Measured) -> float:
        """Share of the machine's limit."""
        return self.limit.window_s * contender.windows_a_second

    def figures(self) -> dict[str, Any]:
        """Everything but the tokens, fit for JSON."""
        contenders = []
        for contender in self.contenders:
            row = asdict(contender)
            del row["tokens"], row["texts"]
            found = self.differences.get(contender.name, [])
            row |= {
                "share_of_limit": self.reached(contender),
                "answers_that_differ": len(found),
                "faults": sum(difference.is_fault for difference in found),
                "widest_gap": max((difference.gap for difference in found), default=0.0),
                "tokens_as_the_reference": self.agreement.get(contender.name),
                "chrf": self.chrf.get(contender.name),
            }
            contenders.append(row)
        return {
            "model": self.model,
            "dtype": self.dtype,
            "threads": self.threads,
            "windows": self.windows,
            "audio_s": self.audio_s,
            "platform": platform.platform(),
            "machine": asdict(self.machine),
            "limit_s_a_window": asdict(self.limit) | {"window_s": self.limit.window_s},
            "contenders": contenders,
            "times": {f"{a} / {b}": times for a, b in RATIOS if (times := self.times(a, b))},
            "failed": self.failed,
        }


def compare(names: Sequence[str], question: Question, feedback: Feedback) -> Comparison:
    """Measure the contenders one after another; one that does not start is told of, and the others go on."""
    measured: list[Measured] = []
    failed: dict[str, str] = {}
    machine = _machine(question)
    for name in names:
        feedback.info(f"{name}: {len(question.windows)} windows")
        try:
            measured.append(measure(name, question))
        except EngineError as error:
            feedback.warning(str(error))
            failed[name] = str(error)
    return Comparison(
        model=question.model,
        dtype=question.dtype,
        threads=question.threads,
        windows=len(question.windows),
        audio_s=question.audio_s,
        machine=machine,
        contenders=tuple(measured),
        differences=_differences(measured, question),
        agreement=_agreement(measured),
        chrf={contender.name: _chrf(contender, question) for contender in measured if question.truth},
        limit=_limit(measured, question, machine),
        failed=failed,
    )


def _wide(question: Question) -> torch.dtype:
    """What the run's number format comes to on this machine."""
    return resolve_formats(question.dtype, "auto", detect_device()).wide


def _machine(question: Question) -> Machine:
    device = detect_device()
    dtype = _wide(question)
    return Machine(
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu",
        cores=question.threads,
        flops_a_second=matmul_flops_a_second(device, dtype),
        bytes_a_second=copy_bytes_a_second(device),
    )


def _differences(measured: Sequence[Measured], question: Question) -> dict[str, list[Difference]]:
    by_name = {contender.name: contender.tokens for contender in measured}
    if _BASE not in by_name:
        return {}
    if _wide(question) != torch.float32:
        return {}  # engines that round differently write differently
    checkpoint = open_checkpoint(question.model)
    return {
        name: find_differences(checkpoint, question.windows, question.tasks, tokens, by_name[_BASE])
        for name, tokens in by_name.items()
        if name != _BASE and name not in ROUNDED
    }


def _agreement(measured: Sequence[Measured]) -> dict[str, float]:
    base = next((contender.tokens for contender in measured if contender.name == _BASE), None)
    return {} if base is None else {each.name: agreement(each.tokens, base) for each in measured}


def _chrf(contender: Measured, question: Question) -> tuple[float, ...]:
    """sacrebleu's chrF against the right answers, by task."""
    from b200_kernels.embedded.scores import chrf

    return tuple(
        chrf([texts[task] for texts in contender.texts], [truth[task] for truth in question.truth])
        for task in range(len(question.tasks))
    )


def _limit(measured: Sequence[Measured], question: Question, machine: Machine) -> Limit:
    checkpoint = open_checkpoint(question.model)
    shape = read_shape(checkpoint.folder)
    tokenizer = Tekkenizer.from_file(checkpoint.folder / "tekken.json")
    suffixes = tuple(len(prompts.prompt_ids(task, tokenizer, 0)) for task in question.tasks)
    written = [mean(sum(map(len, window)) for window in contender.tokens) for contender in measured]
    return limit(
        shape,
        prompts=suffixes,
        tokens=mean(written) if written else 0.0,
        batch=_USUAL_BATCH,
        bytes_a_number=_wide(question).itemsize,
        flops_a_second=machine.flops_a_second,
        bytes_a_second=machine.bytes_a_second,
    )


def noise(count: int, seconds: float, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Windows of noise: what a model with random weights may as well hear."""
    random = np.random.default_rng(seed)
    return tuple(random.normal(0, 0.05, round(seconds * 16_000)).astype(np.float32) for _ in range(count))
