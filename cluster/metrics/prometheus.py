"""Prometheus itself: its configuration for a Ray cluster, and a server of one's own for tests and for the picture.

The server is Debian's package ``prometheus``, started on loopback in a folder that it may fill, ended with its context.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from cluster.metrics import alerts
from cluster.metrics.alerts import Pace, rules

CONFIGURATION = "voxtral_prometheus.yml"
RAY_TARGETS = "/tmp/ray/prom_metrics_service_discovery.json"
"""Where Ray's head writes which nodes there are to scrape, when it has a dashboard."""
_START_S, _ANSWER_S = 30.0, 10.0


def configuration(scrapes: dict[str, Any], pace: Pace = Pace(), every_s: int = 15) -> dict[str, Any]:  # noqa: B008  frozen
    """A Prometheus configuration. ``scrapes``: what names the targets (``file_sd_configs``, ``static_configs``)."""
    return {
        "global": {"scrape_interval": f"{every_s}s", "evaluation_interval": f"{pace.every_s}s"},
        "rule_files": [alerts.FILE],
        "scrape_configs": [{"job_name": "ray", **scrapes}],
    }


def of_ray(targets: str = RAY_TARGETS) -> dict[str, Any]:
    """Scrapes of all nodes that Ray's head names in that file."""
    return {"file_sd_configs": [{"files": [targets]}]}


def installed() -> bool:
    """Whether Debian's ``prometheus`` is here."""
    return shutil.which("prometheus") is not None and shutil.which("promtool") is not None


class PrometheusError(RuntimeError):
    """Prometheus did not start, or refused a query."""


@dataclass(frozen=True)
class Line:
    """A series that a query gave: its labels, and (unix time, value) pairs."""

    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]


class LocalPrometheus:
    """A server on loopback that scrapes ``targets`` (``host:port``) and evaluates our rules.

    Raises PrometheusError on entering where it does not come up.
    """

    def __init__(self, folder: Path, targets: Sequence[str], pace: Pace, every_s: int = 1) -> None:
        self.folder, self.targets, self.pace, self.every_s = folder, tuple(targets), pace, every_s
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> LocalPrometheus:
        self.folder.mkdir(parents=True, exist_ok=True)
        scrapes = {"static_configs": [{"targets": list(self.targets)}]}
        configured = configuration(scrapes, self.pace, self.every_s)
        (self.folder / CONFIGURATION).write_text(json.dumps(configured))  # JSON is YAML
        (self.folder / alerts.FILE).write_text(json.dumps(rules(self.pace)))
        address = f"127.0.0.1:{_free_port()}"
        self.url = f"http://{address}"
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={self.folder / CONFIGURATION}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    f"--web.listen-address={address}",
                ],
                stdout=log,
                stderr=log,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def query(self, expression: str) -> list[Line]:
        """The series that it gives now; one point each."""
        found = self._get("query", query=expression)["result"]
        return [Line(one["metric"], (_point(one["value"]),)) for one in found]

    def history(self, expression: str, begin: float, end: float, step_s: float) -> list[Line]:
        """The series between two unix times."""
        found = self._get("query_range", query=expression, start=begin, end=end, step=step_s)["result"]
        return [Line(one["metric"], tuple(map(_point, one["values"]))) for one in found]

    def firing(self) -> dict[str, datetime]:
        """The alerts that fire, and since when."""
        found = [one for one in self._get("alerts")["alerts"] if one["state"] == "firing"]
        return {one["labels"]["alertname"]: datetime.fromisoformat(one["activeAt"]) for one in found}

    def wait_for(self, what: str, is_so: Callable[[], bool], within_s: float) -> None:
        """Ask again until it is so. Raises PrometheusError."""
        until = time.monotonic() + within_s
        while not is_so():
            if time.monotonic() > until:
                raise PrometheusError(f"{what}: not within {within_s:.0f} s")
            time.sleep(0.2)

    def _wait_until_ready(self) -> None:
        def ready() -> bool:
            if self._process is None or self._process.poll() is not None:
                raise PrometheusError(f"prometheus ended: {(self.folder / 'log').read_text()[-2000:]}")
            try:
                with urllib.request.urlopen(f"{self.url}/-/ready", timeout=_ANSWER_S):
                    return True
            except OSError:
                return False

        self.wait_for("prometheus answers", ready, _START_S)

    def _get(self, path: str, **fields: str | float) -> Any:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(fields)}"
        try:
            with urllib.request.urlopen(url, timeout=_ANSWER_S) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise PrometheusError(f"{fields.get('query', path)}: {json.load(error).get('error')}") from error

    def _end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_START_S)


def _point(pair: list[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
