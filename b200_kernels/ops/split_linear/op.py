"""``b200::split_linear``: a linear layer in float32 by three bf16 products on a CPU's matrix tiles.

Every number is the sum of two bf16, which keeps 16 of its 24 bits: what torch calls float32's "high" precision, which
it has on GPUs alone. Nearly three times as fast here as a product in float32 (docs/log.md), off by some 1e-5.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import torch

from b200_kernels.ops.native import address, library
from b200_kernels.ops.registration import register

_SOURCE = Path(__file__).with_name("split_linear.c")
_DEEP, _COLUMNS, _BLOCK = 32, 16, 32


@functools.cache
def available() -> bool:
    """Whether this machine has the tiles (Intel AMX, on Linux) and a C compiler."""
    if not torch.cpu._is_amx_tile_supported():
        return False
    found = library(_SOURCE)
    return found is not None and bool(found.available())


def fits(weight: torch.Tensor) -> bool:
    """Whether a weight (n, k) can be packed: whole tiles."""
    return weight.shape[0] % _COLUMNS == 0 and weight.shape[1] % _DEEP == 0


def pack(weight: torch.Tensor) -> torch.Tensor:
    """A float32 weight (n, k) as the kernel reads it: (2, n rounded up to 32, k) int16, high and low halves."""
    n, k = weight.shape
    weight = weight.contiguous()
    packed = torch.empty(2, -(-n // _BLOCK) * _BLOCK, k, dtype=torch.int16)
    found = library(_SOURCE)
    assert found is not None
    found.pack(address(weight), ctypes.c_long(n), ctypes.c_long(k), address(packed[0]), address(packed[1]))
    return packed


def _cpu(x: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None, out: torch.Tensor, add: bool) -> None:
    found = library(_SOURCE)
    if found is None or not available():
        raise RuntimeError("split_linear needs a CPU with AMX and a C compiler")
    if not out.is_contiguous():
        raise ValueError("split_linear writes rows that follow each other: out must be contiguous")
    x = x.contiguous()
    rows, k = x.shape
    sizes = (ctypes.c_long(rows), ctypes.c_long(k), address(packed[0]), address(packed[1]), ctypes.c_long(out.shape[1]))
    if found.split_linear(address(x), *sizes, address(bias), address(out), ctypes.c_int(add)):
        raise MemoryError("out of memory: no room for a block of rows")


def _cuda(x: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None, out: torch.Tensor, add: bool) -> None:
    raise NotImplementedError("split_linear is for CPUs: a GPU has TF32")


def _fake(x: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None, out: torch.Tensor, add: bool) -> None:
    return None


split_linear = register("split_linear", _cpu, _cuda, _fake, mutates=("out",))
"""(rows, k) float32 by a packed weight and a bias into ``out`` (rows, n), or with ``add`` on top of it."""
