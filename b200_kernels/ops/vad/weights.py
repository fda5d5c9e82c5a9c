"""The weights of Silero VAD, out of the installed ``silero-vad``, without importing it: the import would set
torch to one thread for the whole process.

They are read from its TorchScript file. The wheel's ``silero_vad_16k.safetensors`` holds another, older model
(its probabilities differ by up to 0.14; seen in 6.2.3), and so does not serve.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path

import torch

from b200_kernels.ops.vad.reference import Weights

_NAMES = {
    "stft.forward_basis_buffer": "stft_conv.weight",
    "encoder.0.reparam_conv": "conv1",
    "encoder.1.reparam_conv": "conv2",
    "encoder.2.reparam_conv": "conv3",
    "encoder.3.reparam_conv": "conv4",
    "decoder.rnn": "lstm_cell",
    "decoder.decoder.2": "final_conv",
}


def shipped_weights() -> Weights:
    """The 16 kHz model's weights under plain names. Raises RuntimeError where ``silero-vad`` is not installed, or
    is a version of another architecture.
    """
    package = find_spec("silero_vad")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("silero-vad is not installed: pip install silero-vad")
    path = Path(next(iter(package.submodule_search_locations))) / "data" / "silero_vad.jit"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found = torch.jit.load(str(path), map_location="cpu").state_dict()
    weights = {}
    for theirs, ours in _NAMES.items():
        for name, tensor in found.items():
            if name.startswith(f"_model.{theirs}"):
                weights[name.replace(f"_model.{theirs}", ours)] = tensor
    if len(weights) != 15 or weights["conv1.weight"].shape != (128, 129, 3):
        raise RuntimeError(f"{path} is not the Silero VAD that this code computes: install silero-vad>=6.2.1,<7")
    return weights
