"""Any store that fsspec reaches, by URL: its file system, a file opened for reading, its errors made plain.

It does not know what a file is for, and never caches a listing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import fsspec
from fsspec.core import split_protocol

from pipelines.archive.patience import patiently
from pipelines.archive.url_rules import WEB, UrlRules


class StoreError(OSError):
    """A store cannot be used as asked; the message says which one and what to do. ``errno`` is the cause's,
    if any.
    """

    def __init__(self, message: str, number: int | None = None) -> None:
        super().__init__(message)
        self.errno = number

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[type[StoreError], tuple[str, int | None]]:
        return StoreError, (str(self), self.errno)


def scheme_of(url: str) -> str:
    """What opens a URL or path: ``s3``, ``https``, ``file``."""
    return split_protocol(url)[0] or "file"


def is_local(url: str) -> bool:
    """Whether a URL or path is on this machine's file systems."""
    return scheme_of(url) in ("file", "local")


def load_driver(scheme: str) -> None:
    """Import what opens URLs of this scheme, which may take longer than opening one. Raises what the import does."""
    if scheme in WEB:
        import pipelines.archive.guarded_http  # noqa: F401
    fsspec.get_filesystem_class(scheme)


def local_path(url: str) -> str:
    """The absolute path of a local path or ``file://`` URL; ``~`` is the home folder. Nothing is unquoted."""
    protocol, path = split_protocol(url)
    # Not Path.resolve(): a link keeps the name that the user gave it. Not Path.expanduser(): it raises.
    return os.path.abspath(path if protocol else os.path.expanduser(path))  # noqa: PTH100, PTH111


def filesystem(url: str, rules: UrlRules | None = None) -> tuple[Any, str]:
    """The fsspec file system of a URL, without any cache of listings, and the URL's path within it.

    Unlike ``fsspec.core.url_to_fs`` it takes ``::`` in a name for what it is: part of the name. With ``rules``, nothing
    but what they allow can be opened.

    Raises:
        StoreError: if no file system of this kind is installed.
        UrlRefused: if the rules do not allow it.
    """
    if rules is not None:
        rules.check(url)
        if split_protocol(url)[0] in WEB:
            from pipelines.archive.guarded_http import GuardedHttp  # aiohttp takes a moment to load

            return GuardedHttp(rules), url
    if is_local(url):
        return fsspec.filesystem("file"), local_path(url)
    protocol = split_protocol(url)[0]
    with store_errors(url, "open"):
        kind = fsspec.get_filesystem_class(protocol)
        fs = kind(use_listings_cache=False, **kind._get_kwargs_from_urls(url))
        return fs, kind._strip_protocol(url)


def open_for_reading(url: str, rules: UrlRules | None = None) -> Any:
    """The file behind a URL, opened for reading bytes with seek.

    Raises:
        OSError: if it is not there or cannot be read; UrlRefused if the rules do not allow it.
    """
    fs, path = filesystem(url, rules)
    with store_errors(url, "read"), refusals(fs):
        return patiently(fs.open, path, "rb")


@contextlib.contextmanager
def refusals(fs: Any) -> Iterator[None]:
    """Whatever a guarded file system's refusal has become on its way comes out as the refusal."""
    try:
        yield
    except Exception as error:
        if refused := getattr(fs, "refused", None):
            raise refused from error
        raise


@contextlib.contextmanager
def store_errors(url: str, verb: str) -> Iterator[None]:
    """Whatever a store raises comes out as an OSError; those that already are one pass as they are."""
    try:
        yield
    except OSError:
        raise
    except ImportError as error:
        raise StoreError(f"Cannot {verb} {url}: {error}") from error
    except Exception as error:  # each store's client library has exceptions of its own
        detail = str(error) or type(error).__name__
        raise StoreError(f"Cannot {verb} {url}: {detail}. Check the address and the credentials.") from error
