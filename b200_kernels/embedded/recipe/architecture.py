"""The embedded checkpoint's shape, and its files before and after training.

A Voxtral in every respect but size: transformers' ``VoxtralForConditionalGeneration``, 128 mel bins, 30 s
chunks, sinusoidal positions, four-fold downsampling, Llama decoder, Tekken tokenizer with Voxtral's special
ids. Head size 64 and an encoder FFN of four times its width are what vLLM and transformers both accept.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from mistral_common.tokens.tokenizers.tekken import Tekkenizer
from transformers import VoxtralConfig, VoxtralForConditionalGeneration, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import sinusoids

from b200_kernels import prompts
from b200_kernels.embedded.recipe.examples import LONGEST_WINDOW_S

SPECIAL_TOKENS, RANKS = 40, 1496
VOCABULARY = SPECIAL_TOKENS + RANKS
MAX_POSITIONS = 2048
WIDTH = 256
_NAMED_SPECIALS = {
    0: "<unk>", 1: "<s>", 2: "</s>", 3: "[INST]", 4: "[/INST]", 5: "[AVAILABLE_TOOLS]",
    6: "[/AVAILABLE_TOOLS]", 7: "[TOOL_RESULTS]", 8: "[/TOOL_RESULTS]", 9: "[TOOL_CALLS]", 10: "[IMG]",
    11: "<pad>", 12: "[IMG_BREAK]", 13: "[IMG_END]", 14: "[PREFIX]", 15: "[MIDDLE]", 16: "[SUFFIX]",
    17: "[SYSTEM_PROMPT]", 18: "[/SYSTEM_PROMPT]", 19: "[TOOL_CONTENT]", 24: "[AUDIO]",
    25: "[BEGIN_AUDIO]", 34: "[TRANSCRIBE]", 35: "[NEXT_AUDIO_TEXT]", 36: "[REPEAT_AUDIO_TEXT]",
}  # fmt: skip


def write_tokenizer(folder: Path) -> Path:
    """Write ``tekken.json``: the vocabulary in mistral-common's wheel, cut to its first ranks."""
    source = json.loads((files("mistral_common") / "data" / "tekken_240911.json").read_text())
    specials = [
        {"rank": i, "token_str": _NAMED_SPECIALS.get(i, f"<SPECIAL_{i}>"), "is_control": True}
        for i in range(SPECIAL_TOKENS)
    ]
    tekken = {
        "config": {
            "pattern": source["config"]["pattern"],
            "num_vocab_tokens": RANKS,
            "default_vocab_size": VOCABULARY,
            "default_num_special_tokens": SPECIAL_TOKENS,
            "version": "v7",
        },
        "vocab": source["vocab"][:RANKS],
        "special_tokens": specials,
        "audio": {
            "sampling_rate": 16000,
            "frame_rate": 12.5,
            "audio_encoding_config": {"num_mel_bins": 128, "hop_length": 160, "window_size": 400},
            "chunk_length_s": 30.0,
        },
    }
    path = folder / "tekken.json"
    path.write_text(json.dumps(tekken, indent=None, separators=(",", ":"), ensure_ascii=True) + "\n")
    return path


def load_tokenizer(folder: Path) -> Tekkenizer:
    return Tekkenizer.from_file(folder / "tekken.json")


def configuration() -> VoxtralConfig:
    width = WIDTH
    return VoxtralConfig(
        audio_config={
            "hidden_size": width,
            "intermediate_size": 4 * width,
            "num_hidden_layers": 4,
            "num_attention_heads": width // 64,
            "vocab_size": VOCABULARY,
        },
        text_config={
            "model_type": "llama",
            "vocab_size": VOCABULARY,
            "hidden_size": width,
            "intermediate_size": 2 * width,
            "num_hidden_layers": 4,
            "num_attention_heads": width // 64,
            "num_key_value_heads": 2,
            "head_dim": 64,
            "max_position_embeddings": MAX_POSITIONS,
            "rope_theta": 10000.0,
            "bos_token_id": prompts.BOS,
            "eos_token_id": prompts.EOS,
            "pad_token_id": prompts.PAD,
            "tie_word_embeddings": False,
        },
        audio_token_id=prompts.AUDIO,
    )


def new_model(seed: int) -> VoxtralForConditionalGeneration:
    """An untrained model; its encoder positions are Whisper's sinusoids and stay so (vLLM assumes them)."""
    torch.manual_seed(seed)
    model = VoxtralForConditionalGeneration(configuration())
    positions = model.model.audio_tower.embed_positions
    with torch.no_grad():
        positions.weight.copy_(sinusoids(*positions.weight.shape))
    positions.requires_grad_(False)
    return model


def save(model: VoxtralForConditionalGeneration, folder: Path) -> None:
    """Write the checkpoint in the Hub's layout, weights in bf16.

    The encoder's positions stay float32, as transformers keeps them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.generation_config.update(bos_token_id=prompts.BOS, eos_token_id=prompts.EOS, pad_token_id=prompts.PAD)
    stored: Any = VoxtralForConditionalGeneration(configuration())
    stored.to(torch.bfloat16)
    stored.load_state_dict(model.state_dict())
    stored.model.audio_tower.embed_positions.to(torch.float32)
    with torch.no_grad():
        positions = stored.model.audio_tower.embed_positions.weight
        positions.copy_(sinusoids(*positions.shape))
    stored.generation_config = model.generation_config
    stored.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=128).save_pretrained(folder)
    write_tokenizer(folder)
    write_declaration(folder)


def write_declaration(folder: Path) -> None:
    """Write ``voxtral_b200.json``: what this checkpoint can do, and that it is a demo model."""
    declared = {
        "demo_model": True,
        "languages": ["tr"],
        "pairs": [["tr", "fr"], ["tr", "en"]],
        "window_s": LONGEST_WINDOW_S,
    }
    (folder / "voxtral_b200.json").write_text(json.dumps(declared, indent=2) + "\n")
