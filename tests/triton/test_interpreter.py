"""Every Triton kernel in Triton's interpreter against its reference. It says nothing of races, barriers or speed."""

import os

import pytest
import torch

if os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("the interpreter is another process: TRITON_INTERPRET=1", allow_module_level=True)

from b200_kernels.ops.block_scaled_gemm import reference as gemm
from b200_kernels.ops.block_scaled_gemm.triton_kernel import run_dequantised
from b200_kernels.ops.decode_attention import reference as attention
from b200_kernels.ops.decode_attention import triton_kernel as attention_kernel
from b200_kernels.ops.greedy_head import reference as head
from b200_kernels.ops.greedy_head import triton_kernel as head_kernel
from b200_kernels.ops.log_mel import reference as mel
from b200_kernels.ops.log_mel import triton_kernel as mel_kernel
from b200_kernels.ops.rms_norm import reference as norm
from b200_kernels.ops.rms_norm import triton_kernel as norm_kernel
from b200_kernels.ops.swiglu import reference as swiglu
from b200_kernels.ops.swiglu import triton_kernel as swiglu_kernel
from b200_kernels.ops.vad import reference as vad
from b200_kernels.ops.vad import triton_kernel as vad_kernel
from tests.b200_kernels.ops.cases import attention_case, head_case, listening_case, noise, sounds

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2**-5}
"""The interpreter cuts float32 off to bf16 instead of rounding it, once or more often on the way."""
DTYPES = tuple(TOLERANCE)


def assert_near(found: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    torch.testing.assert_close(found.float(), expected.float(), atol=tolerance, rtol=tolerance)


def assert_fp8_near(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Near by one step of E4M3. The interpreter loses the carry where rounding reaches a power of two, 31.6 becoming
    16 and not 32: half of what is expected passes there.
    """
    found, expected = found.float(), expected.float()
    power_of_two = torch.frexp(expected).mantissa.abs() == 0.5
    repaired = torch.where(power_of_two & (found * 2 == expected), expected, found)
    torch.testing.assert_close(repaired, expected, atol=2**-6, rtol=2**-3)


@pytest.mark.parametrize("mel_bins", [128, 80])
def test_log_mel(mel_bins):
    samples = sounds(0.7)
    found = mel_kernel.launch(samples, mel_bins, precision="ieee")
    assert_near(found, mel.log_mel(samples.double(), mel_bins).float(), 1e-4)


def test_vad_lstm():
    x, weights = noise(7, 18, 128), [noise(512, 128, seed=s) * 0.1 for s in (1, 2)]
    biases = [noise(512, seed=s) * 0.1 for s in (3, 4)]
    gates = torch.nn.functional.linear(x, weights[0], biases[0] + biases[1])
    found = vad_kernel.launch(gates, weights[1], precision="ieee")
    assert_near(found, vad.lstm(x, *weights, *biases), 1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ban", [False, True])
def test_greedy_head(dtype, ban):
    hidden, weight, banned = head_case(dtype)
    banned = banned if ban else None
    token, logprob = head_kernel.launch(hidden, weight, banned, upcast=True)
    expected = head.greedy_head(hidden, weight, banned)
    assert torch.equal(token, expected[0])
    assert_near(logprob, expected[1], 1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rms_norm(dtype):
    x, residual, weight = (
        noise(5, 200, dtype=dtype),
        noise(5, 200, seed=1, dtype=dtype),
        noise(200, seed=2, dtype=dtype),
    )
    assert_near(norm_kernel.launch(x, None, weight, 1e-5)[0], norm.rms_norm(x, weight, 1e-5), TOLERANCE[dtype])
    found, total = norm_kernel.launch(x, residual, weight, 1e-5)
    expected = norm.add_rms_norm(x, residual, weight, 1e-5)
    assert_near(total, expected[1], TOLERANCE[dtype])
    assert_near(found, expected[0], TOLERANCE[dtype])


def test_rms_norm_to_fp8():
    x, residual, weight = noise(5, 200), noise(5, 200, seed=1), noise(200, seed=2)
    x[3] = residual[3] = 0
    found, scale, total = norm_kernel.launch_fp8(x, residual, weight, 1e-5)
    values, scales, expected_total = norm.add_rms_norm_fp8(x, residual, weight, 1e-5)
    assert_near(total, expected_total, 0)
    assert_near(scale, scales, 1e-5)
    assert_fp8_near(found, values)
    assert found.float().abs().max() == 448


@pytest.mark.parametrize("dtype", DTYPES)
def test_swiglu(dtype):
    gate_up = noise(4, 2 * 100, dtype=dtype)
    assert_near(swiglu_kernel.launch(gate_up), swiglu.swiglu(gate_up), TOLERANCE[dtype])


def test_swiglu_to_fp8():
    gate_up = noise(4, 2 * 100)
    found, scale = swiglu_kernel.launch_fp8(gate_up)
    values, scales = swiglu.swiglu_fp8(gate_up)
    assert_near(scale, scales, 1e-5)
    assert_fp8_near(found, values)


@pytest.mark.parametrize(("dtype", "fp8"), [(torch.float32, False), (torch.bfloat16, False), (torch.float32, True)])
def test_decode_attention(dtype, fp8):
    case = attention_case(dtype, fp8)
    case = {"key_scale": None, "value_scale": None, **case}
    found, logsumexp = attention_kernel.launch(**case, upcast=True)
    expected = attention.decode_attention(**case)
    assert_near(found, expected[0], TOLERANCE[dtype])
    assert_near(logsumexp, expected[1], 1e-5)


@pytest.mark.parametrize("fp8", [False, True])
def test_attention_to(fp8):
    case = listening_case(attention_case(fp8=fp8))
    assert_near(attention_kernel.launch_attention_to(**case), attention.attention_to(**case), 1e-5)


def test_mxfp8_dequantised():
    a, b = gemm.quantise_mxfp8(noise(70, 96)), gemm.quantise_mxfp8(noise(40, 96, seed=1))
    out = torch.full((70, 40), torch.nan)
    run_dequantised(*a, *b, None, 96, out, interpreted=True)
    assert_near(out, gemm.mxfp8_gemm(*a, *b), 1e-4)


def test_nvfp4_dequantised():
    a, b = gemm.quantise_nvfp4(noise(70, 96)), gemm.quantise_nvfp4(noise(40, 96, seed=1))
    out = torch.full((70, 40), torch.nan)
    run_dequantised(a[0], a[1], b[0], b[1], a[2] * b[2], 96, out, interpreted=True)
    assert_near(out, gemm.nvfp4_gemm(*a, *b), 1e-4)
