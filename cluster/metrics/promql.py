"""Expressions of Prometheus' language over the catalogue's metrics. Every one adds up the worker processes."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.metrics.catalogue import Metric


@dataclass(frozen=True)
class Look:
    """How a query looks: over which ``window`` rates are taken, and which series (``matchers``) count."""

    window: str
    matchers: str = ""

    def select(self, metric: Metric, where: str = "") -> str:
        return f"{metric.series}{{{','.join(filter(None, (where, self.matchers)))}}}"

    def total(self, metric: Metric, by: str, where: str = "", of: str = "sum") -> str:
        """All series' values together; of counters, since their nodes came up."""
        return f"{of} by ({by}) ({self.select(metric, where)})"

    def rate(self, metric: Metric, by: str, where: str = "", before: str = "") -> str:
        """Growth a second; ``before`` such as ``1h`` is how long ago."""
        ago = f" offset {before}" if before else ""
        return f"sum by ({by}) (rate({self.select(metric, where)}[{self.window}]{ago}))"

    def share(self, metric: Metric, by: str, where: str, before: str = "") -> str:
        """Of all growth, the part where ``where`` holds, 0 to 1; no answer where nothing grew."""
        part, whole = self.rate(metric, by, where, before), self.rate(metric, by, "", before)
        return f"(({part}) or 0 * ({whole})) / ({whole} > 0)"

    def quantile(self, q: float, metric: Metric, by: str) -> str:
        """Of a histogram, as fine as its buckets are."""
        return f"histogram_quantile({q}, {self.rate(metric, f'{by}, le')})"
