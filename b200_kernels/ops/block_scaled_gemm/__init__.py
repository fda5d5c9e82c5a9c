"""Matrix products of block-scaled numbers: MXFP8 and NVFP4."""

from b200_kernels.ops.block_scaled_gemm.op import mxfp8_gemm, nvfp4_gemm
from b200_kernels.ops.block_scaled_gemm.reference import quantise_mxfp8, quantise_nvfp4

__all__ = ["mxfp8_gemm", "nvfp4_gemm", "quantise_mxfp8", "quantise_nvfp4"]
