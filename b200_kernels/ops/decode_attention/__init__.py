"""Attention of one new token a request over a paged cache of keys and values."""

from b200_kernels.ops.decode_attention.op import attention_to, decode_attention

__all__ = ["attention_to", "decode_attention"]
