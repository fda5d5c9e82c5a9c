"""Operations of the model on its accelerator, each a folder: a plain torch ``reference`` and an opaque custom op, with
what serves it on a CPU (C or torch) and on a GPU (a Triton kernel, or a library's: docs/kernels.md says which).

They import torch, numpy and one another, and nothing else of the project: the Triton tests run them in an
environment of their own. Triton is imported where a kernel is launched, never before.
"""
