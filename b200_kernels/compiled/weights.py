"""A Hub checkpoint's safetensors into our modules: names, fused products, and a clear word about what is missing.

Reads tensors one at a time, so that loading needs the model's own memory and little more. It knows names and shapes; it
does not know what is computed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from b200_kernels.checkpoints import Checkpoint, CheckpointError
from b200_kernels.compiled.decoder import Decoder, DecoderLayer
from b200_kernels.compiled.encoder import Encoder
from b200_kernels.compiled.linear import Linear
from b200_kernels.compiled.shape import VoxtralShape, read_shape
from b200_kernels.compiled.weight_forms import Form

_ENCODER_LAYER = {
    "attention_norm": "self_attn_layer_norm",
    "out": "self_attn.out_proj",
    "hidden_norm": "final_layer_norm",
    "up": "fc1",
    "down": "fc2",
}
_DECODER_LAYER = {
    "attention_norm": "input_layernorm",
    "out": "self_attn.o_proj",
    "hidden_norm": "post_attention_layernorm",
    "down": "mlp.down_proj",
}
_FUSED = {
    "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "gate_up": ("mlp.gate_proj", "mlp.up_proj"),
}
_OUTSIDE = {
    "encoder.conv1": "audio.conv1",
    "encoder.conv2": "audio.conv2",
    "encoder.norm": "audio.layer_norm",
    "encoder.project_in": "projector.linear_1",
    "encoder.project_out": "projector.linear_2",
    "decoder.embed": "text.embed_tokens",
    "decoder.norm": "text.norm",
    "decoder.head": "lm_head",
}


@dataclass(frozen=True)
class Voxtral:
    """The two halves, on one device."""

    shape: VoxtralShape
    encoder: Encoder
    decoder: Decoder

    def fused(self) -> Self:
        """The same model with what lies between its products compiled by inductor.

        For a GPU: on a CPU it made the encoder 2 to 5 % slower, and a decoder layer 20 % and more (docs/log.md).
        """
        # The limit is for the whole process, which may open several engines one after another.
        torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 64)
        self.encoder.compile(dynamic=True)
        for layer in self.decoder.layers:
            assert isinstance(layer, DecoderLayer)
            layer.fuse()
        return self


def load(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype, form: Form | None = None) -> Voxtral:
    """``form`` is what the linear layers' weights are kept in, each as soon as it is read.

    Raises CheckpointError for another architecture, and for tensors that are missing or of another size.
    """
    shape = read_shape(checkpoint.folder)
    try:
        with ExitStack() as stack:
            tensors = _Tensors(checkpoint.folder, stack)
            return _made(shape, device, dtype, form, lambda name, one: _fill(one, name, tensors, checkpoint.name))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{checkpoint.name} cannot be read, fetch it again: {error}") from error


def random(
    shape: VoxtralShape, device: torch.device, dtype: torch.dtype, form: Form | None = None, seed: int = 0
) -> Voxtral:
    """A Voxtral of this shape with weights that mean nothing: speed does not depend on them."""
    generator = torch.Generator(device).manual_seed(seed)

    def draw(name: str, parameter: Tensor) -> None:
        if parameter.ndim == 1:
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)
        else:
            parameter.normal_(0.0, 0.02, generator=generator)

    return _made(shape, device, dtype, form, draw)


def _made(
    shape: VoxtralShape,
    device: torch.device,
    dtype: torch.dtype,
    form: Form | None,
    fill: Callable[[str, Tensor], None],
) -> Voxtral:
    """Module by module, so that the whole model is never there in two forms."""
    with torch.device("meta"):
        encoder, decoder = Encoder(shape.encoder, shape.decoder.width), Decoder(shape.decoder)
    for half, name in ((encoder, "encoder"), (decoder, "decoder")):
        for path, module in half.named_modules(prefix=name):
            for kind, parameter in list(module.named_parameters(recurse=False)):
                # Whisper's sinusoids lose their last frames' order in bf16; transformers keeps them whole too.
                wide = torch.float32 if parameter is encoder.positions else dtype
                filled = torch.empty(parameter.shape, dtype=wide, device=device)
                fill(f"{path}.{kind}", filled)
                setattr(module, kind, nn.Parameter(filled, requires_grad=False))
            if form is not None and isinstance(module, Linear):
                module.keep_as(form)
    return Voxtral(shape, encoder.eval(), decoder.eval())


class _Tensors:
    """All tensors of a folder, under names that do not depend on the version of transformers that saved them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._files: dict[str, tuple[Any, str]] = {}
        for path in sorted(folder.glob("model*.safetensors")):
            file = stack.enter_context(safe_open(path, framework="pt"))
            self._files |= {_canonical(name): (file, name) for name in file.keys()}  # noqa: SIM118  not a dict

    def __getitem__(self, name: str) -> Tensor:
        """Raises KeyError."""
        file, stored = self._files[name]
        return file.get_tensor(stored)

    def get(self, name: str) -> Tensor | None:
        return self[name] if name in self._files else None


def _canonical(name: str) -> str:
    """``language_model.model.layers.0…`` of the 2507 checkpoints and what later versions write, to one spelling."""
    if name.endswith("lm_head.weight"):
        return "lm_head.weight"
    name = re.sub(r"^(model\.)*language_model\.(model\.)*", "text.", name)
    name = re.sub(r"^(model\.)*audio_tower\.", "audio.", name)
    return re.sub(r"^(model\.)*multi_modal_projector\.", "projector.", name)


def _fill(parameter: Tensor, name: str, tensors: _Tensors, checkpoint: str) -> None:
    """One parameter of ours from one tensor of theirs, or from several one below the other."""
    parts = _sources(name)
    found = [tensors.get(part) for part in parts]
    if name == "decoder.head.weight" and found == [None]:  # tied to the embedding
        found = [tensors.get("text.embed_tokens.weight")]
    if name.startswith("encoder") and name.endswith("qkv.bias") and found[1] is None and found[0] is not None:
        found[1] = torch.zeros_like(found[0])  # Whisper's keys have no bias
    missing = [part for part, tensor in zip(parts, found, strict=True) if tensor is None]
    if missing:
        raise CheckpointError(f"{checkpoint} lacks the tensor {missing[0]}: fetch it again")
    stored = torch.cat([tensor for tensor in found if tensor is not None])
    if stored.shape != parameter.shape:
        raise CheckpointError(
            f"{checkpoint}: {parts[0]} is {tuple(stored.shape)}, and config.json makes it {tuple(parameter.shape)}"
        )
    parameter.copy_(stored)


def _sources(name: str) -> list[str]:
    """Names of the stored tensors that make a parameter of ours."""
    if name == "encoder.positions":
        return ["audio.embed_positions.weight"]
    module, _, kind = name.rpartition(".")
    if module in _OUTSIDE:
        return [f"{_OUTSIDE[module]}.{kind}"]
    half, _, layer, part = module.split(".")
    stem = "audio" if half == "encoder" else "text"
    if part in _FUSED:
        return [f"{stem}.layers.{layer}.{stored}.{kind}" for stored in _FUSED[part]]
    stored = (_ENCODER_LAYER if half == "encoder" else _DECODER_LAYER)[part]
    return [f"{stem}.layers.{layer}.{stored}.{kind}"]
