"""The model's linear layers: torch's, until their weights are kept in another form. Knows no form but by name."""

from __future__ import annotations

from torch import Tensor, nn

from b200_kernels.compiled.weight_forms import Form, Fp8Rows, Fp8Weight, KeptWeight, kept


class Linear(nn.Linear):
    """``nn.Linear`` whose weight may be kept in another form, and that can add its result where another one lies."""

    kept: KeptWeight | None = None

    def keep_as(self, form: Form) -> None:
        """From now on compute with the weight in this form, where the size fits it."""
        self.kept = kept(self.weight, form)
        if self.kept is not None:
            self.weight = nn.Parameter(self.weight.new_empty(0), requires_grad=False)  # it takes the old one's memory

    @property
    def takes_fp8(self) -> bool:
        """Whether it is glad of rows that are E4M3 already."""
        return isinstance(self.kept, Fp8Weight)

    def forward(self, x: Tensor | Fp8Rows) -> Tensor:
        """(..., k) to (..., n). Rows in E4M3 are for a layer that :attr:`takes_fp8`."""
        if isinstance(x, Fp8Rows):
            assert isinstance(self.kept, Fp8Weight)
            assert self.bias is None
            return self.kept.product(x)
        if self.kept is None:
            return super().forward(x)
        out = x.new_empty(*x.shape[:-1], self.out_features)
        self.kept.multiply(x.reshape(-1, self.in_features), self.bias, out.view(-1, self.out_features), False)
        return out

    def add_to(self, target: Tensor, x: Tensor) -> Tensor:
        """``target + self(x)`` in place of ``target``: the product is added where it is made, and nothing is copied."""
        rows, wanted = x.reshape(-1, self.in_features), target.view(-1, self.out_features)
        if self.kept is not None:
            self.kept.multiply(rows, self.bias, wanted, True)
            return target
        if self.bias is not None:
            target.add_(self.bias)
        wanted.addmm_(rows, self.weight.t())
        return target
