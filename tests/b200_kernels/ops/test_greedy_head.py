"""The head chooses what the logits would, lowest token first, without keeping them."""

import pytest
import torch

from b200_kernels.ops.greedy_head import greedy_head, op, reference
from tests.b200_kernels.ops.cases import head_case, noise


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch):
    monkeypatch.setattr(op, "_TOKENS_AT_ONCE", 128)


@pytest.mark.parametrize("ban", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_equals_the_logits_way(dtype, ban):
    hidden, weight, banned = head_case(dtype)
    token, logprob = greedy_head(hidden, weight, banned if ban else None)
    logits = hidden.double() @ weight.double().T
    if ban:
        logits[:, banned] = -torch.inf
    expected = logits.log_softmax(dim=-1).max(dim=-1)
    assert torch.equal(token, expected.indices)
    torch.testing.assert_close(logprob.double(), expected.values, atol=1e-4, rtol=1e-5)
    assert token[0] == (700 if ban else 17)  # of three tokens with the same logit


def test_a_slice_may_be_banned_as_a_whole():
    hidden, weight = noise(3, 16), noise(300, 16, seed=1)
    banned = torch.zeros(300, dtype=torch.bool)
    banned[:260] = True
    token, logprob = greedy_head(hidden, weight, banned)
    expected = reference.greedy_head(hidden, weight[260:])
    assert torch.equal(token, expected[0] + 260)
    torch.testing.assert_close(logprob, expected[1])


def test_can_be_traced():
    torch.library.opcheck(torch.ops.b200.greedy_head.default, head_case())
    hidden, weight, _ = head_case()
    compiled = torch.compile(greedy_head, fullgraph=True, backend="eager")
    assert torch.equal(compiled(hidden, weight)[0], greedy_head(hidden, weight)[0])
