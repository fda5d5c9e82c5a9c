"""Connections that keep to the rules, made to a real server on this machine: it counts who really came."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from cluster.feedback import SilentFeedback
from pipelines.archive.candidates import locate, unreadable
from pipelines.archive.filesystems import open_for_reading
from pipelines.archive.manifest import build_manifest
from pipelines.archive.url_rules import UrlRefused, UrlRules
from pipelines.settings import MediaLimits


class Site(http.server.ThreadingHTTPServer):
    """A web site of one film, and of doors that lead elsewhere; ``came`` are the paths that were asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came: list[str] = []
        self.film = b""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.came.append(self.path)
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/secret")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.film)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(self.server.film)

    do_HEAD = do_GET

    def log_message(self, *_words: object) -> None: ...


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def rules(site: Site, host: str = "127.0.0.1", *, listed: bool = True) -> tuple[str, UrlRules]:
    base = f"http://{host}:{site.server_port}"
    return base, UrlRules((base,), ("127.0.0.0/8", "::1/128") if listed else ())


def test_what_is_allowed_is_read(site):
    site.film = b"some sound"
    base, allowed = rules(site)
    assert locate(f"{base}/film", allowed)[0] == 10
    with open_for_reading(f"{base}/film", allowed) as file:
        assert file.read() == b"some sound"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_nobody_connects_to_this_machine_unless_it_is_listed(site, host):
    base, forbidden = rules(site, host, listed=False)
    for ask in (locate, open_for_reading):
        with pytest.raises(UrlRefused, match="not a public one"):
            ask(f"{base}/film", forbidden)
    assert site.came == []
    assert unreadable(UrlRefused("no")).kind == "not_allowed"


def test_a_name_that_leads_elsewhere_at_the_second_look_is_not_followed(site, monkeypatch):
    """DNS rebinding: the first answer is a public address, the next one is this machine."""
    asked: list[str] = []

    def rebound(host, port, *_more, **_options):
        asked.append(host)
        address = "8.8.8.8" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, site.server_port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    assert socket.getaddrinfo("rebinding.example", 80)[0][4][0] == "8.8.8.8"
    base, forbidden = rules(site, "rebinding.example", listed=False)
    with pytest.raises(UrlRefused, match="not a public one"):
        open_for_reading(f"{base}/film", forbidden)
    assert len(asked) > 1
    assert site.came == []


def test_redirects_are_not_followed(site):
    base, allowed = rules(site)
    for ask in (locate, open_for_reading):
        with pytest.raises(UrlRefused, match="another address"):
            ask(f"{base}/moved", allowed)
    assert "/secret" not in site.came


def test_the_decoding_child_keeps_to_them_too(site, sample_archive, tmp_path):
    """The manifest looks, then the child opens: both by the rules, and a list cannot name a path."""
    site.film = (sample_archive / "clips" / "hava durumu.flac").read_bytes()
    base, allowed = rules(site)
    urls = [f"{base}/films/a.flac", f"{base}/moved", "http://127.0.0.1:1/other", str(sample_archive / "clips/aile.m4a")]
    media = tmp_path / "media.jsonl"
    media.write_text("".join(f'{{"url": "{url}"}}\n' for url in urls))
    build = partial(build_manifest, [str(media)], feedback=SilentFeedback())
    found = {medium.url: medium.failure for medium in build(MediaLimits(urls=allowed))}
    assert found.pop(urls[0]) is None
    assert {failure.kind for failure in found.values() if failure} == {"not_allowed"}
    assert len(found) == 3
    assert "/secret" not in site.came
