"""Log-mel features as Whisper defines them, for a batch of windows."""

from b200_kernels.ops.log_mel.op import log_mel

__all__ = ["log_mel"]
