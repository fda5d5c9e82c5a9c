"""The files that an operator takes away: the dashboard, the alert rules, and a Prometheus that reads both worlds."""

from __future__ import annotations

import json
import os
from pathlib import Path

import yaml

from cluster.metrics import alerts, grafana, prometheus
from cluster.metrics.alerts import Pace

RAY_METRICS = "RAY_METRICS_OUTPUT_ROOT"
_LATEST = "/tmp/ray/session_latest/metrics"


class NoProvisionedFolder(FileNotFoundError):
    """Ray has written no dashboards on this machine."""


def provisioned() -> tuple[Path, Path]:
    """Where Ray put its own dashboards, which its ``grafana.ini`` has Grafana load, and its ``prometheus.yml``.

    Raises NoProvisionedFolder where there is no Ray head with a dashboard.
    """
    root = Path(os.environ.get(RAY_METRICS, _LATEST))
    dashboards = root / "grafana" / "dashboards"
    if not dashboards.is_dir():
        raise NoProvisionedFolder(
            f"Ray has put no dashboards in {dashboards}: start its head here (`ray start --head`), or name a folder"
        )
    return dashboards, root / "prometheus"


def export(dashboards: Path, prometheus_folder: Path, pace: Pace = Pace()) -> list[Path]:  # noqa: B008  frozen
    """Write the dashboard into one folder, rules and configuration into the other; returns the files.

    Raises OSError.
    """
    files = {
        dashboards / grafana.FILE: json.dumps(grafana.dashboard(), indent=2) + "\n",
        prometheus_folder / alerts.FILE: as_yaml(alerts.rules(pace)),
        prometheus_folder / prometheus.CONFIGURATION: as_yaml(prometheus.configuration(prometheus.of_ray(), pace)),
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return list(files)


def as_yaml(content: object) -> str:
    """Readable, in the order that it was made in."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)
