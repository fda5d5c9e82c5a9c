"""Every operation on a CUDA device against its reference there: the same cases as everywhere, and real shapes."""

import numpy as np
import pytest
import torch

from b200_kernels.ops.block_scaled_gemm import mxfp8_gemm, nvfp4_gemm, quantise_mxfp8, quantise_nvfp4
from b200_kernels.ops.block_scaled_gemm import reference as gemm
from b200_kernels.ops.decode_attention import attention_to, decode_attention
from b200_kernels.ops.decode_attention import reference as attention
from b200_kernels.ops.fp8 import quantise_rows
from b200_kernels.ops.fp8_gemm import reference as fp8
from b200_kernels.ops.fp8_gemm.op import fp8_gemm
from b200_kernels.ops.greedy_head import greedy_head
from b200_kernels.ops.greedy_head import reference as head
from b200_kernels.ops.log_mel import log_mel
from b200_kernels.ops.log_mel import reference as mel
from b200_kernels.ops.rms_norm import add_rms_norm, add_rms_norm_fp8, rms_norm
from b200_kernels.ops.rms_norm import reference as norm
from b200_kernels.ops.swiglu import reference as glu
from b200_kernels.ops.swiglu import swiglu, swiglu_fp8
from b200_kernels.ops.vad import SileroVad
from tests.b200_kernels.ops.cases import attention_case, head_case, listening_case, noise, sounds

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]

GPU = "cuda"
FLOATS = [torch.float32, torch.bfloat16]


def near(found: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    torch.testing.assert_close(found.float(), expected.float(), atol=tolerance, rtol=tolerance)


def step(dtype: torch.dtype) -> float:
    """Two steps of the type, in which reference and kernel may round apart."""
    return 2**-6 if dtype == torch.bfloat16 else 1e-5


@pytest.mark.parametrize("seconds", [0.7, 30.0])
def test_log_mel(seconds):
    samples = sounds(seconds)
    near(log_mel(samples.to(GPU)).cpu(), mel.log_mel(samples.double()), 1e-4)


def test_vad():
    streams = [(noise(n, seed=n) * 3000).numpy().astype(np.int16) for n in (30_000, 512, 17_001)] * 7
    on_cpu, on_gpu = SileroVad().batch(streams), SileroVad(GPU).batch(streams)
    for mine, expected in zip(on_gpu, on_cpu, strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-5)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("ban", [False, True])
def test_greedy_head(dtype, ban):
    hidden, weight, banned = head_case(dtype, GPU)
    token, logprob = greedy_head(hidden, weight, banned if ban else None)
    expected = head.greedy_head(hidden, weight, banned if ban else None)
    assert torch.equal(token, expected[0])
    near(logprob, expected[1], 1e-4)


@pytest.mark.parametrize("rows", [1, 40, 256])
def test_greedy_head_of_a_real_size(rows):
    hidden, weight = noise(rows, 3072, dtype=torch.bfloat16), noise(131_072, 3072, seed=1, dtype=torch.bfloat16)
    token, logprob = greedy_head(hidden.to(GPU), weight.to(GPU))
    expected = head.greedy_head(hidden.to(GPU), weight.to(GPU))
    assert torch.equal(token, expected[0])
    near(logprob, expected[1], 1e-3)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("width", [200, 3072])
def test_rms_norm(dtype, width):
    x, residual, weight = (noise(7, width, seed=s, dtype=dtype, device=GPU) for s in range(3))
    weight = weight[0]
    near(rms_norm(x, weight, 1e-5), norm.rms_norm(x, weight, 1e-5), step(dtype))
    for found, expected in zip(
        add_rms_norm(x, residual, weight, 1e-5), norm.add_rms_norm(x, residual, weight, 1e-5), strict=True
    ):
        near(found, expected, step(dtype))
    values, scale, _ = add_rms_norm_fp8(x, residual, weight, 1e-5)
    expected = norm.add_rms_norm_fp8(x, residual, weight, 1e-5)
    near(values.float() * scale, expected[0].float() * expected[1], 2**-3)


@pytest.mark.parametrize("dtype", FLOATS)
def test_swiglu(dtype):
    gate_up = noise(7, 2 * 8192, dtype=dtype, device=GPU)
    near(swiglu(gate_up), glu.swiglu(gate_up), step(dtype))
    (values, scale), expected = swiglu_fp8(gate_up), glu.swiglu_fp8(gate_up)
    near(values.float() * scale, expected[0].float() * expected[1], 2**-3)


@pytest.mark.parametrize(("dtype", "fp8"), [(torch.float32, False), (torch.bfloat16, False), (torch.bfloat16, True)])
def test_decode_attention(dtype, fp8):
    case = attention_case(dtype, fp8, GPU)
    found, expected = decode_attention(**case), attention.decode_attention(**case)
    near(found[0], expected[0], step(dtype))
    near(found[1], expected[1], 2**-6 if fp8 else step(dtype))
    listening = listening_case(case)
    near(attention_to(**listening), attention.attention_to(**listening), 1e-4)


@pytest.mark.parametrize("shape", [(70, 40, 96), (300, 256, 1024)])
def test_block_scaled_gemm(shape):
    m, n, depth = shape
    a, b = noise(m, depth, device=GPU), noise(n, depth, seed=1, device=GPU)
    mx = (*quantise_mxfp8(a), *quantise_mxfp8(b))
    near(mxfp8_gemm(*mx), gemm.mxfp8_gemm(*mx), 1e-2)
    nv = (*quantise_nvfp4(a), *quantise_nvfp4(b))
    near(nvfp4_gemm(*nv), gemm.nvfp4_gemm(*nv), 1e-2)


def test_fp8_gemm():
    a, b = quantise_rows(noise(40, 3072, device=GPU)), quantise_rows(noise(256, 3072, seed=1, device=GPU))
    near(fp8_gemm(*a, *b, torch.bfloat16), fp8.fp8_gemm(*a, *b, torch.bfloat16), 2**-6)
