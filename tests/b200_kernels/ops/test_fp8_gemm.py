"""The E4M3 product is the product of what was quantised."""

import pytest
import torch

from b200_kernels.ops.fp8 import quantise_rows
from b200_kernels.ops.fp8_gemm.op import fp8_gemm
from tests.b200_kernels.ops.cases import noise


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_product_of_the_quantised_numbers(dtype):
    a, b = quantise_rows(noise(5, 64) * torch.logspace(-3, 3, 5)[:, None]), quantise_rows(noise(32, 64, seed=1))
    wide = (a[0].double() * a[1]) @ (b[0].double() * b[1]).T
    found = fp8_gemm(*a, *b, dtype)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), wide, rtol=1e-5 if dtype == torch.float32 else 0.01, atol=1e-5)


def test_can_be_traced():
    arguments = (*quantise_rows(noise(4, 32)), *quantise_rows(noise(16, 32, seed=1)), torch.float32)
    checks = "test_faketensor"  # the others of opcheck cannot compute with E4M3
    torch.library.opcheck(torch.ops.b200.fp8_gemm.default, arguments, test_utils=checks)
