"""Connections that keep to the rules, made to a real server on this machine: it counts who really came."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cluster.feedback import SilentFeedback
from pipelines.archive.candidates import locate, unreadable
from pipelines.archive.filesystems import open_for_reading
from pipelines.archive.manifest import build_manifest
from pipelines.archive.url_rules import UrlRefused, UrlRules
from pipelines.settings import MediaLimits
from tests.web_site import WebSite


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WebSite]:
    with WebSite(tmp_path).running() as server:
        yield server


def rules(site: WebSite, host: str = "127.0.0.1", *, listed: bool = True) -> tuple[str, UrlRules]:
    base = f"http://{host}:{site.server_port}"
    return base, UrlRules((base,), ("127.0.0.0/8", "::1/128") if listed else ())


def test_what_is_allowed_is_read(site):
    (site.folder / "film").write_bytes(b"some sound")
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
    site.folder = sample_archive
    base, allowed = rules(site)
    urls = [
        f"{base}/clips/market.webm",
        f"{base}/moved",
        "http://127.0.0.1:1/other",
        str(sample_archive / "clips/aile.m4a"),
    ]
    media = tmp_path / "media.jsonl"
    media.write_text("".join(f'{{"url": "{url}"}}\n' for url in urls))
    build = partial(build_manifest, [str(media)], feedback=SilentFeedback())
    found = {medium.url: medium.failure for medium in build(MediaLimits(urls=allowed))}
    assert found.pop(urls[0]) is None
    assert {failure.kind for failure in found.values() if failure} == {"not_allowed"}
    assert len(found) == 3
    assert "/secret" not in site.came
