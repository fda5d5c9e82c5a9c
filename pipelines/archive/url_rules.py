"""Which addresses may be fetched on behalf of somebody who is not trusted with this machine's network.

A rule is the beginning of a URL: ``https://media.example/``, ``http://10.0.0.7:8080/films/``, ``s3://archive/films/``.
A URL is fetched only if a rule is its beginning, and a connection is made only to a public address or to one of the
networks that are listed: a name that leads to this machine or into its network leads nowhere. It knows URLs and
addresses; :mod:`pipelines.archive.guarded_http` holds connections to it. No pydantic: a decoding child holds no more
than it needs.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

WEB = {"http": 80, "https": 443}
"""Schemes whose host is looked up and connected to, with their ports."""
BUCKETS = frozenset({"s3", "gs", "abfs"})
"""Schemes whose host is a bucket; where that lies, and with which credentials it is read, is the operator's affair."""
LONGEST = 4096
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029]|[\ud800-\udfff]")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class UrlRefused(PermissionError):
    """A URL or address that no rule allows. The message says why, and names no address that a name led to."""


@dataclass(frozen=True)
class UrlRules:
    """``prefixes`` are beginnings of URLs, ``networks`` (CIDR) may be connected to beyond the public ones.

    Raises ValueError for what is neither.
    """

    prefixes: tuple[str, ...]
    networks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for prefix in self.prefixes:
            _rule(prefix)
        for network in self.networks:
            ipaddress.ip_network(network)

    def check(self, url: str) -> None:
        """Raises UrlRefused unless a rule is the beginning of this URL."""
        asked = _taken_apart(url)
        if not any(_begins(_rule(prefix), asked) for prefix in self.prefixes):
            raise UrlRefused("this address is not among those that may be fetched here")

    def check_address(self, address: str) -> None:
        """Raises UrlRefused for an address that is neither public nor in a listed network."""
        found = ipaddress.ip_address(address.partition("%")[0])
        listed = any(found in ipaddress.ip_network(network) for network in self.networks)
        if not listed and not _is_public(found):
            raise UrlRefused("this host's address is not a public one, and not listed")


def _taken_apart(url: str) -> SplitResult:
    """Raises UrlRefused for what different readers of URLs may take for different things."""
    if len(url) > LONGEST or _UNSAFE.search(url):
        raise UrlRefused(f"an address has at most {LONGEST} characters, no blanks, backslashes or control characters")
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError as error:
        raise UrlRefused("this is no address") from error
    if split.scheme not in (*WEB, *BUCKETS):
        raise UrlRefused(f"an address begins with one of {', '.join((*WEB, *sorted(BUCKETS)))} and ://")
    if not split.hostname or "@" in split.netloc or port == 0:
        raise UrlRefused("an address names a host, and no user or password")
    if split.scheme in WEB and "#" in url:
        raise UrlRefused("an address has no fragment (#)")
    if any(part in (".", "..") for part in re.split(r"[/\\]", unquote(unquote(split.path)))):
        raise UrlRefused("an address has no parts . or ..")
    return split


@functools.lru_cache(maxsize=1024)
def _rule(prefix: str) -> SplitResult:
    """Raises ValueError."""
    try:
        rule = _taken_apart(prefix)
    except UrlRefused as error:
        raise ValueError(
            f"{prefix!r} is no beginning of a URL such as https://media.example/films/: {error}"
        ) from error
    if rule.query:
        raise ValueError(f"{prefix!r} has a query: a rule ends with a host or a folder")
    return rule


def _begins(rule: SplitResult, asked: SplitResult) -> bool:
    return _place(rule) == _place(asked) and f"{unquote(asked.path)}/".startswith(f"{unquote(rule.path).rstrip('/')}/")


def _place(split: SplitResult) -> tuple[str, str, int | None]:
    return split.scheme, str(split.hostname).rstrip("."), split.port or WEB.get(split.scheme)


def _is_public(address: Address) -> bool:
    """None that carries an IPv4 address is: those are reserved, or 6to4's, which nobody needs any more (RFC 7526)."""
    carries = getattr(address, "sixtofour", None) is not None
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special and not carries
