"""What may be fetched for somebody else: by its beginning, and by where its host really is."""

from __future__ import annotations

import pytest

from pipelines.archive.url_rules import UrlRefused, UrlRules

RULES = UrlRules(
    ("https://media.example/films", "http://archive.example:8080/", "s3://bucket/talks/"), ("10.1.0.0/16",)
)


@pytest.mark.parametrize(
    "url",
    [
        "https://media.example/films/röportaj.ogg",
        "https://media.example:443/films/a%20b.mp4?signature=x/../y",
        "https://MEDIA.example/films/a",
        "https://media.example./films/a",
        "http://archive.example:8080/",
        "s3://bucket/talks/2020/a.wav",
        "s3://bucket/talks/odd#name?.wav",
    ],
)
def test_what_begins_as_a_rule_says_may_be_fetched(url):
    RULES.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://media.example/filmsecrets/a",
        "https://media.example/other",
        "https://media.example:444/films/a",
        "http://media.example/films/a",
        "https://media.example.evil.example/films/a",
        "https://evil.example/?https://media.example/films/a",
        "https://media.example@evil.example/films/a",
        "https://user:word@media.example/films/a",
        "https://media.example/films/../other",
        "https://media.example/films/%2e%2e/other",
        "https://media.example/films/%252e%252e/other",
        "https://media.example/films/..%2fother",
        "https://media.example\\@evil.example/films/a",
        "https://media.example/films/a b",
        "https://media.example/films/a\r\nHost: evil.example",
        "https://media.example/films/a#b",
        "https://media.example/films/" + "a" * 5000,
        "https:///films/a",
        "https://[::1/films/a",
        "https://media.example:99999/films/a",
        "s3://bucket/talks/../secret",
        "s3://other/talks/a",
        "file:///etc/passwd",
        "/etc/passwd",
        "etc/passwd",
        "ftp://media.example/films/a",
        "simplecache::https://media.example/films/a",
        "zip://a::https://media.example/films/a",
        "memory://bucket/talks/a",
        "",
        "https://media.example/films/\ud800",
    ],
)
def test_nothing_else_may(url):
    with pytest.raises(UrlRefused):
        RULES.check(url)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "10.1.2.3"])
def test_public_and_listed_addresses_may_be_connected_to(address):
    RULES.check_address(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.2.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1"),
        *(
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "2002:7f00:1::",
            "2002:808:808::1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
        ),
    ],
)
def test_this_machine_and_its_networks_may_not(address):
    with pytest.raises(UrlRefused):
        RULES.check_address(address)


@pytest.mark.parametrize("prefix", ["media.example", "file:///srv", "https://", "https://a.example/?x", "*", "/srv"])
def test_a_rule_that_is_none_is_told(prefix):
    with pytest.raises(ValueError, match=r"no beginning|has a query"):
        UrlRules((prefix,))


def test_a_network_that_is_none_is_told():
    with pytest.raises(ValueError):
        UrlRules((), ("10.0.0.1/8",))
