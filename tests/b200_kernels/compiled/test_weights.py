"""Checkpoints of both spellings are read, and a broken one is told what is wrong with it."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from b200_kernels.checkpoints import CheckpointError, open_checkpoint
from b200_kernels.compiled.shape import MINI_3B, SMALL_24B, read_shape
from b200_kernels.compiled.weights import Voxtral, load

CPU = torch.device("cpu")


def changed(blank: Path, folder: Path, change) -> Path:
    """A copy of the blank checkpoint with its tensors changed."""
    shutil.copytree(blank, folder)
    tensors = load_file(folder / "model.safetensors")
    save_file(change(tensors), folder / "model.safetensors")
    return folder


def read(folder: Path) -> Voxtral:
    return load(open_checkpoint(str(folder)), CPU, torch.float32)


def test_the_names_of_the_2507_checkpoints_are_read_too(blank, tmp_path):
    def published(tensors):
        return {name.replace("language_model.model.model.", "language_model.model."): t for name, t in tensors.items()}

    new, old = read(blank), read(changed(blank, tmp_path / "old", published))
    assert torch.equal(new.decoder.layers[0].qkv.weight, old.decoder.layers[0].qkv.weight)
    assert torch.equal(new.decoder.head.weight, old.decoder.head.weight)


def test_a_missing_tensor_is_named(blank, tmp_path):
    def without(tensors):
        return {name: t for name, t in tensors.items() if "k_proj" not in name or "audio_tower" in name}

    with pytest.raises(CheckpointError, match=r"lacks the tensor text\.layers\.0\.self_attn\.k_proj\.weight"):
        read(changed(blank, tmp_path / "x", without))


def test_a_tensor_of_another_size_is_named(blank, tmp_path):
    def smaller(tensors):
        return {name: t[:100].clone() if name.endswith("lm_head.weight") else t for name, t in tensors.items()}

    with pytest.raises(CheckpointError, match=r"lm_head\.weight is \(100, 128\)"):
        read(changed(blank, tmp_path / "x", smaller))


@pytest.mark.parametrize(
    ("where", "name", "value", "told"),
    [
        ("text_config", "model_type", "mistral", "text_config.model_type is 'mistral'"),
        ("text_config", "hidden_act", "gelu", "hidden_act"),
        ("audio_config", "num_hidden_layers", None, "num_hidden_layers"),
    ],
)
def test_another_architecture_is_refused_before_any_work(blank, tmp_path, where, name, value, told):
    shutil.copytree(blank, tmp_path / "x")
    config = json.loads((tmp_path / "x" / "config.json").read_text())
    config[where][name] = value
    if value is None:
        del config[where][name]
    (tmp_path / "x" / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=told):
        read(tmp_path / "x")


def test_the_published_sizes_add_up():
    """Parameters as the model cards have them: 4.7 and 24.3 billion (arXiv 2507.13264)."""

    def parameters(shape):
        e, d = shape.encoder, shape.decoder
        layer = d.width * (d.heads + 2 * d.kv_heads) * d.head_dim + d.heads * d.head_dim * d.width
        decoder = d.layers * (layer + 3 * d.width * d.hidden) + 2 * d.vocabulary * d.width
        encoder = e.layers * (4 * e.width**2 + 2 * e.width * e.hidden) + e.width * (3 * e.mel_bins + 3 * e.width)
        return encoder + decoder + e.hidden * d.width + d.width**2

    assert parameters(MINI_3B) / 1e9 == pytest.approx(4.7, abs=0.05)
    assert parameters(SMALL_24B) / 1e9 == pytest.approx(24.3, abs=0.3)


def test_the_embedded_checkpoints_shape_is_read():
    shape = read_shape(open_checkpoint("embedded").folder)
    assert shape.encoder.tokens == 375
    assert shape.decoder.kv_numbers == 2 * 4 * 2 * 64
