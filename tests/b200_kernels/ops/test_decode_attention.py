"""Paged attention is attention over a request's own keys, and tells where it went."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from b200_kernels.ops.decode_attention import attention_to, decode_attention
from b200_kernels.ops.decode_attention.reference import gather
from tests.b200_kernels.ops.cases import attention_case, listening_case


def own(case: dict, name: str, request: int) -> torch.Tensor:
    """A request's keys or values, widened, (kv heads, keys, head width)."""
    scale = case.get("key_scale" if name == "keys" else "value_scale")
    rows = gather(case[name], case["pages_of"], scale, torch.float64)[request]
    return rows[: int(case["lengths"][request])].transpose(0, 1)


@pytest.mark.parametrize("fp8", [False, True])
def test_equals_torchs_attention_over_each_requests_keys(fp8):
    case = attention_case(fp8=fp8)
    found, _ = decode_attention(**case)
    for request, query in enumerate(case["query"].double()):
        keys, values = own(case, "keys", request), own(case, "values", request)
        expected = scaled_dot_product_attention(query[:, None], keys, values, enable_gqa=True)[:, 0]
        torch.testing.assert_close(found[request].double(), expected, atol=1e-5, rtol=1e-5)


def test_pages_that_no_key_uses_are_not_looked_at():
    case = attention_case()
    expected = decode_attention(**case)
    for request, length in enumerate(case["lengths"].tolist()):
        unused = case["pages_of"][request, -(-length // 16) :].long()
        case["keys"][unused] = case["values"][unused] = torch.nan
    for found, wanted in zip(decode_attention(**case), expected, strict=True):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("fp8", [False, True])
def test_attention_to_a_stretch_is_its_part_of_the_softmax(fp8):
    whole = attention_case(fp8=fp8)
    case = listening_case(whole)
    found = attention_to(**case)
    for row, request in enumerate((1, 2)):
        keys = own(whole, "keys", request)
        for index, head in enumerate(case["heads"].tolist()):
            scores = keys[head // 4] @ whole["query"][request, head].double() / 32**0.5
            first = int(case["first"][row])
            expected = scores.softmax(dim=0)[first : first + 40]
            torch.testing.assert_close(found[row, index].double(), expected, atol=1e-6, rtol=1e-4)


def test_can_be_traced():
    case = attention_case()
    torch.library.opcheck(torch.ops.b200.decode_attention.default, (), case)
    torch.library.opcheck(torch.ops.b200.attention_to.default, (), listening_case(case))
