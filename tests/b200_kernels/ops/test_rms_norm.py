"""RMSNorm is Llama's, and what is quantised can be had back."""

import pytest
import torch
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from b200_kernels.ops.rms_norm import add_rms_norm, add_rms_norm_fp8, rms_norm
from tests.b200_kernels.ops.cases import noise


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_equals_llamas(dtype):
    x, residual, weight = noise(4, 96, dtype=dtype), noise(4, 96, seed=1, dtype=dtype), noise(96, seed=2, dtype=dtype)
    theirs = LlamaRMSNorm(96, eps=1e-5)
    theirs.weight.data = weight
    assert torch.equal(rms_norm(x, weight, 1e-5), theirs(x))
    normed, total = add_rms_norm(x, residual, weight, 1e-5)
    assert torch.equal(total, x + residual)
    assert torch.equal(normed, theirs(x + residual))


def test_fp8_keeps_three_bits_and_uses_the_whole_range():
    x, residual, weight = noise(4, 96), noise(4, 96, seed=1), noise(96, seed=2)
    x[2] = residual[2] = 0
    values, scale, total = add_rms_norm_fp8(x, residual, weight, 1e-5)
    normed, expected = add_rms_norm(x, residual, weight, 1e-5)
    assert torch.equal(total, expected)
    assert values.dtype == torch.float8_e4m3fn
    assert values.float().abs().amax(dim=1).tolist() == [448, 448, 0, 448]
    torch.testing.assert_close(values.float() * scale, normed, rtol=2**-4, atol=float(scale.max()) * 2**-9)


def test_can_be_traced():
    inputs = (noise(4, 96), noise(4, 96, seed=1), noise(96, seed=2), 1e-5)
    torch.library.opcheck(torch.ops.b200.rms_norm.default, (inputs[0], *inputs[2:]))
    torch.library.opcheck(torch.ops.b200.add_rms_norm.default, inputs)
    torch.library.opcheck(
        torch.ops.b200.add_rms_norm_fp8.default, inputs, test_utils=("test_schema", "test_faketensor")
    )
