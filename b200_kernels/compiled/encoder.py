"""From log-mel features to audio tokens: Whisper's encoder and Voxtral's projector, without what they do not use.

After transformers' ``VoxtralEncoder`` and ``VoxtralMultiModalProjector``: same numbers, with queries, keys and values
in one product. Every chunk is whole, so there is no mask. It does not know where features come from.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from b200_kernels.compiled.linear import Linear
from b200_kernels.compiled.shape import EncoderShape
from b200_kernels.compiled.weight_forms import SplitWeight
from b200_kernels.ops.encoder_attention.op import encoder_attention, split_attention


class EncoderLayer(nn.Module):
    """Attention over all frames, then the feed-forward block, each behind its norm."""

    def __init__(self, shape: EncoderShape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.attention_norm = nn.LayerNorm(shape.width)
        self.qkv = Linear(shape.width, 3 * shape.width)
        self.out = Linear(shape.width, shape.width)
        self.hidden_norm = nn.LayerNorm(shape.width)
        self.up = Linear(shape.width, shape.hidden)
        self.down = Linear(shape.hidden, shape.width)

    def _attend(self, qkv: Tensor) -> Tensor:
        return split_attention(qkv) if isinstance(self.qkv.kept, SplitWeight) else encoder_attention(qkv)

    def forward(self, x: Tensor) -> Tensor:
        """(n, frames, width) to the same, in place."""
        n, frames, width = x.shape
        qkv = self.qkv(self.attention_norm(x)).view(n, frames, 3, self.heads, width // self.heads)
        x = self.out.add_to(x, self._attend(qkv).view(n, frames, width))
        return self.down.add_to(x, F.gelu(self.up(self.hidden_norm(x))))


class Encoder(nn.Module):
    """Features to audio tokens in the decoder's width."""

    def __init__(self, shape: EncoderShape, decoder_width: int) -> None:
        super().__init__()
        self.shape = shape
        self.conv1 = nn.Conv1d(shape.mel_bins, shape.width, 3, padding=1)
        self.conv2 = nn.Conv1d(shape.width, shape.width, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.empty(shape.frames, shape.width))
        self.layers = nn.ModuleList(EncoderLayer(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        self.project_in = Linear(shape.hidden, decoder_width, bias=False)
        self.project_out = Linear(decoder_width, decoder_width, bias=False)

    def forward(self, mel: Tensor) -> Tensor:
        """(n, mel_bins, 2 * frames) features to (n, tokens, decoder_width)."""
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        x = (x + self.positions).to(mel.dtype).contiguous()
        for layer in self.layers:
            x = layer(x)
        stacked = self.norm(x).reshape(len(mel), self.shape.tokens, self.shape.hidden)
        projected: Tensor = self.project_out(F.gelu(self.project_in(stacked)))
        return projected
