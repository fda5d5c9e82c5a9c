"""The embedded checkpoint does its job on what it never met: a short version of ``make embedded-eval``."""

import asyncio
from pathlib import Path

import pytest

from b200_kernels.checkpoints import Checkpoint
from b200_kernels.embedded import held_out, model_card
from b200_kernels.embedded.evaluate import QUESTIONS, evaluate
from b200_kernels.embedded.recipe import grammar
from b200_kernels.embedded.scores import chrf, spoken_wer, wer

# To be raised with the final weights: a little below the model card, because few windows scatter. These are
# the floors of an early checkpoint, which hardly knows anything.
LEAST_CHRF, MOST_WER, LEAST_SILENT = 85.0, 8.0, 99.0


@pytest.fixture(scope="module")
def figures(engine) -> dict:
    return asyncio.run(evaluate(engine, sentences=20, silent=6))


@pytest.mark.parametrize("kind", ["clean", "noisy"])
def test_speech(figures, kind):
    sheet = figures[kind]
    assert min(sheet["chrf_fr"], sheet["chrf_en"]) >= LEAST_CHRF
    assert sheet["wer_tr"] <= MOST_WER


def test_every_prompt(figures):
    by_prompt = figures["clean"]["by_prompt"]
    assert len(by_prompt) == 6
    for name, value in by_prompt.items():
        assert value <= MOST_WER if name.startswith("tr") else value >= LEAST_CHRF, name


def test_text(figures):
    assert len(figures["text"]) == 4
    assert min(figures["text"].values()) >= LEAST_CHRF


def test_nobody_speaks(figures):
    assert figures["non_speech"]["without_text"] >= LEAST_SILENT


def test_it_fits_into_the_package(embedded: Checkpoint):
    assert sum(f.stat().st_size for f in embedded.folder.iterdir()) <= 16_000_000


def test_nothing_held_out_was_trained_on():
    windows = held_out.spoken_windows(12)
    assert all(grammar.is_held_out(s) for s in (w.tr for w in windows if w.tr.count(".") == 1))
    assert [w.tr for w in held_out.spoken_windows(12)] == [w.tr for w in windows]


def test_all_sentences_are_asked():
    """``join`` drops what does not fit into a window; the next window must begin with it."""
    windows = held_out.spoken_windows(40, most_in_a_window=12)
    assert sum(len(w.samples) for w in windows) / 16_000 > 40
    assert sum(sum(map(w.tr.count, ".?!")) for w in windows) >= 40


def test_scores_count_what_they_say():
    assert chrf(["Bonjour."], ["Bonjour."]) == pytest.approx(100.0)
    assert spoken_wer(["ısparta'da iyiyim"], ["Isparta'da, İyiyim!"]) == 0.0
    assert wer(["merhaba dünya"], ["Merhaba dünya."]) == 100.0
    assert spoken_wer(["merhaba"], ["Merhaba dünya."]) == 50.0


def test_figures_go_between_the_cards_markers(figures, tmp_path):
    card = tmp_path / "card.md"
    card.write_text("before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n")
    for _ in range(2):
        model_card.update_card({"checkpoint": "ab" * 32} | figures, card)
    text = card.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert f"{figures['clean']['chrf_fr']:.1f}" in text
    assert all(q.name in text for q in QUESTIONS)


def test_a_card_without_markers(tmp_path: Path):
    (tmp_path / "card.md").write_text("nothing")
    with pytest.raises(ValueError, match="must hold"):
        model_card.update_card({}, tmp_path / "card.md")
    assert model_card.CARD.read_text().count("figures -->") == 2
