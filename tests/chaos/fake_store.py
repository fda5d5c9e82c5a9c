"""A fake store, ``faulty:///path``: the local disk behind fsspec, with a kill point at every call.

fsspec finds it through an entry point (:func:`write_entry_point`), as it finds any store's driver, so the product is
run as it is. A write is whole or not at all and may be conditional, as on S3.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any, ClassVar

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from tests.chaos.fake_faults import meet

SCHEME = "faulty"


class FakeFaultyStore(AbstractFileSystem):
    """What the product's ``Store`` calls, each call a kill point."""

    protocol: ClassVar[str] = SCHEME
    root_marker = "/"
    disk = LocalFileSystem(auto_mkdir=True)

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return str(path).removeprefix(f"{SCHEME}://").rstrip("/") or "/"

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        return self.disk.ls(self._strip_protocol(path), detail=detail)

    def info(self, path: str, **kwargs: Any) -> Any:
        with meet("store.look", self._strip_protocol(path)):
            return self.disk.info(self._strip_protocol(path))

    def find(
        self, path: str, maxdepth: int | None = None, withdirs: bool = False, detail: bool = False, **_: Any
    ) -> Any:
        with meet("store.list", self._strip_protocol(path)):
            return self.disk.find(self._strip_protocol(path), maxdepth, withdirs, detail=detail)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        with meet("store.read", self._strip_protocol(path)):
            return Path(self._strip_protocol(path)).read_bytes()[start:end]

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        target = Path(self._strip_protocol(path))
        with meet("store.write", str(target)):
            target.parent.mkdir(parents=True, exist_ok=True)
            new = target.with_name(f".{uuid.uuid4().hex}.voxtral-tmp")
            new.write_bytes(value)
            try:
                if mode == "create":
                    os.link(new, target)
                else:
                    new.replace(target)
            finally:
                new.unlink(missing_ok=True)

    def rm_file(self, path: str) -> None:
        with meet("store.delete", self._strip_protocol(path)):
            Path(self._strip_protocol(path)).unlink()

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        with meet("store.open", self._strip_protocol(path)):
            return Path(self._strip_protocol(path)).open(mode)


def write_entry_point(folder: Path) -> Path:
    """A folder for PYTHONPATH that makes fsspec know the fake store in every process."""
    about = folder / "fake_store-1.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-store\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[fsspec.specs]\n{SCHEME} = {__name__}:{FakeFaultyStore.__name__}\n")
    return folder
