"""What names the parts: everything that can change the model's text, and nothing else."""

from __future__ import annotations

import pytest

from b200_kernels.checkpoints import open_checkpoint
from pipelines.settings import CueSettings, VadSettings, WindowSettings
from quality.glossary import Term
from quality.settings import GateSettings
from ray_apps.plan import Accelerator, resolve
from ray_apps.settings import Settings

CPU = Accelerator(has_gpu=False, dtype="float32")
BASE = Settings(inputs=("talks",), source="tr", targets=("fr",), model="embedded")


def fingerprint(settings: Settings, accelerator: Accelerator = CPU) -> str:
    return resolve(settings, open_checkpoint("embedded"), accelerator).fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"source": None},
        {"targets": ("fr", "en")},
        {"audio_stream": 1},
        {"vad": VadSettings(onset=0.6)},
        {"windows": WindowSettings(shard_s=300.0)},
        {"windows": WindowSettings(window_s=10.0)},
        {"gate": GateSettings(quality="max")},
        {"glossary": (Term(source="köprü", target="pont", language="fr"),)},
    ],
)
def test_what_changes_the_text_is_other_work(change):
    assert fingerprint(BASE.model_copy(update=change)) != fingerprint(BASE)


def test_precision_changes_the_text():
    assert fingerprint(BASE, Accelerator(has_gpu=True, dtype="bfloat16")) != fingerprint(BASE)


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": ("other",)},
        {"out": "elsewhere"},
        {"formats": ("vtt",)},
        {"min_actors": 1, "max_actors": 8},
        {"max_attempts": 9},
        {"retry_errors": True},
        {"address": "auto"},
        {"cues": CueSettings(max_line_chars=37)},
    ],
)
def test_what_does_not_change_the_text_goes_on_with_the_same_parts(change):
    assert fingerprint(BASE.model_copy(update=change)) == fingerprint(BASE)


def test_a_checkpoint_with_other_weights_is_other_work(tmp_path):
    import shutil

    source = open_checkpoint("embedded").folder
    shutil.copytree(source, tmp_path / "changed")
    weights = tmp_path / "changed" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert open_checkpoint(str(tmp_path / "changed")).digest != open_checkpoint("embedded").digest


def test_settings_refuse_what_nobody_knows():
    with pytest.raises(ValueError, match="colour"):
        Settings.model_validate({"inputs": ["a"], "targets": ["fr"], "colour": "blue"})
