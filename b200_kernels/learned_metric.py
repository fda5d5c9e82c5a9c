"""A learned metric of translation quality without a reference, MetricX-24, from a folder on this machine.

It is an mT5 whose decoder answers one number: errors, 0 (none) to 25. Nothing is downloaded. The weights
(`google/metricx-24-hybrid-*`, Apache-2.0) and the tokenizer (`google/mt5-*`) belong in one folder. CometKiwi comes as a
pickled checkpoint under a non-commercial licence and is not read; whoever has it wraps it as a function of source and
target. It knows nothing of subtitles, speech or the gate. Not measured here: no weights are at hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, MT5ForConditionalGeneration

_ANSWER_TOKEN = 250_089
"""`<extra_id_10>`: its logit at the first step is the answer (google-research/metricx, models.py)."""
WORST = 25.0
_LONGEST = 1536
"""Tokens that MetricX-24 was trained with."""


class LearnedMetricError(ValueError):
    """The folder is not there or holds no such model; the message says which and what it needs."""


class MetricX:
    """Scores a translation, 0 (worst) to 1.

    Raises (from the constructor):
        LearnedMetricError: the folder is not there or holds no mT5 with a tokenizer.
    """

    def __init__(self, folder: str | Path, *, device: str = "cpu") -> None:
        path = Path(folder)
        if not (path / "config.json").is_file():
            raise LearnedMetricError(
                f"{path} holds no model: put the files of a MetricX-24 and its mT5 tokenizer there"
            )
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(path, local_files_only=True)
            model: Any = MT5ForConditionalGeneration.from_pretrained(path, local_files_only=True, use_safetensors=True)
        except (OSError, ValueError) as error:
            raise LearnedMetricError(f"{path} cannot be loaded as MetricX-24 (safetensors): {error}") from error
        if model.config.vocab_size <= _ANSWER_TOKEN:
            raise LearnedMetricError(f"{path} is no MetricX: its vocabulary lacks the token that answers")
        self._model = model.eval().to(device)

    @torch.inference_mode()
    def __call__(self, source: str, target: str) -> float:
        """How good the target is as a translation of the source."""
        text = f"source: {source} candidate: {target}"
        told = self._tokenizer(text, max_length=_LONGEST, truncation=True, return_tensors="pt")["input_ids"][:, :-1]
        start = torch.zeros((1, 1), dtype=torch.long, device=self._model.device)
        logits = self._model(input_ids=told.to(self._model.device), decoder_input_ids=start).logits
        errors = float(logits[0, 0, _ANSWER_TOKEN].clamp(0.0, WORST))
        return 1.0 - errors / WORST
