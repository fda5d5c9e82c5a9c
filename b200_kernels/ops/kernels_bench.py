"""Every operation against its plain torch reference and against the bytes that it must move.

    python -m b200_kernels.ops.kernels_bench [--device cuda] [--batch 64] [--json FILE]

Shapes are those of a decoding step of Voxtral-Mini-3B, or with ``--small`` ones that a CPU gets through. The bound is
the time in which this device copies as many bytes as the operation has to read and write, or multiplies as much in the
wide format, whichever is longer; log-mel and the VAD's recurrence, which are neither, have none.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from b200_kernels.ops import block_scaled_gemm, decode_attention, greedy_head, log_mel, rms_norm, swiglu
from b200_kernels.ops.block_scaled_gemm import reference as gemm_reference
from b200_kernels.ops.decode_attention import reference as attention_reference
from b200_kernels.ops.fp8 import E4M3, E4M3_MAX, quantise_rows
from b200_kernels.ops.fp8_gemm import reference as fp8_reference
from b200_kernels.ops.fp8_gemm.op import fp8_gemm
from b200_kernels.ops.greedy_head import reference as head_reference
from b200_kernels.ops.log_mel import reference as mel_reference
from b200_kernels.ops.rms_norm import reference as norm_reference
from b200_kernels.ops.swiglu import reference as swiglu_reference
from b200_kernels.ops.vad import reference as vad_reference
from b200_kernels.ops.vad.op import lstm

_ROUNDS = 10
_PAGE = 32


@dataclass(frozen=True)
class Shape:
    """Of a decoder: widths, heads, and how many keys a request has."""

    width: int
    feed_forward: int
    vocabulary: int
    heads: int
    kv_heads: int
    head_width: int
    keys: int


MINI_3B = Shape(3072, 8192, 131_072, 32, 8, 128, 450)
SMALL = Shape(64, 128, 1024, 4, 2, 16, 40)


@dataclass(frozen=True)
class Row:
    """Milliseconds of one call; ``bound_ms`` is None where neither bytes nor one large product are the limit."""

    name: str
    ms: float
    reference_ms: float
    bound_ms: float | None


@dataclass(frozen=True)
class _Case:
    """An operation, its plain reference, the bytes that it must move and the operations of its products."""

    name: str
    run: Callable[[], object]
    reference: Callable[[], object]
    bytes_moved: int = 0
    flops: int = 0


def measure(device: str, batch: int, shape: Shape) -> list[Row]:
    """Every operation on ``device``, one after another, with random numbers in bf16 (CPU: float32)."""
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    bytes_rate, flops_rate = _copy_bytes_a_ms(device), _flops_a_ms(device, dtype)

    def draw(*size: int) -> Tensor:
        return torch.randn(*size, device=device).to(dtype)

    cases = [
        *_hearing(batch, device),
        *_between_products(batch, shape, draw),
        *_attention(batch, shape, draw, device),
        *_products(batch, shape, draw, dtype),
    ]
    return [
        Row(
            case.name,
            _milliseconds(case.run, device),
            _milliseconds(case.reference, device),
            max(case.bytes_moved / bytes_rate, case.flops / flops_rate) or None,
        )
        for case in cases
    ]


Draw = Callable[..., Tensor]


def _hearing(batch: int, device: str) -> Iterator[_Case]:
    samples = torch.randn(batch, 480_000 if device != "cpu" else 16_000, device=device)
    yield _Case("log_mel", lambda: log_mel.log_mel(samples), lambda: mel_reference.log_mel(samples))
    steps = samples.shape[1] // 512
    x, w_ih, w_hh = (torch.randn(*size, device=device) for size in ((steps, batch, 128), (512, 128), (512, 128)))
    biases = torch.randn(512, device=device), torch.randn(512, device=device)
    yield _Case(
        "vad_lstm",
        lambda: lstm(x, w_ih, w_hh, *biases),
        lambda: vad_reference.lstm(x, w_ih, w_hh, *biases),
    )


def _between_products(batch: int, shape: Shape, draw: Draw) -> Iterator[_Case]:
    x, residual, weight = draw(batch, shape.width), draw(batch, shape.width), draw(shape.width)
    gate_up = draw(batch, 2 * shape.feed_forward)
    row, eps = x.numel() * x.element_size(), 1e-5
    gated = gate_up.numel() * x.element_size()
    for name, ours, plain, arguments, moved in (
        ("rms_norm", rms_norm.rms_norm, norm_reference.rms_norm, (x, weight, eps), 2 * row),
        ("add_rms_norm", rms_norm.add_rms_norm, norm_reference.add_rms_norm, (x, residual, weight, eps), 4 * row),
        (
            "add_rms_norm_fp8",
            rms_norm.add_rms_norm_fp8,
            norm_reference.add_rms_norm_fp8,
            (x, residual, weight, eps),
            3 * row + x.numel(),
        ),
        ("swiglu", swiglu.swiglu, swiglu_reference.swiglu, (gate_up,), gated * 3 // 2),
        ("swiglu_fp8", swiglu.swiglu_fp8, swiglu_reference.swiglu_fp8, (gate_up,), gated + gate_up.numel() // 2),
    ):
        yield _Case(name, partial(ours, *arguments), partial(plain, *arguments), moved)


def _attention(batch: int, shape: Shape, draw: Draw, device: str) -> Iterator[_Case]:
    pages = -(-shape.keys // _PAGE)
    cache = draw(2, batch * pages, _PAGE, shape.kv_heads, shape.head_width)
    query = draw(batch, shape.heads, shape.head_width)
    pages_of = torch.arange(batch * pages, dtype=torch.int32, device=device).view(batch, pages)
    lengths = torch.full((batch,), shape.keys, dtype=torch.int32, device=device)
    for name, keys, values in (
        ("decode_attention", *cache),
        ("decode_attention, E4M3", *cache.clamp(-E4M3_MAX, E4M3_MAX).to(E4M3)),
    ):
        asked = (query, keys, values, pages_of, lengths)
        moved = 2 * keys.numel() * keys.element_size()
        yield _Case(
            name,
            partial(decode_attention.decode_attention, *asked),
            partial(attention_reference.decode_attention, *asked),
            moved,
        )
    _, total = decode_attention.decode_attention(query, *cache, pages_of, lengths)
    heads = torch.zeros(1, dtype=torch.int32, device=device)
    first, count = torch.zeros_like(lengths), shape.keys * 4 // 5
    heard = (query, cache[0], pages_of, total, heads, first, count)
    yield _Case(
        "attention_to",
        partial(decode_attention.attention_to, *heard),
        partial(attention_reference.attention_to, *heard),
        batch * count * shape.head_width * cache.element_size(),
    )


def _products(batch: int, shape: Shape, draw: Draw, dtype: torch.dtype) -> Iterator[_Case]:
    x, head = draw(batch, shape.width), draw(shape.vocabulary, shape.width)
    yield _Case(
        "greedy_head",
        lambda: greedy_head.greedy_head(x, head),
        lambda: head_reference.greedy_head(x, head),
        head.numel() * head.element_size(),
        2 * batch * head.numel(),
    )
    weight = head[: 2 * shape.width]
    flops = 2 * batch * weight.numel()
    e4m3 = (*quantise_rows(x), *quantise_rows(weight), dtype)
    mx = (*block_scaled_gemm.quantise_mxfp8(x), *block_scaled_gemm.quantise_mxfp8(weight))
    nv = (*block_scaled_gemm.quantise_nvfp4(x), *block_scaled_gemm.quantise_nvfp4(weight))
    for name, ours, plain, arguments, bytes_kept in (
        ("fp8_gemm", fp8_gemm, fp8_reference.fp8_gemm, e4m3, weight.numel()),
        ("mxfp8_gemm", block_scaled_gemm.mxfp8_gemm, gemm_reference.mxfp8_gemm, mx, weight.numel() * 33 // 32),
        ("nvfp4_gemm", block_scaled_gemm.nvfp4_gemm, gemm_reference.nvfp4_gemm, nv, weight.numel() * 9 // 16),
    ):
        yield _Case(name, partial(ours, *arguments), partial(plain, *arguments), bytes_kept, flops)


def _flops_a_ms(device: str, dtype: torch.dtype) -> float:
    """Floating-point operations a millisecond of a large product; chips that have E4M3 do twice as many in it."""
    size = 1024 if device == "cpu" else 8192
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    return 2 * size**3 / _milliseconds(lambda: a @ b, device)


def _copy_bytes_a_ms(device: str) -> float:
    """Bytes read and written a millisecond by a copy that is larger than any cache."""
    source = torch.empty((64 if device == "cpu" else 1024) * 2**20, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * source.numel() / _milliseconds(lambda: target.copy_(source), device)


def _milliseconds(work: Callable[[], object], device: str) -> float:
    """The median of several calls, after one that warms up."""
    work()
    found = []
    for _ in range(_ROUNDS):
        _wait(device)
        began = time.perf_counter()
        work()
        _wait(device)
        found.append((time.perf_counter() - began) * 1e3)
    return statistics.median(found)


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize(device)


def main(
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cuda" if torch.cuda.is_available() else "cpu",
    batch: Annotated[int, typer.Option(help="requests a step")] = 64,
    small: Annotated[bool, typer.Option(help="shapes for a CPU")] = False,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure and print."""
    rows = [asdict(row) for row in measure(device, batch, SMALL if small else MINI_3B)]
    typer.echo(json.dumps(rows, indent=2))
    if json_file is not None:
        json_file.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
