"""The seed's model utilities: load a Voxtral with its processor, for code that drives transformers itself.

The product's own way to a model is an engine (:mod:`b200_kernels.reference_engine`); this one stays for
scripts written after the seed's API. It reports to a ``Feedback`` and knows no files of an archive.
"""

from __future__ import annotations

from typing import Any

from transformers import AutoProcessor

from b200_kernels import vllm_runtime
from b200_kernels.checkpoints import CheckpointError, open_checkpoint
from b200_kernels.engine import EngineError
from b200_kernels.generation import get_transformers_generation_params
from b200_kernels.loading import load_model
from b200_kernels.oom import handle_oom_with_recovery
from b200_kernels.precision import detect_device, detect_optimal_dtype
from b200_kernels.vllm_engine import VllmEngine
from cluster.feedback import Feedback

__all__ = [
    "ModelManager",
    "detect_optimal_dtype",
    "get_transformers_generation_params",
    "handle_oom_with_recovery",
]


class ModelManager:
    """Loads models and tells ``feedback`` what it does."""

    def __init__(self, feedback: Feedback) -> None:
        self._feedback = feedback

    def load_voxtral_model(self, model_name: str, use_vllm: bool = True) -> tuple[Any, Any] | None:
        """(processor, model) of a Hub id, folder, fsspec URL or ``embedded``, on the best device in its best
        dtype.

        With ``use_vllm``, where vLLM is installed, it is (None, engine): a :class:`VllmEngine`, which is asked
        with ``generate`` and closed with ``close``. Where it is not, ``feedback`` hears so and transformers
        loads the model. Returns None, after telling ``feedback`` why, when the model cannot be had.
        """
        vllm = use_vllm and vllm_runtime.installed()
        if use_vllm and not vllm:
            self._feedback.info(
                "vLLM is not installed (pip install 'voxtral-b200[vllm]'): transformers loads the model"
            )
        device, dtype = detect_device(), detect_optimal_dtype()
        try:
            checkpoint = open_checkpoint(model_name)
            if vllm:
                processor, model = None, VllmEngine(checkpoint)
            else:
                processor = AutoProcessor.from_pretrained(checkpoint.folder, local_files_only=True)
                model = load_model(checkpoint, device, dtype)
        except (CheckpointError, EngineError, OSError, ValueError) as error:
            self._feedback.error(f"{model_name} was not loaded: {error}")
            return None
        where = f"{device} in {str(dtype).removeprefix('torch.')}"
        self._feedback.info(f"{checkpoint.name} on {where}{', in vLLM' if vllm else ''}")
        if checkpoint.demo_model:
            self._feedback.warning("this is the embedded demo model: it knows a small world of Turkish sentences only")
        return processor, model
