"""The compiled decode attention reads pages in place and gives what gathering them gives."""

import pytest
import torch

from b200_kernels.ops.decode_attention import native, reference


def cache(heads: int, kv_heads: int, width: int, page: int = 16) -> dict[str, torch.Tensor]:
    """Seven rows over shuffled pages, two of them sharing their first, of every awkward length."""
    random = torch.Generator().manual_seed(7)
    pages_of = torch.randperm(70, generator=random)[:70].view(7, 10).int()
    pages_of[1, :3] = pages_of[0, :3]
    return {
        "query": torch.randn(7, heads, width, generator=random),
        "keys": torch.randn(70, page, kv_heads, width, generator=random),
        "values": torch.randn(70, page, kv_heads, width, generator=random),
        "pages_of": pages_of,
        "lengths": torch.tensor([1, 15, 16, 17, 50, 99, 160], dtype=torch.int32),
    }


@pytest.mark.parametrize(("heads", "kv_heads", "width"), [(4, 2, 64), (8, 1, 64), (6, 6, 128), (32, 8, 128)])
def test_native_equals_the_reference(heads, kv_heads, width):
    case = cache(heads, kv_heads, width)
    if not native.serves(case["query"], case["keys"]):
        pytest.skip("no C compiler, or no AVX-512: the kernel is not used here")
    doubled = {name: x.double() if x.is_floating_point() else x for name, x in case.items()}
    found, wanted = native.decode_attention(**case), reference.decode_attention(**doubled)
    assert (found[0] - wanted[0]).abs().max() < 1e-5
    assert (found[1] - wanted[1]).abs().max() < 1e-5


def test_native_tells_where_heads_listened():
    case = cache(4, 2, 64)
    if not native.serves(case["query"], case["keys"]):
        pytest.skip("no C compiler, or no AVX-512: the kernel is not used here")
    total = native.decode_attention(**case)[1]
    heads, first = torch.tensor([3, 0], dtype=torch.int32), torch.tensor([0, 1, 2, 3, 4, 5, 6], dtype=torch.int32)
    arguments = (case["query"], case["keys"], case["pages_of"], total, heads, first, 9)
    assert (native.attention_to(*arguments) - reference.attention_to(*arguments)).abs().max() < 1e-5
