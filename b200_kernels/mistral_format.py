"""A checkpoint of the Hub's layout in Mistral's own format, which is the only one that vLLM reads a Voxtral from.

``params.json``, ``consolidated.safetensors`` and ``tekken.json``: other names, rotary pairs side by side instead of in
halves, no encoder positions (they are sinusoids). It knows names and shapes; it does not know vLLM or the network.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from transformers.models.whisper.modeling_whisper import sinusoids

from b200_kernels.checkpoint_sources import CheckpointError, default_cache
from b200_kernels.checkpoints import Checkpoint
from b200_kernels.mel import HOP, N_FFT, SAMPLE_RATE

PARAMS, WEIGHTS, TOKENIZER = "params.json", "consolidated.safetensors", "tekken.json"
_VERSION = 1
"""Part of the cache folder's name: count up whenever the conversion gives other files."""
_DOWNSAMPLE = 4
_POSITIONS = "audio_tower.embed_positions.weight"
_PREFIX = re.compile(r"^(?:(?:model|language_model)\.)*")
"""Transformers' versions nest the same modules under different parents; what follows is the same in all."""
_ENCODER = "mm_whisper_embeddings.whisper_encoder"
_TEXT_LAYER = {
    "self_attn.q_proj": "attention.wq",
    "self_attn.k_proj": "attention.wk",
    "self_attn.v_proj": "attention.wv",
    "self_attn.o_proj": "attention.wo",
    "mlp.gate_proj": "feed_forward.w1",
    "mlp.down_proj": "feed_forward.w2",
    "mlp.up_proj": "feed_forward.w3",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "ffn_norm",
}
_ENCODER_LAYER = {
    "self_attn.q_proj": "attention.wq",
    "self_attn.k_proj": "attention.wk",
    "self_attn.v_proj": "attention.wv",
    "self_attn.out_proj": "attention.wo",
    "self_attn_layer_norm": "attention_norm",
    "fc1": "feed_forward.w1",
    "fc2": "feed_forward.w2",
    "final_layer_norm": "ffn_norm",
}
_ENCODER_ENDS = {"conv1": "conv_layers.0", "conv2": "conv_layers.1", "layer_norm": "transformer.norm"}

Reader = Callable[[], torch.Tensor]


def mistral_folder(checkpoint: Checkpoint, cache: Path | None = None) -> Path:
    """The folder that holds ``checkpoint`` in Mistral's format: its own, if it has one, else a converted copy.

    The copy is made once, in ``cache`` (default: the user's cache) under the checkpoint's digest; it appears
    whole or not at all, and a second process waits for the first. Raises CheckpointError when tensors are
    missing, the encoder's positions are not sinusoids, or the copy cannot be written.
    """
    if all((checkpoint.folder / name).is_file() for name in (PARAMS, WEIGHTS)):
        return checkpoint.folder
    target = (cache or default_cache()) / "mistral" / f"{checkpoint.digest[:32]}-{_VERSION}"
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_suffix(".lock")):
            if not target.is_dir():
                _write(checkpoint, target)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{checkpoint.name} cannot be converted into {target}: {error}") from error
    return target


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The operating system's lock: it ends with its process, however that ends."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(checkpoint: Checkpoint, target: Path) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=".converting-", dir=target.parent))
    try:
        config = json.loads((checkpoint.folder / "config.json").read_text(encoding="utf-8"))
        params = _params(config)
        (temporary / PARAMS).write_text(json.dumps(params, indent=2) + "\n", encoding="utf-8")
        shutil.copy(checkpoint.folder / TOKENIZER, temporary / TOKENIZER)
        with ExitStack() as opened:
            save_file(_converted(checkpoint.name, _readers(checkpoint.folder, opened), params), temporary / WEIGHTS)
        temporary.rename(target)
    except KeyError as error:
        raise CheckpointError(f"{checkpoint.name}: config.json says no {error}: fetch the checkpoint again") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _params(config: Mapping[str, Any]) -> dict[str, Any]:
    """``config.json`` as ``params.json`` has it."""
    text, audio = config["text_config"], config["audio_config"]
    rope = text.get("rope_parameters") or {"rope_theta": text["rope_theta"]}
    encoding = {
        "sampling_rate": SAMPLE_RATE,
        "num_mel_bins": audio["num_mel_bins"],
        "hop_length": HOP,
        "window_size": N_FFT,
    }
    encoder = {
        "dim": audio["hidden_size"],
        "n_layers": audio["num_hidden_layers"],
        "head_dim": audio["hidden_size"] // audio["num_attention_heads"],
        "hidden_dim": audio["intermediate_size"],
        "n_heads": audio["num_attention_heads"],
        "vocab_size": audio["vocab_size"],
        "max_source_positions": audio["max_source_positions"],
        "audio_encoding_args": encoding,
    }
    return {
        "dim": text["hidden_size"],
        "n_layers": text["num_hidden_layers"],
        "head_dim": text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"],
        "hidden_dim": text["intermediate_size"],
        "n_heads": text["num_attention_heads"],
        "n_kv_heads": text["num_key_value_heads"],
        "rope_theta": rope["rope_theta"],
        "norm_eps": text["rms_norm_eps"],
        "vocab_size": text["vocab_size"],
        "max_position_embeddings": text["max_position_embeddings"],  # without it vLLM asks the Hub
        "multimodal": {
            "whisper_model_args": {
                "encoder_args": encoder,
                "downsample_args": {"downsample_factor": _DOWNSAMPLE},
            }
        },
    }


def _names(params: Mapping[str, Any]) -> dict[str, str]:
    """Every tensor that a Voxtral of this shape has: its name in transformers, to its name in Mistral's format."""
    names = {
        "embed_tokens.weight": "mm_whisper_embeddings.tok_embeddings.weight",
        "norm.weight": "norm.weight",
        "lm_head.weight": "output.weight",
        "multi_modal_projector.linear_1.weight": "mm_whisper_embeddings.audio_language_projection.0.weight",
        "multi_modal_projector.linear_2.weight": "mm_whisper_embeddings.audio_language_projection.2.weight",
    }
    for i in range(params["n_layers"]):
        names |= {f"layers.{i}.{ours}.weight": f"layers.{i}.{theirs}.weight" for ours, theirs in _TEXT_LAYER.items()}
    encoder = dict(_ENCODER_ENDS)
    for i in range(params["multimodal"]["whisper_model_args"]["encoder_args"]["n_layers"]):
        encoder |= {f"layers.{i}.{ours}": f"transformer.layers.{i}.{theirs}" for ours, theirs in _ENCODER_LAYER.items()}
    for ours, theirs in encoder.items():
        for kind in ("weight", "bias"):
            if not (ours.endswith("k_proj") and kind == "bias"):  # Whisper's keys have none
                names[f"audio_tower.{ours}.{kind}"] = f"{_ENCODER}.{theirs}.{kind}"
    return names


def _readers(folder: Path, opened: ExitStack) -> dict[str, Reader]:
    """Name without its parents, to what reads the tensor; nothing is read yet."""
    readers: dict[str, Reader] = {}
    for path in sorted(folder.glob("model*.safetensors")):
        file = opened.enter_context(safe_open(path, framework="pt"))
        for name in file.keys():  # noqa: SIM118  (not a dict)
            readers[_PREFIX.sub("", name)] = partial(file.get_tensor, name)
    return readers


def _converted(name: str, readers: Mapping[str, Reader], params: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors under their new names; all but wq and wk are still views into the checkpoint's files."""
    names = _names(params)
    missing = sorted(names.keys() - readers.keys())
    if missing:
        raise CheckpointError(
            f"{name} lacks {len(missing)} tensors, such as {', '.join(missing[:3])}: fetch the checkpoint again"
        )
    _check_positions(name, readers)
    tensors = {theirs: readers[ours]() for ours, theirs in names.items()}
    for i in range(params["n_layers"]):
        for key, heads in (("wq", params["n_heads"]), ("wk", params["n_kv_heads"])):
            full = f"layers.{i}.attention.{key}.weight"
            tensors[full] = rope_pairs_together(tensors[full], heads)
    return tensors


def rope_pairs_together(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """(heads * head_dim, n) rows from halves (0, d/2, 1, …) to pairs: the inverse of ``permute_for_rope``."""
    rows, columns = weight.shape
    halves = weight.view(heads, 2, rows // heads // 2, columns)
    return halves.transpose(1, 2).reshape(rows, columns).contiguous()


def _check_positions(name: str, readers: Mapping[str, Reader]) -> None:
    """vLLM computes the encoder's positions; others than those would give other texts without a word."""
    if _POSITIONS not in readers:
        return
    stored = readers[_POSITIONS]().float()
    # bf16 keeps 8 bits of a number between -1 and 1.
    if not torch.allclose(stored, sinusoids(*stored.shape), atol=2**-8):
        raise CheckpointError(
            f"{name} has learned positions in its encoder, and Mistral's format holds none: "
            "use another engine than vllm for it"
        )
