"""The tables of docs/metrics.md, made from the catalogue: ``python -m cluster.metrics.docs`` writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cluster.metrics.alerts import Alert, alerts
from cluster.metrics.catalogue import CATALOGUE, Metric
from cluster.metrics.panels import rows

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
BEGIN, END = "<!-- made by python -m cluster.metrics.docs -->", "<!-- end -->"


def with_tables(page: str) -> str:
    """The page with everything between its marks made anew. Raises ValueError where a mark is missing."""
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def tables() -> str:
    """Metrics, panels and alerts, as Markdown."""
    return "\n\n".join(
        (
            "## Metrics",
            _table(("in Prometheus", "kind, unit", "labels", "tells"), map(_metric, CATALOGUE)),
            "## Panels",
            _table(("row", "panel", "tells"), ((row.title, p.title, p.tells) for row in rows() for p in row.panels)),
            "## Alerts",
            _table(("alert", "fires where", "do"), map(_alert, alerts())),
        )
    )


def _metric(metric: Metric) -> Sequence[str]:
    notes = [] if metric.ours else ["Ray's own"]
    notes += ["gpu only"] if metric.gpu_only else []
    tells = metric.help + (f" ({', '.join(notes)})" if notes else "")
    return f"`{metric.series}`", f"{metric.kind}, {metric.unit}", ", ".join(metric.labels), tells


def _alert(alert: Alert) -> Sequence[str]:
    hold = f" for {alert.hold_s} s" if alert.hold_s else ""
    return f"`{alert.name}` ({alert.severity})", f"{alert.meaning} > {alert.limit:g}{hold}", alert.todo


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
