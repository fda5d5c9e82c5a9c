"""The engines by name. It knows which there are, and nothing of how they work."""

from __future__ import annotations

from b200_kernels.checkpoints import Checkpoint
from b200_kernels.engine import DtypeName, EngineName, SpeechEngine

AUTO: EngineName = "compiled"
"""What ``auto`` takes: on CPUs by ``voxtral benchmark`` (docs/log.md); no GPU has compared them yet."""


def open_engine(
    name: EngineName,
    checkpoint: Checkpoint,
    *,
    dtype: DtypeName = "auto",
    threads: int | None = None,
    deterministic: bool = False,
) -> SpeechEngine:
    """An engine over a checkpoint, on the best device of this machine.

    ``deterministic`` asks for answers that do not depend on what else is in flight, to the last bit; the reference
    engine's never do. Raises CheckpointError, EngineError (vLLM is not installed), ValueError (vLLM has no such mode).
    """
    match name:
        case "compiled":
            from b200_kernels.compiled.engine import CompiledEngine

            return CompiledEngine(checkpoint, dtype=dtype, threads=threads, deterministic=deterministic)
        case "vllm":
            from b200_kernels.vllm_engine import VllmEngine

            if deterministic:
                raise ValueError("vllm has no deterministic mode here: use --engine compiled or reference")
            return VllmEngine(checkpoint, dtype=dtype, threads=threads)
        case "reference":
            from b200_kernels.reference_engine import ReferenceEngine

            return ReferenceEngine(checkpoint, dtype=dtype, threads=threads)
