"""What the model's tests share: a tiny Voxtral that knows nothing, and the embedded one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import VoxtralForConditionalGeneration, WhisperFeatureExtractor

from b200_kernels.checkpoints import Checkpoint, open_checkpoint
from b200_kernels.embedded.recipe import architecture
from b200_kernels.reference_engine import ReferenceEngine


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a real Voxtral's, nothing declared, with random weights: one layer each, 128 wide."""
    folder = tmp_path_factory.mktemp("blank")
    config = architecture.configuration()
    config.audio_config.update({"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 1})
    config.audio_config.update({"num_attention_heads": 2})
    config.text_config.update({"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 1})
    config.text_config.update({"num_attention_heads": 2, "num_key_value_heads": 1})
    torch.manual_seed(3)
    VoxtralForConditionalGeneration(config).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=128).save_pretrained(folder)
    architecture.write_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def embedded() -> Checkpoint:
    return open_checkpoint("embedded")


@pytest.fixture(scope="session")
def engine(embedded: Checkpoint) -> Iterator[ReferenceEngine]:
    """The embedded checkpoint in the reference engine, on one CPU thread."""
    engine = ReferenceEngine(embedded, device="cpu", threads=1)
    yield engine
    engine.close()
