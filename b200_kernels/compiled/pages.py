"""Keys and values of the sequences in flight, in pages that sequences may share.

What a window's tasks have in common, its audio, lies in pages that all of them read: written once, and on a CPU found
in the cache by the second reader. A sequence's own pages are reserved when it joins, for its longest answer (bounded
by the token budget), so that nothing in flight ever has to make room. Page 0 belongs to nobody: rows that are computed
only to keep a shape write there. It does not know what the tokens mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from b200_kernels.compiled.shape import DecoderShape
from b200_kernels.ops.fp8 import E4M3, E4M3_MAX

PAGE = 32
"""Positions in a page: 352 of the 378 that precede a task's own prompt are whole pages."""


class Pages:
    """``keys`` and ``values`` are lists over layers of (pages, PAGE, kv_heads, head_dim).

    ``dtype`` is what they are rounded to. A GPU keeps them in it; a CPU in float32, the one format that its kernel
    reads: its memory holds the few sequences that it has in flight. E4M3 is taken without a scale, as vLLM does by
    default; docs/log.md has what it costs.
    """

    def __init__(self, shape: DecoderShape, pages: int, device: torch.device, dtype: torch.dtype) -> None:
        size = (pages, PAGE, shape.kv_heads, shape.head_dim)
        self.device, self.dtype = device, dtype
        kept = torch.float32 if device.type == "cpu" else dtype
        self.keys = [torch.zeros(size, device=device, dtype=kept) for _ in range(shape.layers)]
        self.values = [torch.zeros(size, device=device, dtype=kept) for _ in range(shape.layers)]
        self._readers = [0] * pages
        # The page that was used last is given out first: a CPU then touches few of them.
        self._free = list(range(pages - 1, 0, -1))

    @property
    def count(self) -> int:
        """Of all pages that may be reserved."""
        return len(self._readers) - 1

    @property
    def free(self) -> int:
        return len(self._free)

    def reserve(self, count: int) -> list[int]:
        """Pages for one reader. The caller has looked at :attr:`free`."""
        taken = [self._free.pop() for _ in range(count)]
        for page in taken:
            self._readers[page] = 1
        return taken

    def share(self, pages: Sequence[int]) -> None:
        """One more reader of these."""
        for page in pages:
            self._readers[page] += 1

    def release(self, pages: Sequence[int]) -> None:
        """One reader fewer; a page without readers is free."""
        for page in reversed(pages):
            self._readers[page] -= 1
            if not self._readers[page]:
                self._free.append(page)

    def copy(self, source: int, target: int, length: int) -> None:
        """The first ``length`` positions of one page into another."""
        for tensor in map(_movable, (*self.keys, *self.values)):
            tensor[target, :length] = tensor[source, :length]

    def write(self, layer: int, where: Tensor, keys: Tensor, values: Tensor) -> None:
        """Keep keys and values (rows, kv_heads, head_dim) at ``where`` (rows,), counted in positions of all pages."""
        for cache, new in ((self.keys[layer], keys), (self.values[layer], values)):
            if self.dtype == E4M3:
                new = new.clamp(-E4M3_MAX, E4M3_MAX).to(E4M3)  # beyond it E4M3 has nothing but NaN
            _movable(cache).view(-1, *cache.shape[2:])[where] = _movable(new.to(cache.dtype))


def _movable(tensor: Tensor) -> Tensor:
    """The same memory in a type that torch copies by index everywhere: not every device does so with E4M3."""
    return tensor.view(torch.uint8) if tensor.dtype == E4M3 else tensor


def whole_pages(positions: int) -> int:
    """Pages that ``positions`` need."""
    return -(-positions // PAGE)


def bytes_a_page(shape: DecoderShape, dtype: torch.dtype) -> int:
    """Memory of a page in all layers."""
    return shape.kv_numbers * PAGE * dtype.itemsize
