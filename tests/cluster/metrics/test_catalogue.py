"""One catalogue: what is queried is in it, what is in it is looked at, and the docs say what it says."""

from __future__ import annotations

import re

from cluster.metrics.alerts import alerts
from cluster.metrics.catalogue import CATALOGUE
from cluster.metrics.docs import PAGE, with_tables
from cluster.metrics.panels import rows

PANELS = [panel for row in rows() for panel in row.panels]
EXPRESSIONS = [query for panel in PANELS for query in panel.queries.values()] + [alert.value for alert in alerts()]
QUERIED = {name for expression in EXPRESSIONS for name in re.findall(r"\bray_\w+", expression)}


def test_only_what_the_catalogue_has_is_queried_and_all_of_it_is():
    assert {metric.series for metric in CATALOGUE} == QUERIED


def test_every_query_adds_up_the_workers():
    bare = [e for e in EXPRESSIONS if not re.search(r"\b(sum|max|min|quantile) by \(|\b(sum|min|max)\(", e)]
    assert bare == []


def test_panels_of_gpu_metrics_alone_are_marked():
    gpu = {metric.series for metric in CATALOGUE if metric.gpu_only}
    for panel in PANELS:
        asked = {name for query in panel.queries.values() for name in re.findall(r"\bray_\w+", query)}
        assert panel.gpu_only == bool(asked & gpu), panel.title


def test_the_docs_are_current():
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page) == page, "run python -m cluster.metrics.docs"
