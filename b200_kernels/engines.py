"""The engines by name. It knows which there are, and nothing of how they work."""

from __future__ import annotations

import importlib.util

from b200_kernels.checkpoints import Checkpoint
from b200_kernels.engine import CacheName, DtypeName, EngineName, SpeechEngine

AUTO: EngineName = "compiled"
"""What ``auto`` takes: on CPUs by ``voxtral benchmark`` (docs/log.md); no GPU has compared them yet."""


OURS_ALONE = ("bf16x3", "fp8", "mxfp8", "nvfp4")
"""Number formats that the compiled engine alone computes in."""


class EngineChoice(ValueError):
    """An engine was asked for what it cannot do. The message says what to take instead."""


def check_engine(name: EngineName, dtype: DtypeName, deterministic: bool, kv_cache: CacheName = "auto") -> None:
    """Before any work, on any machine. Raises EngineChoice."""
    if name == "vllm" and deterministic:
        raise EngineChoice("vllm has no deterministic mode here: use --engine compiled or reference")
    if name != "compiled" and dtype in OURS_ALONE:
        raise EngineChoice(f"{name} does not know {dtype} here: use --engine compiled, or --dtype float32 or bfloat16")
    if name != "compiled" and kv_cache != "auto":
        raise EngineChoice(f"{name} does not know --kv-cache {kv_cache} here: use --engine compiled, or leave it out")


def check_installed(name: EngineName) -> None:
    """On the machine that is to run it. Raises EngineChoice."""
    if name == "vllm" and importlib.util.find_spec("vllm") is None:
        raise EngineChoice("vLLM is not installed: pip install 'voxtral-b200[vllm]', or use --engine compiled")


def open_engine(
    name: EngineName,
    checkpoint: Checkpoint,
    *,
    dtype: DtypeName = "auto",
    kv_cache: CacheName = "auto",
    threads: int | None = None,
    deterministic: bool = False,
) -> SpeechEngine:
    """An engine over a checkpoint, on the best device of this machine.

    ``deterministic`` asks for answers that do not depend on what else is in flight, to the last bit; the reference
    engine's never do. Raises CheckpointError, EngineError (vLLM does not start), EngineChoice.
    """
    check_engine(name, dtype, deterministic, kv_cache)
    check_installed(name)
    match name:
        case "compiled":
            from b200_kernels.compiled.engine import CompiledEngine

            return CompiledEngine(
                checkpoint, dtype=dtype, kv_cache=kv_cache, threads=threads, deterministic=deterministic
            )
        case "vllm":
            from b200_kernels.vllm_engine import VllmEngine

            return VllmEngine(checkpoint, dtype=dtype, threads=threads)
        case "reference":
            from b200_kernels.reference_engine import ReferenceEngine

            return ReferenceEngine(checkpoint, dtype=dtype, threads=threads)
