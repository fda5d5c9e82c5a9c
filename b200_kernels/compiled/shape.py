"""The sizes of a Voxtral, from its ``config.json``, and of the two that Mistral published. Knows no weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from b200_kernels.checkpoints import CheckpointError
from b200_kernels.mel import HOP


@dataclass(frozen=True)
class EncoderShape:
    """A Whisper encoder: ``frames`` after the strided convolution, half of the mel's."""

    width: int
    layers: int
    heads: int
    hidden: int
    mel_bins: int = 128
    frames: int = 1500

    @property
    def stack(self) -> int:
        """Neighbouring frames that make one audio token; transformers derives it from the widths, and so do we."""
        return self.hidden // self.width

    @property
    def samples(self) -> int:
        """Of a chunk: a frame is two of the mel's."""
        return self.frames * 2 * HOP

    @property
    def tokens(self) -> int:
        """Audio tokens of a chunk."""
        return self.frames // self.stack


@dataclass(frozen=True)
class DecoderShape:
    """A Llama."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden: int
    vocabulary: int
    rope_theta: float
    positions: int
    eps: float = 1e-5

    @property
    def kv_numbers(self) -> int:
        """Numbers that the cache keeps of one token."""
        return 2 * self.layers * self.kv_heads * self.head_dim


@dataclass(frozen=True)
class VoxtralShape:
    """Encoder, projector (from ``encoder.hidden`` to ``decoder.width``) and decoder."""

    encoder: EncoderShape
    decoder: DecoderShape


_WHISPER_LARGE = EncoderShape(width=1280, layers=32, heads=20, hidden=5120)
MINI_3B = VoxtralShape(
    _WHISPER_LARGE, DecoderShape(3072, 30, 32, 8, 128, 8192, vocabulary=131_072, rope_theta=1e8, positions=131_072)
)
"""Voxtral-Mini-3B-2507, by its ``config.json``."""
SMALL_24B = VoxtralShape(
    _WHISPER_LARGE, DecoderShape(5120, 40, 32, 8, 128, 32_768, vocabulary=131_072, rope_theta=1e8, positions=131_072)
)
"""Voxtral-Small-24B-2507, likewise."""


def read_shape(folder: Path) -> VoxtralShape:
    """The sizes in a Hub checkpoint's ``config.json``. Raises CheckpointError for what this engine cannot compute."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        audio, text = config["audio_config"], config["text_config"]
        _check(folder, config, audio, text)
        encoder = EncoderShape(
            width=audio["hidden_size"],
            layers=audio["num_hidden_layers"],
            heads=audio["num_attention_heads"],
            hidden=audio["intermediate_size"],
            mel_bins=audio.get("num_mel_bins", 128),
            frames=audio.get("max_source_positions", 1500),
        )
        decoder = DecoderShape(
            width=text["hidden_size"],
            layers=text["num_hidden_layers"],
            heads=text["num_attention_heads"],
            kv_heads=text["num_key_value_heads"],
            head_dim=text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"],
            hidden=text["intermediate_size"],
            vocabulary=text["vocab_size"],
            rope_theta=float(_rope(text)["rope_theta"]),
            positions=text["max_position_embeddings"],
            eps=text.get("rms_norm_eps", 1e-5),
        )
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{folder}/config.json is not a Voxtral's: {error!r}; fetch it again") from error
    return VoxtralShape(encoder, decoder)


def _rope(text: dict[str, Any]) -> dict[str, Any]:
    """Transformers 5 keeps the rotation's settings together, the 2507 checkpoints beside the others."""
    rope: dict[str, Any] = text.get("rope_parameters") or {"rope_theta": text["rope_theta"], "rope_type": "default"}
    return rope


def _check(folder: Path, config: dict[str, Any], audio: dict[str, Any], text: dict[str, Any]) -> None:
    wrong = [
        f"{name} is {found!r}, not {wanted!r}"
        for name, found, wanted in (
            ("model_type", config.get("model_type"), "voxtral"),
            ("text_config.model_type", text.get("model_type"), "llama"),
            ("text_config.hidden_act", text.get("hidden_act", "silu"), "silu"),
            ("text_config.attention_bias", text.get("attention_bias", False), False),
            ("rope_type", _rope(text).get("rope_type", "default"), "default"),
            ("audio_config.activation_function", audio.get("activation_function", "gelu"), "gelu"),
            ("projector_hidden_act", config.get("projector_hidden_act", "gelu"), "gelu"),
        )
        if found != wanted
    ]
    if wrong:
        raise CheckpointError(f"{folder} is not a Voxtral that the compiled engine knows: {'; '.join(wrong)}")
