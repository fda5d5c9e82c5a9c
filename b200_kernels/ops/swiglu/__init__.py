"""SwiGLU, to the input's type or to FP8."""

from b200_kernels.ops.swiglu.op import swiglu, swiglu_fp8

__all__ = ["swiglu", "swiglu_fp8"]
