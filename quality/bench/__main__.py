"""`make quality-bench`: downloads the packages, measures, prints the table of docs/quality.md.

Exit code 1 where a demanded figure is not met.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from quality.bench.corpus import load, read_pairs
from quality.bench.dialogue import dialogue
from quality.bench.fit import fit_omission
from quality.bench.packages import PackageError
from quality.bench.report import FALSE_ALARMS, Item, Report, Row, judge, measure
from quality.settings import GateSettings


def main() -> int:
    """Run the command."""
    options = _options()
    try:
        pairs = read_pairs(options.pairs) if options.pairs else load(options.work)
    except PackageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    calibration = [pair for pair in pairs if not pair.held_out]
    if not calibration:
        sys.stderr.write("no pair belongs to the calibration half\n")
        return 2
    if options.fit:
        sys.stdout.write(f"weights of quality.omission: {fit_omission(calibration)}\n")
        return 0
    held_out = [pair for pair in pairs if pair.held_out]
    report = measure(calibration, held_out, spoilt=options.spoilt, similar=not options.no_similarity)
    rejected = [pair for pair in dialogue() if not judge(Item(pair, pair.target), GateSettings()).accepted]
    sys.stdout.write(as_markdown(report))
    sys.stdout.write(f"\nHand-written dialogue: {len(rejected)} of {len(dialogue())} pairs wrongly rejected.\n")
    if options.json:
        figures = report.as_dict() | {"dialogue_pairs": len(dialogue()), "dialogue_rejected": len(rejected)}
        options.json.write_text(json.dumps(figures, indent=1, ensure_ascii=False), encoding="utf-8")
    short = failures(report)
    for line in short:
        sys.stderr.write(f"not met: {line}\n")
    return 1 if short else 0


def failures(report: Report) -> list[str]:
    """What is demanded and not met, in words."""
    alarms = {
        "the gate": report.false_alarms,
        "the gate, any length": report.false_alarms_any_length,
        "the gate with similarity": report.false_alarms_with_similarity,
    }
    found = [f"false alarms of {who} {share:.2%}" for who, share in alarms.items() if (share or 0) > FALSE_ALARMS]
    for row in report.rows:
        if row.demanded is None:
            continue
        if _recall(row) < row.demanded:
            found.append(f"{row.name} {_recall(row):.3f}, demanded {row.demanded}")
        best = max(row.baselines, key=lambda name: row.baselines[name])
        if _recall(row) < row.baselines[best]:
            found.append(f"{row.name} {_recall(row):.3f} is below {best} alone ({row.baselines[best]:.3f})")
    return found


def as_markdown(report: Report) -> str:
    """The tables, as they stand in docs/quality.md."""
    judges = list(report.baseline_false_alarms)
    bands = list(report.false_alarms_by_length)
    lines = [
        "| corruption | items | demanded | gate | + similarity | any length | AUC "
        f"| {' | '.join(judges)} | {' | '.join(bands)} |",
        "|---" * (7 + len(judges) + len(bands)) + "|",
    ]
    lines.append(
        f"| *clean: false alarms* | {report.pairs} | ≤ {FALSE_ALARMS} | {_number(report.false_alarms, 4)} "
        f"| {_number(report.false_alarms_with_similarity, 4)} | {_number(report.false_alarms_any_length, 4)} | | "
        + " | ".join(_number(report.baseline_false_alarms[name]) for name in judges)
        + " | "
        + " | ".join(_number(report.false_alarms_by_length[name]) for name in bands)
        + " |"
    )
    for row in report.rows:
        name = f"*blind spot:* {row.name}" if row.blind_spot else row.name
        figures = [
            _number(row.demanded, 2),
            _number(row.recall),
            _number(row.recall_with_similarity),
            _number(row.recall_any_length),
            _number(row.auc),
            *(_number(row.baselines[judge]) for judge in judges),
            *(_number(row.by_length[band]) for band in bands),
        ]
        lines.append(f"| {name} | {row.items} | {' | '.join(figures)} |")
    reasons = ", ".join(f"{reason} {share:.2%}" for reason, share in report.reasons.items())
    return "\n".join(lines) + f"\n\nFalse alarms by reason (with similarity): {reasons}.\n"


def _recall(row: Row) -> float:
    """The swapped sentence is demanded with the similarity model, the rest without."""
    with_model = row.name == "swapped, same length" and row.recall_with_similarity is not None
    return row.recall_with_similarity if with_model and row.recall_with_similarity is not None else row.recall


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None or value != value else f"{value:.{digits}f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m quality.bench", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".work/quality-bench"), help="where packages are kept")
    parser.add_argument("--pairs", type=Path, help="pairs to use instead of the packages' (JSON Lines)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--spoilt", type=int, default=1000, help="held-out pairs that get each corruption")
    parser.add_argument("--no-similarity", action="store_true", help="leave the embeddings out")
    parser.add_argument("--fit", action="store_true", help="print the weights fitted on the calibration half")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
