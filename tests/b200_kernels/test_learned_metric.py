"""The adapter for MetricX, with a tiny mT5 of random weights: the mechanics, not the metric."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import MT5Config, MT5ForConditionalGeneration, PreTrainedTokenizerFast

from b200_kernels.learned_metric import LearnedMetricError, MetricX
from quality.validator import TranslationQualityValidator


def _write(folder: Path, vocabulary: int) -> Path:
    torch.manual_seed(3)
    config = MT5Config(
        vocab_size=vocabulary, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_decoder_layers=1, num_heads=2
    )
    MT5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 2, "</s>": 1, "merci": 3, "source": 4}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>").save_pretrained(folder)
    return folder


def test_a_folder_with_a_model_gives_a_score_the_same_each_time(tmp_path: Path) -> None:
    metric = MetricX(_write(tmp_path, 250_112))
    score = metric("Teşekkürler.", "Merci.")
    assert 0.0 <= score <= 1.0
    assert metric("Teşekkürler.", "Merci.") == score


def test_the_validator_takes_it_into_its_score() -> None:
    source, target = "Yarın sabah Ankara'ya gidiyoruz.", "Nous allons à Ankara demain matin."
    scores = [
        TranslationQualityValidator(learned_metric=lambda s, t, value=value: value).comprehensive_quality_assessment(
            source, target
        )["overall_score"]
        for value in (0.0, 0.5, 1.0)
    ]
    assert scores == sorted(set(scores))


@pytest.mark.parametrize("vocabulary", [None, 100])
def test_what_is_no_metric_is_refused_in_words(tmp_path: Path, vocabulary: int | None) -> None:
    folder = tmp_path / "metric"
    if vocabulary:
        _write(folder, vocabulary)
    with pytest.raises(LearnedMetricError, match="metric"):
        MetricX(folder)
