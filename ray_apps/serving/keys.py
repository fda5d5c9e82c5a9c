"""API keys: made here, kept as hashes in a file, compared in constant time, exchanged while the service runs.

A line of the file is a name, a blank, and the SHA-256 of a key in hex; ``#`` begins a comment. A key has 256 random
bits, which nobody guesses, so a slow password hash would protect nothing more. A file that cannot be read, or that has
a line of another form, lets nobody in.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

PREFIX = "vx-"
_LINE = re.compile(r"(?P<name>\S+)\s+(?P<hash>[0-9a-f]{64})")


class KeysError(OSError):
    """The file of keys cannot be used; the message says why."""


class Keys:
    """Who may ask. The file is read again whenever it has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._hashes: tuple[tuple[str, bytes], ...] = ()

    def owner(self, authorization: str | None) -> str | None:
        """Name of the file's key that ``Authorization`` bears, or None. Raises KeysError.

        Two keys of one name are one owner's, so that a key is exchanged and what was made with it stays hers.
        """
        self._refresh()
        scheme, _, key = (authorization or "").partition(" ")
        offered = hashlib.sha256(key.strip().encode(errors="surrogateescape")).hexdigest().encode()
        # Every hash is looked at, whatever the ones before it said.
        matches = [name for name, known in self._hashes if hmac.compare_digest(offered, known)]
        return matches[0] if scheme.lower() == "bearer" and matches else None

    def _refresh(self) -> None:
        try:
            state = self.path.stat()
            seen = (state.st_mtime_ns, state.st_size, state.st_ino)
            if seen != self._seen:
                self._hashes = _hashes(self.path.read_text(encoding="utf-8"))
                self._seen = seen
        except (OSError, ValueError) as error:
            self._hashes, self._seen = (), None
            raise KeysError(f"the file of keys {self.path} cannot be used: {error}") from error


def _hashes(text: str) -> tuple[tuple[str, bytes], ...]:
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    found = [_LINE.fullmatch(line) for line in lines if line]
    if None in found:
        raise ValueError("a line is not a name and a SHA-256")
    return tuple((match["name"], match["hash"].encode()) for match in found if match)


def add_key(path: Path, name: str) -> str:
    """A new key, whose hash stands in the file from now on; the key itself is kept nowhere.

    Raises KeysError where the file cannot be written, ValueError for a name with blanks.
    """
    if not re.fullmatch(r"[^\s#]+", name):
        raise ValueError(f"{name!r} cannot name a key: take one word")
    key = PREFIX + secrets.token_urlsafe(32)
    line = f"{name} {hashlib.sha256(key.encode()).hexdigest()}\n"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as file:
            file.write(line)
    except OSError as error:
        raise KeysError(f"the key cannot be written to {path}: {error.strerror or error}") from error
    return key
