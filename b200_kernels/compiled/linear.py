"""The model's linear layers: torch's, or on a CPU with matrix tiles our own, after the weights have been packed."""

from __future__ import annotations

from torch import Tensor, nn

from b200_kernels.ops.split_linear.op import fits, pack, split_linear


class Linear(nn.Linear):
    """``nn.Linear`` that may be packed, and can add its result where another one lies."""

    packed: Tensor | None = None

    def pack(self) -> None:
        """From now on compute with three bf16 products (:mod:`b200_kernels.ops.split_linear`), where the size fits."""
        if fits(self.weight):
            self.packed = pack(self.weight.detach())
            self.weight = nn.Parameter(self.weight.new_empty(0), requires_grad=False)  # it takes the old one's memory

    def forward(self, x: Tensor) -> Tensor:
        """(..., k) to (..., n)."""
        if self.packed is None:
            return super().forward(x)
        out = x.new_empty(*x.shape[:-1], self.out_features)
        split_linear(x.reshape(-1, self.in_features), self.packed, self.bias, out.view(-1, self.out_features), False)
        return out

    def add_to(self, target: Tensor, x: Tensor) -> Tensor:
        """``target + self(x)`` in place of ``target``: the product is added where it is made, and nothing is copied."""
        rows, wanted = x.reshape(-1, self.in_features), target.view(-1, self.out_features)
        if self.packed is None:
            if self.bias is not None:
                target.add_(self.bias)
            wanted.addmm_(rows, self.weight.t())
        else:
            split_linear(rows, self.packed, self.bias, wanted, True)
        return target


def pack_all(module: nn.Module) -> None:
    """Every linear layer of a model that is on a CPU, in float32."""
    for layer in module.modules():
        if isinstance(layer, Linear):
            layer.pack()
