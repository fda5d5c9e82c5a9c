"""A linear layer whose weight is kept in fewer bits: near the wide one, and a row's result is its own."""

import pytest
import torch

from b200_kernels.compiled.linear import Linear
from tests.b200_kernels.ops.cases import noise

FORMS = [("fp8", 0.05), ("mxfp8", 0.07), ("nvfp4", 0.2)]


def layers(form: str, bias: bool, wide: int = 64) -> tuple[Linear, Linear]:
    plain, kept = Linear(wide, 48, bias=bias), Linear(wide, 48, bias=bias)
    plain.requires_grad_(False)
    kept.requires_grad_(False)
    kept.load_state_dict(plain.state_dict())
    kept.keep_as(form)
    return plain, kept


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("form", "error"), FORMS)
def test_near_the_wide_layer_alone_and_added(form, error, bias):
    plain, kept = layers(form, bias)
    x = noise(3, 5, 64)
    expected = plain(x)
    assert 0 < (kept(x) - expected).norm() < error * expected.norm()
    target = noise(3, 5, 48, seed=2)
    assert (kept.add_to(target.clone(), x) - target - expected).norm() < error * expected.norm()


@pytest.mark.parametrize(("form", "error"), FORMS)
def test_a_row_does_not_depend_on_its_neighbours(form, error):
    _, kept = layers(form, bias=False)
    x = noise(4, 64)
    louder = x.clone()
    louder[1:] *= 1000
    assert torch.equal(kept(x)[0], kept(louder)[0])


@pytest.mark.parametrize(("form", "wide"), [("fp8", 24), ("mxfp8", 48), ("nvfp4", 24)])
def test_a_size_that_does_not_fit_the_form_stays_as_it_was(form, wide):
    plain, kept = layers(form, bias=True, wide=wide)
    x = noise(5, wide)
    assert torch.equal(kept(x), plain(x))


@pytest.mark.parametrize("form", ["fp8", "mxfp8", "nvfp4"])
def test_rows_of_zeros_give_the_bias(form):
    plain, kept = layers(form, bias=True)
    assert torch.equal(kept(torch.zeros(2, 64)), plain.bias.expand(2, 48))
