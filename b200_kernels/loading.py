"""From a checkpoint's folder to transformers' model on its device. Knows weights; does not know what is
asked."""

from __future__ import annotations

from typing import Any

import torch
import transformers.utils.logging
from safetensors import SafetensorError
from transformers import GenerationConfig, VoxtralForConditionalGeneration

from b200_kernels import prompts
from b200_kernels.checkpoints import Checkpoint, CheckpointError


def load_model(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> Any:
    """The ``VoxtralForConditionalGeneration`` in evaluation mode; reads safetensors only and never the
    network.

    The checkpoint's own wishes about sampling are dropped, so that ``generate`` is greedy unless told
    otherwise. Typed Any because transformers' annotations of its own methods do not hold. Raises
    CheckpointError.
    """
    transformers.utils.logging.disable_progress_bar()  # it would write over the command line's own progress
    try:
        model: Any = VoxtralForConditionalGeneration.from_pretrained(
            checkpoint.folder, dtype=dtype, local_files_only=True, use_safetensors=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{checkpoint.name} cannot be loaded, fetch it again: {error}") from error
    if model.config.audio_token_id != prompts.AUDIO:
        raise CheckpointError(
            f"{checkpoint.name} marks audio with token {model.config.audio_token_id}, not {prompts.AUDIO}: "
            "it is not one of the Voxtrals that this version knows"
        )
    model.generation_config = GenerationConfig(
        bos_token_id=prompts.BOS, eos_token_id=prompts.EOS, pad_token_id=prompts.PAD, do_sample=False
    )
    return model.to(device).eval()
