"""Puts measured figures into the model card, between its markers, so that no figure there is typed by
hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

CARD = Path(__file__).parent / "MODEL_CARD.md"
_BEGIN, _END = "<!-- figures -->", "<!-- end of figures -->"


def update_card(figures: Mapping[str, Any], card: Path = CARD) -> None:
    """Replace what stands between the card's markers by the figures of ``embedded-eval``.

    Raises ValueError when the card lacks its markers.
    """
    text = card.read_text(encoding="utf-8")
    before, found, rest = text.partition(_BEGIN)
    _, ended, after = rest.partition(_END)
    if not (found and ended):
        raise ValueError(f"{card} must hold {_BEGIN} and {_END}: put them back where the figures belong")
    card.write_text(f"{before}{_BEGIN}\n{render(figures)}\n{_END}{after}", encoding="utf-8")


def render(figures: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        f"Checkpoint `{figures['checkpoint'][:16]}`, {figures['sentences']} sentences in "
        f"{figures['windows']} windows, each heard as a full chunk, greedy.",
        "",
        "| windows | chrF fr | chrF en | WER tr % | WER tr %, case and punctuation count |",
        "|---|---|---|---|---|",
    ]
    for kind in ("clean", "noisy"):
        sheet = figures[kind]
        for name, row in ({"all": sheet} | sheet["by_length"]).items():
            values = (row["chrf_fr"], row["chrf_en"], row["wer_tr"], row["wer_tr_as_written"])
            lines.append(f"| {kind}, {name} | " + " | ".join(f"{v:.1f}" for v in values) + " |")
    for kind, what in (
        ("text", "the true transcript, translated as text"),
        ("cascade", "its own transcript, the same way"),
    ):
        lines.append(f"| {what} | {figures[kind]['fr plain']:.1f} | {figures[kind]['en plain']:.1f} | | |")
    lines += ["", "| prompt | clean | noisy | measured by |", "|---|---|---|---|"]
    for name, value in figures["clean"]["by_prompt"].items():
        measure = "WER %" if name.startswith("tr") else "chrF"
        lines.append(f"| {name} | {value:.1f} | {figures['noisy']['by_prompt'][name]:.1f} | {measure} |")
    silent = figures["non_speech"]
    lines += [
        "",
        f"No text, under any prompt, in {silent['without_text']:.1f} % of {silent['windows']} windows of "
        "silence, noise and music.",
    ]
    return "\n".join(lines)
