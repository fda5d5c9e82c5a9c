"""The dashboard as Grafana reads it: its classic JSON model, which every version since 8 takes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from cluster.metrics.catalogue import CPU_USE
from cluster.metrics.panels import Panel, Row, rows

UID = "voxtral-b200"
FILE = "voxtral_grafana_dashboard.json"
_ACROSS, _WIDTH, _HEIGHT = 3, 8, 8
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    """The whole dashboard; a person chooses the data source and the Ray session at its top."""
    return {
        "uid": UID,
        "title": "Voxtral",
        "tags": ["ray", "voxtral"],
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_datasource(), _session()]},
        "panels": list(_laid_out(rows())),
    }


def _laid_out(of: tuple[Row, ...]) -> Iterator[dict[str, Any]]:
    """Panels three abreast, below their row's title."""
    ids, top = count(1), 0
    for row in of:
        place = {"x": 0, "y": top, "w": _ACROSS * _WIDTH, "h": 1}
        yield {"id": next(ids), "type": "row", "title": row.title, "collapsed": False, "gridPos": place, "panels": []}
        for at, panel in enumerate(row.panels):
            x, y = at % _ACROSS * _WIDTH, top + 1 + at // _ACROSS * _HEIGHT
            yield _panel(panel, next(ids), {"x": x, "y": y, "w": _WIDTH, "h": _HEIGHT})
        top += 1 + -(-len(row.panels) // _ACROSS) * _HEIGHT


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    empty = "no GPU" if panel.gpu_only else "no data"
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.tells + (" (nodes with a GPU only)" if panel.gpu_only else ""),
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "noValue": empty}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(65 + at), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
            for at, (legend, expression) in enumerate(panel.queries.items())
        ],
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "refresh": 1, "hide": 0}


def _session() -> dict[str, Any]:
    return {
        "name": "SessionName",
        "type": "query",
        "label": "Ray session",
        "datasource": _SOURCE,
        "query": {"query": f"label_values({CPU_USE.series}, SessionName)", "refId": "SessionName"},
        "refresh": 2,
        "includeAll": True,
        "allValue": ".+",
        "current": {"text": "All", "value": "$__all"},
        "sort": 2,
    }
