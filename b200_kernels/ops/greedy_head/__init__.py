"""The language model's head with the greedy choice: a token and its log-probability, no logits."""

from b200_kernels.ops.greedy_head.op import greedy_head

__all__ = ["greedy_head"]
