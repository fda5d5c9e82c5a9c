"""RMSNorm, alone or behind the addition of a residual, to the input's type or to FP8."""

from b200_kernels.ops.rms_norm.op import add_rms_norm, add_rms_norm_fp8, rms_norm

__all__ = ["add_rms_norm", "add_rms_norm_fp8", "rms_norm"]
