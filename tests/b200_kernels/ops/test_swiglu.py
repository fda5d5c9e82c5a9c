"""SwiGLU, and what is quantised can be had back."""

import torch

from b200_kernels.ops.swiglu import swiglu, swiglu_fp8
from tests.b200_kernels.ops.cases import noise


def test_is_silu_of_the_first_half_times_the_second():
    gate_up = noise(3, 64, dtype=torch.float64)
    gate, up = gate_up[:, :32], gate_up[:, 32:]
    torch.testing.assert_close(swiglu(gate_up), gate / (1 + (-gate).exp()) * up)


def test_fp8_keeps_three_bits():
    gate_up = noise(3, 64)
    values, scale = swiglu_fp8(gate_up)
    torch.testing.assert_close(values.float() * scale, swiglu(gate_up), rtol=2**-4, atol=float(scale.max()) * 2**-9)


def test_can_be_traced():
    torch.library.opcheck(torch.ops.b200.swiglu.default, (noise(3, 64),))
    torch.library.opcheck(
        torch.ops.b200.swiglu_fp8.default, (noise(3, 64),), test_utils=("test_schema", "test_faketensor")
    )
