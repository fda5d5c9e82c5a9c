"""The Mistral format holds the same model under other names, and appears whole or not at all."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from b200_kernels import mistral_format
from b200_kernels.checkpoints import Checkpoint, CheckpointError, open_checkpoint
from b200_kernels.mistral_format import mistral_folder, rope_pairs_together


@pytest.fixture(scope="module")
def converted(embedded: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mistral_folder(embedded, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def spoil(embedded: Checkpoint, tmp_path: Path):
    """A copy of the embedded checkpoint whose tensors went through a function."""

    def spoil(change) -> Checkpoint:
        folder = Path(shutil.copytree(embedded.folder, tmp_path / "copy"))
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")
        return open_checkpoint(str(folder))

    return spoil


def permute_for_rope(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """As transformers' conversion script has it, from Mistral's pairs to Llama's halves."""
    rows, columns = weight.shape
    return weight.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


def test_rotary_pairs_stand_side_by_side():
    halves = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
    assert rope_pairs_together(halves, 1).flatten().tolist() == [0.0, 10.0, 1.0, 11.0]
    weight = torch.randn(4 * 64, 7)
    assert torch.equal(permute_for_rope(rope_pairs_together(weight, 4), 4), weight)


def test_every_tensor_is_there_under_its_new_name(embedded, converted):
    ours, theirs = load_file(embedded.folder / "model.safetensors"), load_file(converted / "consolidated.safetensors")
    assert len(theirs) == len(ours) - 1  # all but the encoder's positions
    assert not any("positions" in name for name in theirs)
    assert sum(t.numel() for t in theirs.values()) == sum(
        t.numel() for name, t in ours.items() if "embed_positions" not in name
    )
    text, encoder = "language_model.model.model.layers.3", "mm_whisper_embeddings.whisper_encoder"
    query = permute_for_rope(theirs["layers.3.attention.wq.weight"], 4)
    assert torch.equal(query, ours[f"{text}.self_attn.q_proj.weight"])
    key = permute_for_rope(theirs["layers.3.attention.wk.weight"], 2)
    assert torch.equal(key, ours[f"{text}.self_attn.k_proj.weight"])
    assert torch.equal(theirs["layers.3.feed_forward.w2.weight"], ours[f"{text}.mlp.down_proj.weight"])
    heard = theirs[f"{encoder}.transformer.layers.2.attention.wk.weight"]
    assert torch.equal(heard, ours["audio_tower.layers.2.self_attn.k_proj.weight"])
    assert torch.equal(theirs["output.weight"], ours["language_model.lm_head.weight"])


def test_parameters_say_how_many_positions_there_are(converted):
    """Otherwise vLLM asks the Hub."""
    params = json.loads((converted / "params.json").read_text())
    assert params["max_position_embeddings"] == 2048
    assert (params["n_layers"], params["n_heads"], params["n_kv_heads"], params["head_dim"]) == (4, 4, 2, 64)
    assert params["rope_theta"] == 10_000.0
    encoder = params["multimodal"]["whisper_model_args"]["encoder_args"]
    assert (encoder["dim"], encoder["hidden_dim"], encoder["n_heads"], encoder["head_dim"]) == (256, 1024, 4, 64)


def test_newer_names_of_transformers_are_understood(embedded, converted, spoil, tmp_path):
    """Its versions put the same modules under other parents."""

    def rename(tensors: dict[str, torch.Tensor]) -> None:
        for name in list(tensors):
            newer = name.removeprefix("language_model.").replace("model.model.", "model.language_model.")
            tensors[newer if "lm_head" in name or "language_model" in newer else f"model.{name}"] = tensors.pop(name)

    other = mistral_folder(spoil(rename), tmp_path / "cache")
    assert (other / "consolidated.safetensors").read_bytes() == (converted / "consolidated.safetensors").read_bytes()


def test_several_files_are_one_checkpoint(converted, spoil, tmp_path):
    checkpoint = spoil(lambda tensors: None)
    tensors = load_file(checkpoint.folder / "model.safetensors")
    names = sorted(tensors)
    for i, part in enumerate((names[:40], names[40:]), start=1):
        save_file({n: tensors[n] for n in part}, checkpoint.folder / f"model-0000{i}-of-00002.safetensors")
    (checkpoint.folder / "model.safetensors").unlink()
    other = mistral_folder(open_checkpoint(str(checkpoint.folder)), tmp_path / "cache")
    assert (other / "consolidated.safetensors").read_bytes() == (converted / "consolidated.safetensors").read_bytes()


def test_it_is_done_once(embedded, tmp_path, monkeypatch):
    written = []
    write = mistral_format._write
    monkeypatch.setattr(mistral_format, "_write", lambda *a: written.append(1) or write(*a))
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: mistral_folder(embedded, tmp_path), range(4)))
    assert len(set(folders)) == len(written) == 1
    assert {p.name for p in folders[0].iterdir()} == {"params.json", "consolidated.safetensors", "tekken.json"}


def test_a_conversion_that_fails_leaves_nothing(embedded, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(mistral_format, "save_file", full)
        with pytest.raises(CheckpointError, match="no space left"):
            mistral_folder(embedded, tmp_path)
    assert [p.suffix for p in (tmp_path / "mistral").iterdir()] == [".lock"]
    assert mistral_folder(embedded, tmp_path).is_dir()


def test_missing_tensors_are_named(spoil, tmp_path):
    checkpoint = spoil(lambda tensors: tensors.pop("multi_modal_projector.linear_2.weight"))
    with pytest.raises(CheckpointError, match=r"lacks 1 tensors, such as multi_modal_projector\.linear_2\.weight"):
        mistral_folder(checkpoint, tmp_path / "cache")


def test_learned_positions_cannot_be_converted(spoil, tmp_path):
    checkpoint = spoil(lambda tensors: tensors["audio_tower.embed_positions.weight"].add_(0.1))
    with pytest.raises(CheckpointError, match="learned positions"):
        mistral_folder(checkpoint, tmp_path / "cache")


def test_a_folder_that_has_both_formats_is_used_as_it_is(spoil, converted, tmp_path):
    checkpoint = spoil(lambda tensors: None)
    for name in ("params.json", "consolidated.safetensors"):
        shutil.copy(converted / name, checkpoint.folder)
    assert mistral_folder(checkpoint, tmp_path / "cache") == checkpoint.folder
    assert not (tmp_path / "cache").exists()
