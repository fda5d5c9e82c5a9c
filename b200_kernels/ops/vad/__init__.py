"""Voice activity: Silero's model, batched over frames and streams."""

from b200_kernels.ops.vad.network import SileroVad

__all__ = ["SileroVad"]
