"""The dashboard's JSON, where it is written, and how it is pushed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from cluster.metrics import folder, grafana
from cluster.metrics.folder import NoProvisionedFolder, export, provisioned
from cluster.metrics.push import BadAddress, PushError, push


def test_panels_do_not_overlap_and_have_ids_of_their_own():
    panels = grafana.dashboard()["panels"]
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_every_query_looks_at_the_session_that_a_person_chose():
    targets = [target for panel in grafana.dashboard()["panels"] for target in panel.get("targets", ())]
    assert targets
    assert all("$SessionName" in target["expr"] for target in targets)


def test_files_go_beside_rays_own_dashboards(tmp_path, monkeypatch):
    monkeypatch.setenv(folder.RAY_METRICS, str(tmp_path))
    with pytest.raises(NoProvisionedFolder, match="ray start --head"):
        provisioned()
    (tmp_path / "grafana" / "dashboards").mkdir(parents=True)
    written = {str(path.relative_to(tmp_path)) for path in export(*provisioned())}
    assert written == {
        "grafana/dashboards/voxtral_grafana_dashboard.json",
        "prometheus/voxtral_alerts.yml",
        "prometheus/voxtral_prometheus.yml",
    }
    assert json.loads((tmp_path / "grafana" / "dashboards" / grafana.FILE).read_text()) == grafana.dashboard()


class FakeGrafana(BaseHTTPRequestHandler):
    """Takes dashboards from whoever has the token ``good``, as Grafana's API answers."""

    got: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/api/dashboards/db":
            self._answer(404, {"message": "Not found"})
        elif self.headers["Authorization"] != "Bearer good":
            self._answer(401, {"message": "Invalid API key"})
        else:
            self.got.append(body)
            uid = body["dashboard"]["uid"]
            self._answer(200, {"status": "success", "uid": uid, "url": f"/d/{uid}/voxtral"})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def fake() -> Iterator[str]:
    FakeGrafana.got = []
    with HTTPServer(("127.0.0.1", 0), FakeGrafana) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_push_writes_the_dashboard_anew(fake, monkeypatch):
    monkeypatch.setenv("TOKEN", "good")
    assert push(fake, "TOKEN") == f"{fake}/d/{grafana.UID}/voxtral"
    (body,) = FakeGrafana.got
    assert body["overwrite"] is True
    assert body["dashboard"] == grafana.dashboard()


def test_a_wrong_token_and_no_grafana_are_told(fake, monkeypatch):
    monkeypatch.setenv("TOKEN", "bad")
    with pytest.raises(PushError, match="role Editor") as refused:
        push(fake, "TOKEN")
    assert "bad" not in str(refused.value)
    with pytest.raises(PushError, match="no Grafana took it"):
        push("http://127.0.0.1:9", "TOKEN")
    with pytest.raises(PushError):
        push(f"{fake}/elsewhere", "TOKEN")
    assert FakeGrafana.got == []


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("grafana:3000", "no address"),
        ("file:///etc/passwd", "no address"),
        ("http://me:secret@grafana", "password"),
        ("http://grafana", "TOKEN is empty"),
    ],
)
def test_what_cannot_be_pushed_to_is_told_before_anything_is_sent(url, told, monkeypatch):
    monkeypatch.delenv("TOKEN", raising=False)
    with pytest.raises(BadAddress, match=told) as error:
        push(url, "TOKEN")
    assert "secret" not in str(error.value)


def test_the_repositorys_page_shows_the_picture():
    page = Path(__file__).parents[3] / "docs" / "metrics.md"
    assert "dashboard.svg" in page.read_text()
