"""Voxtral's language model: a Llama over a paged cache.

After transformers' ``LlamaForCausalLM``: same numbers, with queries, keys and values in one product, and gate and up in
another. ``listen`` takes in the beginning that all tasks of a window share; ``step`` takes rows, each one token of some
sequence: a task's own prompt is several rows, an answer under way one. It knows no audio and no prompts, and does not
choose tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from b200_kernels.compiled.linear import Linear
from b200_kernels.compiled.pages import PAGE, Pages
from b200_kernels.compiled.shape import DecoderShape
from b200_kernels.compiled.weight_forms import Fp8Rows
from b200_kernels.ops.decode_attention.op import attention_to, decode_attention
from b200_kernels.ops.rms_norm import add_rms_norm, add_rms_norm_fp8, rms_norm
from b200_kernels.ops.swiglu import swiglu, swiglu_fp8


@dataclass(frozen=True)
class Listening:
    """Which attention to report: of ``heads`` by layer, int32 tensors, over the ``count`` keys from position ``first``
    on.
    """

    heads: dict[int, Tensor]
    first: int
    count: int

    @classmethod
    def to(cls, heads: Iterable[tuple[int, int]], first: int, count: int, device: torch.device) -> Self:
        """To (layer, head) pairs."""
        by_layer: dict[int, list[int]] = {}
        for layer, head in heads:
            by_layer.setdefault(layer, []).append(head)
        return cls(
            {at: torch.tensor(of, dtype=torch.int32, device=device) for at, of in by_layer.items()}, first, count
        )


class Norm(nn.Module):
    """RMSNorm of the residual stream with what the last block adds to it."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))
        self.eps = eps

    def forward(self, x: Tensor, delta: Tensor | None, fp8: bool) -> tuple[Tensor | Fp8Rows, Tensor]:
        """The norm of ``x + delta`` (rows, width), on request in E4M3, and the sum. A delta of None is nothing."""
        if delta is None:
            return rms_norm(x, self.weight, self.eps), x
        if not fp8:
            normed, total = add_rms_norm(delta, x, self.weight, self.eps)
            return normed, total
        values, scales, total = add_rms_norm_fp8(delta, x, self.weight, self.eps)
        return Fp8Rows(values, scales, x.dtype), total


class DecoderLayer(nn.Module):
    """One Llama block, around whatever attention it is used with.

    ``x`` (rows, width) is the residual stream and ``delta`` what is still to be added to it: the next norm does.
    """

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.shape = shape
        self.attention_norm = Norm(shape.width, shape.eps)
        self.qkv = Linear(shape.width, (shape.heads + 2 * shape.kv_heads) * shape.head_dim, bias=False)
        self.out = Linear(shape.heads * shape.head_dim, shape.width, bias=False)
        self.hidden_norm = Norm(shape.width, shape.eps)
        self.gate_up = Linear(shape.width, 2 * shape.hidden, bias=False)
        self.down = Linear(shape.hidden, shape.width, bias=False)

    def fuse(self) -> None:
        """Have inductor compile both halves; all layers share what it makes."""
        self.project = torch.compile(self.project, dynamic=True)  # type: ignore[method-assign]
        self.finish = torch.compile(self.finish, dynamic=True)  # type: ignore[method-assign]

    def project(
        self, x: Tensor, delta: Tensor | None, cos: Tensor, sin: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Rotated queries (rows, heads, head_dim), rotated keys and values (rows, kv_heads, head_dim), and ``x`` with
        ``delta``; ``cos`` and ``sin`` are (rows, 1, head_dim).
        """
        shape = self.shape
        turning_heads = shape.heads + shape.kv_heads
        normed, x = self.attention_norm(x, delta, self.qkv.takes_fp8)
        qkv = self.qkv(normed).view(len(x), -1, shape.head_dim)
        turning = qkv[:, :turning_heads]
        turned = torch.addcmul(turning * cos, _rotate_half(turning), sin)
        return turned[:, : shape.heads], turned[:, shape.heads :], qkv[:, turning_heads:], x

    def finish(self, x: Tensor, mixed: Tensor) -> tuple[Tensor, Tensor]:
        """``x`` after attention, (rows, heads, head_dim), and what the feed-forward block adds."""
        normed, x = self.hidden_norm(x, self.out(mixed.reshape(len(x), -1)), self.gate_up.takes_fp8)
        gate_up = self.gate_up(normed)
        if not self.down.takes_fp8:
            return x, self.down(swiglu(gate_up))
        values, scales = swiglu_fp8(gate_up)
        return x, self.down(Fp8Rows(values, scales, x.dtype))


class Decoder(nn.Module):
    """Embeddings, blocks and head."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.width, shape.eps)
        self.head = nn.Linear(shape.width, shape.vocabulary, bias=False)

    def listen(self, x: Tensor, pages_of: Tensor, cache: Pages) -> None:
        """Keep the keys and values of ``x`` (n, length, width), which stands at the beginning of n sequences.

        ``pages_of`` (n, most) are the sequences' pages.
        """
        n, length, _ = x.shape
        shape = self.shape
        positions = torch.arange(length, device=x.device).repeat(n)
        where = _where(pages_of.repeat_interleave(length, dim=0), positions)
        cos, sin = self._rotation(positions, x.dtype)
        rows, delta = x.reshape(n * length, -1), None
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, DecoderLayer)
            q, k, v, rows = layer.project(rows, delta, cos, sin)
            cache.write(index, where, k, v)
            if index == len(self.layers) - 1:
                return  # nobody reads what the last block would make of it
            q, k, v = (part.view(n, length, -1, shape.head_dim).transpose(1, 2) for part in (q, k, v))
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            rows, delta = layer.finish(rows, mixed.transpose(1, 2))

    def step(
        self,
        tokens: Tensor,
        positions: Tensor,
        pages_of: Tensor,
        cache: Pages,
        listening: Listening | None = None,
        listeners: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Rows of one token each: ``tokens`` and ``positions`` (rows,), ``pages_of`` (rows, most) int32.

        Returns the last block's normalised states (rows, width), and what the rows ``listeners`` (n,; None: all)
        listened to, (n, heads asked for, count) probabilities.
        """
        cos, sin = self._rotation(positions, self.embed.weight.dtype)
        where, lengths = _where(pages_of, positions), (positions + 1).int()
        heard: list[Tensor] = []
        x, delta = self.embed(tokens), None
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, DecoderLayer)
            q, k, v, x = layer.project(x, delta, cos, sin)
            cache.write(index, where, k, v)
            mixed, total = decode_attention(q, cache.keys[index], cache.values[index], pages_of, lengths)
            if listening and index in listening.heads:
                chosen = listening.heads[index]
                asked = slice(None) if listeners is None else listeners
                first = torch.full_like(lengths[asked], listening.first)
                heard.append(
                    attention_to(
                        q[asked], cache.keys[index], pages_of[asked], total[asked], chosen, first, listening.count
                    )
                )
            x, delta = layer.finish(x, mixed)
        normed, _ = self.norm(x, delta, fp8=False)
        return normed, torch.cat(heard, dim=1) if heard else None

    def _rotation(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosines and sines of rotary positions, each (rows, 1, head_dim); formed in fp32, as transformers does."""
        dim = self.shape.head_dim
        exponents = torch.arange(0, dim, 2, device=positions.device, dtype=torch.float32) / dim
        angles = positions[:, None].float() / self.shape.rope_theta**exponents
        angles = torch.cat((angles, angles), dim=-1)[:, None]
        return angles.cos().to(dtype), angles.sin().to(dtype)


def _where(pages_of: Tensor, positions: Tensor) -> Tensor:
    """Positions within all pages, (rows,)."""
    page = pages_of.gather(1, (positions // PAGE)[:, None])[:, 0].long()
    return page * PAGE + positions % PAGE


def _rotate_half(x: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)
