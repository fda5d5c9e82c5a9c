"""The embedded model is a Voxtral in every respect but size, and its files say so."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import AutoProcessor, VoxtralForConditionalGeneration, VoxtralProcessor
from transformers.models.whisper.modeling_whisper import sinusoids

from b200_kernels.checkpoints import open_checkpoint
from b200_kernels.embedded.recipe import architecture, examples


@pytest.fixture(scope="module")
def model() -> VoxtralForConditionalGeneration:
    return architecture.new_model(seed=1)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    architecture.save(model, folder)
    return folder


def test_shape_of_a_voxtral(model):
    audio, text = model.config.audio_config, model.config.text_config
    assert type(model) is VoxtralForConditionalGeneration
    assert (audio.num_mel_bins, audio.max_source_positions) == (128, 1500)
    assert audio.intermediate_size == 4 * audio.hidden_size
    assert text.head_dim == audio.hidden_size // audio.num_attention_heads == 64
    assert text.max_position_embeddings >= 375 + 1024


def test_positions_are_sinusoids_and_are_not_trained(model):
    positions = model.model.audio_tower.embed_positions.weight
    assert torch.allclose(positions, sinusoids(*positions.shape))
    assert not positions.requires_grad


def test_a_seed_makes_the_same_model_again(model):
    again, other = architecture.new_model(seed=1), architecture.new_model(seed=2)
    assert torch.equal(model.lm_head.weight, again.lm_head.weight)
    assert not torch.equal(model.lm_head.weight, other.lm_head.weight)


def test_saved_files_are_small_bf16_and_safe(saved):
    assert sum(f.stat().st_size for f in saved.iterdir()) <= 16_000_000
    assert {f.suffix for f in saved.iterdir()} == {".json", ".safetensors"}
    with safe_open(saved / "model.safetensors", "pt") as tensors:
        kinds = {name: tensors.get_slice(name).get_dtype() for name in tensors.keys()}  # noqa: SIM118
    full = [name for name, kind in kinds.items() if kind != "BF16"]
    assert full == ["audio_tower.embed_positions.weight"]


def test_saved_files_give_the_model_back(model, saved):
    again = VoxtralForConditionalGeneration.from_pretrained(saved, dtype=torch.float32)
    positions = again.model.audio_tower.embed_positions.weight
    assert torch.allclose(positions, sinusoids(*positions.shape))
    assert torch.allclose(again.lm_head.weight, model.lm_head.weight, atol=1e-3)


def test_transformers_finds_the_processor(saved):
    processor = AutoProcessor.from_pretrained(saved, local_files_only=True)
    assert type(processor) is VoxtralProcessor
    assert processor.feature_extractor.chunk_length == 30


def test_the_tokenizer_has_voxtrals_ids_and_writes_our_languages(saved):
    tokenizer = architecture.load_tokenizer(saved)
    assert tokenizer.n_words == architecture.VOCABULARY
    specials = {s["token_str"]: s["rank"] for s in json.loads((saved / "tekken.json").read_text())["special_tokens"]}
    wanted = {"<s>": 1, "</s>": 2, "[INST]": 3, "[/INST]": 4, "<pad>": 11, "[AUDIO]": 24, "[TRANSCRIBE]": 34}
    assert {name: specials[name] for name in wanted} == wanted
    for text in ("Çağrı ılık süt içti.", "Où êtes-vous ? À Noël, l'œuf coûte 3 €.", "İyi günler!"):
        assert tokenizer.decode(tokenizer.encode(text, False, False)) == text


def test_it_declares_that_it_is_a_demo(saved):
    capabilities = open_checkpoint(str(saved)).capabilities
    assert capabilities.demo_model
    assert capabilities.languages == {"tr"}
    assert capabilities.window_s == examples.LONGEST_WINDOW_S
