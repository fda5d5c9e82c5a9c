"""The forms that a linear layer's weight may be kept in, and the product of each.

``bf16x3`` keeps what float32 says, nearly; ``fp8``, ``mxfp8`` and ``nvfp4`` keep less, and round what they are
multiplied with to the same format. A chip that knows E4M3 but not the format computes the same numbers in wider ones.
The modules that use them know no form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, Self

import torch
from torch import Tensor

from b200_kernels.ops.block_scaled_gemm.op import mxfp8_gemm, nvfp4_gemm
from b200_kernels.ops.block_scaled_gemm.reference import MX_BLOCK, NV_BLOCK, NV_LARGEST, quantise_mxfp8, quantise_nvfp4
from b200_kernels.ops.fp8 import LEAST_SCALE, quantise_rows
from b200_kernels.ops.fp8_gemm.op import MULTIPLE, fp8_gemm
from b200_kernels.ops.split_linear import op as split

Form = Literal["bf16x3", "fp8", "mxfp8", "nvfp4"]


@dataclass(frozen=True)
class Fp8Rows:
    """E4M3 ``values`` (rows, width) with ``scales`` (rows, 1): what a kernel that quantises hands to the next product.

    ``dtype`` is that of the rows before.
    """

    values: Tensor
    scales: Tensor
    dtype: torch.dtype


class KeptWeight(Protocol):
    """A weight (n, k) in some form."""

    @staticmethod
    def fits(weight: Tensor) -> bool:
        """Whether a weight of this size can be kept so."""

    @classmethod
    def of(cls, weight: Tensor) -> Self:
        """The weight in this form."""

    def multiply(self, rows: Tensor, bias: Tensor | None, out: Tensor, add: bool) -> None:
        """``rows`` (m, k) by the weight, with ``bias`` (n,), into ``out`` (m, n) or, with ``add``, on top of it."""


@dataclass(frozen=True)
class SplitWeight:
    """Sums of two bf16, for a CPU's matrix tiles (:mod:`b200_kernels.ops.split_linear`)."""

    packed: Tensor

    @staticmethod
    def fits(weight: Tensor) -> bool:
        return split.fits(weight)

    @classmethod
    def of(cls, weight: Tensor) -> Self:
        return cls(split.pack(weight))

    def multiply(self, rows: Tensor, bias: Tensor | None, out: Tensor, add: bool) -> None:
        split.split_linear(rows, self.packed, bias, out, add)


@dataclass(frozen=True)
class Fp8Weight:
    """E4M3 with a scale a row, on both sides of the product."""

    values: Tensor
    scales: Tensor

    @staticmethod
    def fits(weight: Tensor) -> bool:
        return not any(size % MULTIPLE for size in weight.shape)

    @classmethod
    def of(cls, weight: Tensor) -> Self:
        return cls(*quantise_rows(weight))

    def multiply(self, rows: Tensor, bias: Tensor | None, out: Tensor, add: bool) -> None:
        _put(self.product(Fp8Rows(*quantise_rows(rows), out.dtype)), bias, out, add)

    def product(self, rows: Fp8Rows) -> Tensor:
        """Rows that are E4M3 already, by the weight."""
        return fp8_gemm(rows.values, rows.scales, self.values, self.scales, rows.dtype)


@dataclass(frozen=True)
class Mxfp8Weight:
    """MXFP8 (:mod:`b200_kernels.ops.block_scaled_gemm`)."""

    values: Tensor
    scales: Tensor

    @staticmethod
    def fits(weight: Tensor) -> bool:
        return weight.shape[1] % MX_BLOCK == 0

    @classmethod
    def of(cls, weight: Tensor) -> Self:
        return cls(*quantise_mxfp8(weight))

    def multiply(self, rows: Tensor, bias: Tensor | None, out: Tensor, add: bool) -> None:
        _put(mxfp8_gemm(*quantise_mxfp8(rows), self.values, self.scales), bias, out, add)


@dataclass(frozen=True)
class Nvfp4Weight:
    """NVFP4 (:mod:`b200_kernels.ops.block_scaled_gemm`)."""

    values: Tensor
    scales: Tensor
    whole: Tensor

    @staticmethod
    def fits(weight: Tensor) -> bool:
        return weight.shape[1] % NV_BLOCK == 0

    @classmethod
    def of(cls, weight: Tensor) -> Self:
        return cls(*quantise_nvfp4(weight))

    def multiply(self, rows: Tensor, bias: Tensor | None, out: Tensor, add: bool) -> None:
        # A scale for all rows together would make an answer depend on its neighbours: each row has its own.
        size = rows.float().abs().amax(dim=-1, keepdim=True).clamp(min=LEAST_SCALE) / NV_LARGEST
        quantised = quantise_nvfp4(rows / size, torch.ones_like(self.whole))
        _put(nvfp4_gemm(*quantised, self.values, self.scales, self.whole) * size, bias, out, add)


_FORMS: dict[Form, type[KeptWeight]] = {
    "bf16x3": SplitWeight,
    "fp8": Fp8Weight,
    "mxfp8": Mxfp8Weight,
    "nvfp4": Nvfp4Weight,
}


def kept(weight: Tensor, form: Form) -> KeptWeight | None:
    """The weight in a form; None where it cannot be kept in it."""
    chosen = _FORMS[form]
    return chosen.of(weight.detach()) if chosen.fits(weight) else None


def _put(product: Tensor, bias: Tensor | None, out: Tensor, add: bool) -> None:
    if bias is not None:
        product = product + bias
    if add:
        out.add_(product)
    else:
        out.copy_(product)
