"""float32 by three bf16 products: right to 16 bits, for every size that is taken."""

import pytest
import torch
from torch.nn import functional as F

from b200_kernels.ops.encoder_attention.op import plain, split_attention
from b200_kernels.ops.split_linear.op import available, fits, pack, split_linear

pytestmark = pytest.mark.skipif(not available(), reason="no AMX, or no C compiler: the kernel is not used here")


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("rows", "k", "n"), [(1, 32, 16), (5, 256, 48), (33, 64, 256), (100, 1024, 768)])
@pytest.mark.parametrize("biased", [True, False])
def test_it_is_the_wide_product_to_sixteen_bits(rows, k, n, biased):
    x, weight, bias = noise(rows, k), noise(n, k, seed=2), noise(n, seed=3) if biased else None
    out = torch.empty(rows, n)
    split_linear(x, pack(weight), bias, out, False)
    wanted = F.linear(x.double(), weight.double(), None if bias is None else bias.double())
    scale = (x.abs().double() @ weight.abs().double().T).max()
    assert (out - wanted).abs().max() < 2**-16 * scale


def test_it_adds_to_what_lies_there():
    x, weight, there = noise(40, 64), noise(32, 64, seed=2), noise(40, 32, seed=4)
    out, summed = torch.empty(40, 32), there.clone()
    split_linear(x, pack(weight), None, out, False)
    split_linear(x, pack(weight), None, summed, True)
    assert torch.equal(summed, there + out)


def test_rows_do_not_depend_on_their_neighbours():
    x, packed = noise(70, 128), pack(noise(96, 128, seed=2))
    together, alone = torch.empty(70, 96), torch.empty(70, 96)
    split_linear(x, packed, None, together, False)
    for i in range(70):
        split_linear(x[i : i + 1], packed, None, alone[i : i + 1], False)
    assert torch.equal(together, alone)


def test_a_result_that_is_not_in_one_piece_is_refused():
    with pytest.raises(ValueError, match="contiguous"):
        split_linear(noise(4, 32), pack(noise(16, 32)), None, torch.empty(16, 4).T, False)


def test_sizes_without_whole_tiles_are_left_to_torch():
    assert not fits(torch.empty(16, 40))
    assert not fits(torch.empty(20, 64))


@pytest.mark.parametrize(("n", "frames", "heads"), [(1, 1500, 2), (2, 33, 3), (1, 1, 1)])
def test_attention_is_right_to_sixteen_bits_too(n, frames, heads):
    qkv = noise(n, frames, 3, heads, 64)
    assert (split_attention(qkv) - plain(qkv.double())).abs().max() < 1e-4
