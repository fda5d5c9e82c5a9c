"""Block-scaled numbers are what their standards say, and their products are near the wide ones."""

import pytest
import torch

from b200_kernels.ops.block_scaled_gemm import mxfp8_gemm, nvfp4_gemm, quantise_mxfp8, quantise_nvfp4
from b200_kernels.ops.block_scaled_gemm.reference import E2M1_VALUES, dequantise_mxfp8, dequantise_nvfp4
from tests.b200_kernels.ops.cases import noise


def test_mxfp8_keeps_three_bits_of_each_blocks_largest():
    x = noise(5, 96) * torch.logspace(-6, 6, 5)[:, None]
    x[1, 32:64] = 0
    values, scales = quantise_mxfp8(x)
    assert values.shape == x.shape
    assert scales.shape == (5, 3)
    back = dequantise_mxfp8(values, scales)
    largest = x.unflatten(1, (3, 32)).abs().amax(dim=2).repeat_interleave(32, dim=1)
    assert ((back - x).abs() <= largest * 2**-3).all()
    assert torch.equal(back[1, 32:64], torch.zeros(32))


def test_mxfp8_scales_are_powers_of_two_with_a_bias():
    values, scales = quantise_mxfp8(torch.full((1, 32), 256.0))
    assert (values.float()[0, 0], scales[0, 0]) == (256.0, 127)
    values, scales = quantise_mxfp8(torch.full((1, 32), 1.0))
    assert (values.float()[0, 0], scales[0, 0]) == (256.0, 119)


def test_nvfp4_stores_its_own_values_exactly_first_in_the_low_half():
    codes = torch.tensor([*E2M1_VALUES, *(-value for value in E2M1_VALUES)])[None]
    packed, scales, whole = quantise_nvfp4(codes)
    assert packed[0, 0] == 0 | 1 << 4
    assert packed[0, 7] == 14 | 15 << 4
    assert scales.dtype == torch.float8_e4m3fn
    torch.testing.assert_close(dequantise_nvfp4(packed, scales, whole), codes, atol=0, rtol=1e-6)


def test_nvfp4_rounds_ties_to_even():
    steps = torch.tensor([[6.0, 0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0] * 2])
    back = dequantise_nvfp4(*quantise_nvfp4(steps))
    torch.testing.assert_close(back[0, :8], torch.tensor([6.0, 0.0, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0]), atol=0, rtol=1e-6)


def test_zeros_stay_zeros():
    zeros = torch.zeros(2, 32)
    assert torch.equal(dequantise_nvfp4(*quantise_nvfp4(zeros)), zeros)
    assert torch.equal(dequantise_mxfp8(*quantise_mxfp8(zeros)), zeros)


@pytest.mark.parametrize(
    ("quantise", "gemm", "error"), [(quantise_mxfp8, mxfp8_gemm, 0.05), (quantise_nvfp4, nvfp4_gemm, 0.2)]
)
def test_products_are_near_the_wide_ones(quantise, gemm, error):
    a, b = noise(20, 128), noise(30, 128, seed=1)
    found, expected = gemm(*quantise(a), *quantise(b)), a @ b.T
    assert (found - expected).norm() < error * expected.norm()


def test_can_be_traced():
    checks = "test_faketensor"  # the others of opcheck cannot compute with E4M3
    mx = (*quantise_mxfp8(noise(4, 64)), *quantise_mxfp8(noise(6, 64, seed=1)))
    torch.library.opcheck(torch.ops.b200.mxfp8_gemm.default, mx, test_utils=checks)
    nv = (*quantise_nvfp4(noise(4, 64)), *quantise_nvfp4(noise(6, 64, seed=1)))
    torch.library.opcheck(torch.ops.b200.nvfp4_gemm.default, nv, test_utils=checks)
