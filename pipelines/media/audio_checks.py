"""Is this tensor usable as speech input, and do these tensors make one batch.

The answer is a bool, as the API reference has it; the reason goes to the log. Torch is imported by the
caller, who has tensors; this module needs only their methods.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_LOG = logging.getLogger(__name__)
_LOUDEST = 1.05
"""Resampling may overshoot full scale a little."""


def validate_audio_tensor(
    audio_tensor: torch.Tensor,
    sample_rate: int = 16000,
    max_duration_sec: float = 30.0,
    name: str = "audio",
) -> bool:
    """Whether a tensor holds float samples in [-1, 1] of shape (n,) or (channels, n), at most
    ``max_duration_sec`` long.

    False, with a warning that says ``name`` and why: no tensor, not floating point, no or more than two
    dimensions, no samples, too long, NaN or infinity, louder than full scale (by more than 5 %), or a sample
    rate that is not positive.
    """
    reason = _audio_problem(audio_tensor, sample_rate, max_duration_sec)
    if reason:
        _LOG.warning("%s cannot be used as audio: %s", name, reason)
    return reason is None


def _audio_problem(audio: torch.Tensor, sample_rate: int, max_duration_sec: float) -> str | None:
    if not hasattr(audio, "is_floating_point"):
        return f"it is a {type(audio).__name__}, not a tensor"
    if sample_rate <= 0:
        return f"its sample rate is {sample_rate}"
    if not audio.is_floating_point():
        return f"its samples are {audio.dtype}, not floating point"
    if audio.ndim not in (1, 2) or audio.numel() == 0:
        return f"its shape is {tuple(audio.shape)}"
    seconds = audio.shape[-1] / sample_rate
    if seconds > max_duration_sec:
        return f"it is {seconds:.2f} s long, {max_duration_sec} s allowed"
    loudest = float(audio.detach().float().abs().max())  # NaN, if there is any, comes out on top
    if not loudest <= _LOUDEST:
        return f"its loudest sample is {loudest}"
    return None


def validate_batch_consistency(batch: Sequence[torch.Tensor]) -> bool:
    """Whether the tensors can be stacked: at least one, and all of the same shape, dtype and device.

    False, with a warning that names the first that differs, otherwise.
    """
    if not batch or not all(hasattr(item, "is_floating_point") for item in batch):
        _LOG.warning("no batch: it is empty, or holds something that is no tensor")
        return False
    wanted = (batch[0].shape, batch[0].dtype, batch[0].device)
    for i, item in enumerate(batch):
        if (item.shape, item.dtype, item.device) != wanted:
            _LOG.warning("no batch: tensor %d is %s, the first is %s", i, _described(item), _described(batch[0]))
            return False
    return True


def _described(item: torch.Tensor) -> str:
    return f"{tuple(item.shape)} {item.dtype} on {item.device}"
