"""Every operation against its plain torch reference and against the bytes that it must move.

    python -m b200_kernels.ops.kernels_bench [--device cuda] [--batch 64] [--json FILE]

Shapes are those of a decoding step of Voxtral-Mini-3B, or with ``--small`` ones that a CPU gets through. The bound is
the time in which this device copies as many bytes as the operation has to read and write; an operation that is bound
by arithmetic (log-mel, VAD, GEMM) has none.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer

from b200_kernels.ops import block_scaled_gemm, decode_attention, greedy_head, log_mel, rms_norm, swiglu
from b200_kernels.ops.block_scaled_gemm import reference as gemm_reference
from b200_kernels.ops.decode_attention import reference as attention_reference
from b200_kernels.ops.fp8 import quantise_rows
from b200_kernels.ops.fp8_gemm import reference as fp8_reference
from b200_kernels.ops.fp8_gemm.op import fp8_gemm
from b200_kernels.ops.greedy_head import reference as head_reference
from b200_kernels.ops.log_mel import reference as mel_reference
from b200_kernels.ops.rms_norm import reference as norm_reference
from b200_kernels.ops.swiglu import reference as swiglu_reference

_ROUNDS = 10


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
    """Milliseconds of one call; ``bound_ms`` is None where arithmetic, not memory, is the limit."""

    name: str
    ms: float
    reference_ms: float
    bound_ms: float | None


@dataclass(frozen=True)
class _Case:
    name: str
    run: Callable[[], object]
    reference: Callable[[], object]
    bytes_moved: int | None


def measure(device: str, batch: int, shape: Shape) -> list[Row]:
    """Every operation on ``device``, one after another, with random numbers in bf16 (CPU: float32)."""
    rate = _copy_bytes_a_ms(device)
    return [
        Row(
            case.name,
            _milliseconds(case.run, device),
            _milliseconds(case.reference, device),
            None if case.bytes_moved is None else case.bytes_moved / rate,
        )
        for case in _cases(device, batch, shape)
    ]


def _cases(device: str, batch: int, shape: Shape) -> Iterator[_Case]:
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    bytes_each = dtype.itemsize

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(*size, device=device).to(dtype)

    samples = torch.randn(batch, 480_000 if device != "cpu" else 16_000, device=device)
    yield _Case("log_mel", lambda: log_mel.log_mel(samples), lambda: mel_reference.log_mel(samples), None)

    x, residual, weight = draw(batch, shape.width), draw(batch, shape.width), draw(shape.width)
    yield _Case(
        "add_rms_norm",
        lambda: rms_norm.add_rms_norm(x, residual, weight, 1e-5),
        lambda: norm_reference.add_rms_norm(x, residual, weight, 1e-5),
        4 * x.numel() * bytes_each,
    )
    gate_up = draw(batch, 2 * shape.feed_forward)
    yield _Case(
        "swiglu",
        lambda: swiglu.swiglu(gate_up),
        lambda: swiglu_reference.swiglu(gate_up),
        gate_up.numel() * bytes_each * 3 // 2,
    )
    head = draw(shape.vocabulary, shape.width)
    yield _Case(
        "greedy_head",
        lambda: greedy_head.greedy_head(x, head),
        lambda: head_reference.greedy_head(x, head),
        head.numel() * bytes_each,
    )
    page = 16
    pages = -(-shape.keys // page)
    cache = draw(2, batch * pages, page, shape.kv_heads, shape.head_width)
    query = draw(batch, shape.heads, shape.head_width)
    pages_of = torch.arange(batch * pages, dtype=torch.int32, device=device).view(batch, pages)
    lengths = torch.full((batch,), shape.keys, dtype=torch.int32, device=device)
    yield _Case(
        "decode_attention",
        lambda: decode_attention.decode_attention(query, cache[0], cache[1], pages_of, lengths),
        lambda: attention_reference.decode_attention(query, cache[0], cache[1], pages_of, lengths),
        cache.numel() * bytes_each,
    )
    e4m3 = (*quantise_rows(x), *quantise_rows(head[: 2 * shape.width]), dtype)
    yield _Case("fp8_gemm", lambda: fp8_gemm(*e4m3), lambda: fp8_reference.fp8_gemm(*e4m3), None)
    mx = (*block_scaled_gemm.quantise_mxfp8(x), *block_scaled_gemm.quantise_mxfp8(head[: 2 * shape.width]))
    yield _Case("mxfp8_gemm", lambda: block_scaled_gemm.mxfp8_gemm(*mx), lambda: gemm_reference.mxfp8_gemm(*mx), None)
    nv = (*block_scaled_gemm.quantise_nvfp4(x), *block_scaled_gemm.quantise_nvfp4(head[: 2 * shape.width]))
    yield _Case("nvfp4_gemm", lambda: block_scaled_gemm.nvfp4_gemm(*nv), lambda: gemm_reference.nvfp4_gemm(*nv), None)


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
