"""Operations of the model on its accelerator, each a folder: a plain torch ``reference``, an opaque custom op
with a CPU implementation, a Triton kernel, and a bench.

They import torch, numpy and one another, and nothing else of the project: the Triton tests run them in an
environment of their own. Triton is imported where a kernel is launched, never before.
"""
