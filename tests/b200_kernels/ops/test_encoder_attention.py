"""The compiled encoder attention is torch's own, to fp32's last digits, for every shape that may come."""

import pytest
import torch

from b200_kernels.ops.encoder_attention.op import encoder_attention, native, plain, serves


def qkv(n: int, frames: int, heads: int, width: int = 64, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(n, frames, 3, heads, width, generator=torch.Generator().manual_seed(5)) * scale


@pytest.mark.parametrize(("n", "frames", "heads"), [(1, 1500, 2), (2, 100, 3), (1, 1, 1), (1, 64, 1), (1, 63, 2)])
@pytest.mark.parametrize("scale", [1.0, 12.0])
def test_native_equals_a_double_precision_softmax(n, frames, heads, scale):
    x = qkv(n, frames, heads, scale=scale)
    if not serves(x):
        pytest.skip("no C compiler, or no AVX-512: the kernel is not used here")
    wanted = plain(x.double())
    torchs_own = (plain(x) - wanted).abs().max()
    assert (native(x) - wanted).abs().max() < 8 * torchs_own + 1e-6


def test_other_widths_and_types_are_served_too():
    for x in (qkv(1, 50, 2, width=32), qkv(1, 50, 2).bfloat16()):
        assert torch.equal(encoder_attention(x), plain(x))


def test_it_is_a_sound_custom_op():
    torch.library.opcheck(torch.ops.b200.encoder_attention.default, (qkv(1, 70, 2),))
