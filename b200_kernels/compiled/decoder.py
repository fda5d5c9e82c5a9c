"""Voxtral's language model: a Llama over a paged cache.

After transformers' ``LlamaForCausalLM``: same numbers, with queries, keys and values in one product, and gate and up in
another. ``listen`` takes in the beginning that all tasks of a window share; ``step`` takes rows, each one token of some
sequence: a task's own prompt is several rows, an answer under way one. It knows no audio and no prompts, and does not
choose tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from b200_kernels.compiled.linear import Linear
from b200_kernels.compiled.pages import PAGE, Pages
from b200_kernels.compiled.shape import DecoderShape
from b200_kernels.ops.decode_attention.op import attention_to, decode_attention


@dataclass(frozen=True)
class Listening:
    """Which attention to report: of ``heads`` (layer, head), over the ``count`` keys from position ``first`` on."""

    heads: tuple[tuple[int, int], ...]
    first: int
    count: int


class DecoderLayer(nn.Module):
    """One Llama block, around whatever attention it is used with."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.shape = shape
        self.attention_norm = nn.RMSNorm(shape.width, shape.eps)
        self.qkv = Linear(shape.width, (shape.heads + 2 * shape.kv_heads) * shape.head_dim, bias=False)
        self.out = Linear(shape.heads * shape.head_dim, shape.width, bias=False)
        self.hidden_norm = nn.RMSNorm(shape.width, shape.eps)
        self.gate_up = Linear(shape.width, 2 * shape.hidden, bias=False)
        self.down = Linear(shape.hidden, shape.width, bias=False)

    def project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(rows, width) to rotated queries (rows, heads, head_dim), rotated keys and values (rows, kv_heads, head_dim).

        ``cos`` and ``sin`` are (rows, 1, head_dim).
        """
        shape = self.shape
        turning_heads = shape.heads + shape.kv_heads
        qkv = self.qkv(self.attention_norm(x)).view(len(x), -1, shape.head_dim)
        turning = qkv[:, :turning_heads]
        turned = torch.addcmul(turning * cos, _rotate_half(turning), sin)
        return turned[:, : shape.heads], turned[:, shape.heads :], qkv[:, turning_heads:]

    def finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        """The residual stream after attention, (rows, heads, head_dim), and the feed-forward block; in place."""
        x = self.out.add_to(x, mixed.reshape(len(x), -1))
        gate, up = self.gate_up(self.hidden_norm(x)).chunk(2, dim=-1)
        return self.down.add_to(x, F.silu(gate).mul_(up))


class Decoder(nn.Module):
    """Embeddings, blocks and head."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, shape.eps)
        self.head = nn.Linear(shape.width, shape.vocabulary, bias=False)

    def listen(self, x: Tensor, pages_of: Tensor, cache: Pages) -> None:
        """Keep the keys and values of ``x`` (n, length, width), which stands at the beginning of n sequences; ``x`` is
        overwritten.

        ``pages_of`` (n, most) are the sequences' pages.
        """
        n, length, _ = x.shape
        shape = self.shape
        positions = torch.arange(length, device=x.device).repeat(n)
        where = _where(pages_of.repeat_interleave(length, dim=0), positions)
        cos, sin = self._rotation(positions, x.dtype)
        rows = x.reshape(n * length, -1)
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, DecoderLayer)
            q, k, v = layer.project(rows, cos, sin)
            cache.write(index, where, k, v)
            if index == len(self.layers) - 1:
                return  # nobody reads what the last block would make of it
            q, k, v = (part.view(n, length, -1, shape.head_dim).transpose(1, 2) for part in (q, k, v))
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            rows = layer.finish(rows, mixed.transpose(1, 2).reshape(n * length, -1))

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
        x = self.embed(tokens)
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, DecoderLayer)
            q, k, v = layer.project(x, cos, sin)
            cache.write(index, where, k, v)
            mixed, total = decode_attention(q, cache.keys[index], cache.values[index], pages_of, lengths)
            heads = [head for at, head in listening.heads if at == index] if listening else []
            if listening and heads:
                chosen = torch.tensor(heads, dtype=torch.int32, device=x.device)
                asked = slice(None) if listeners is None else listeners
                first = torch.full_like(lengths[asked], listening.first)
                heard.append(
                    attention_to(
                        q[asked], cache.keys[index], pages_of[asked], total[asked], chosen, first, listening.count
                    )
                )
            x = layer.finish(x, mixed)
        return self.norm(x), torch.cat(heard, dim=1) if heard else None

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
