"""The HTTP server on a real Ray Serve: a medium in, the batch job's subtitles out."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import requests
import yaml
from ray import serve

from ray_apps.serve_app import build

pytestmark = pytest.mark.usefixtures("local_ray")
CONFIG = Path(__file__).parents[2] / "serve_config.yaml"


@pytest.fixture(scope="module")
def url():
    """A server made from the shipped configuration, on a free port."""
    config = yaml.safe_load(CONFIG.read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve.start(http_options={"host": config["http_options"]["host"], "port": port})
    args = config["applications"][0]["args"] | {"model": "embedded", "max_upload_bytes": 400_000}
    serve.run(build(args), name="voxtral", route_prefix="/")
    yield f"http://127.0.0.1:{port}"
    serve.shutdown()


def post(url: str, data: bytes, fmt: str = "srt") -> requests.Response:
    return requests.post(f"{url}/subtitles", params={"format": fmt}, data=data, timeout=120)


@pytest.mark.parametrize(("fmt", "start"), [("srt", "1\n00:00:0"), ("vtt", "WEBVTT")])
def test_a_medium_becomes_subtitles(url, sample_archive, fmt, start):
    answer = post(url, (sample_archive / "clips" / "market.webm").read_bytes(), fmt)
    assert answer.status_code == 200
    assert answer.text.startswith(start)
    assert answer.text.count("-->") >= 2


def test_what_is_no_medium_is_refused(url):
    assert post(url, b"this is no film").status_code == 422
    assert post(url, b"").status_code == 422
    assert post(url, b"x", "docx").status_code == 400
    assert requests.get(f"{url}/elsewhere", timeout=60).status_code == 404


def test_an_upload_beyond_the_limit_is_refused(url):
    assert post(url, b"x" * 500_000).status_code == 413


def test_it_is_healthy(url):
    assert requests.get(f"{url}/healthz", timeout=60).text == "ok"
