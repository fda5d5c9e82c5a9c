"""A web site on this machine for tests: files of a folder, whole or by range, and a door that leads elsewhere."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote


class WebSite(http.server.ThreadingHTTPServer):
    """``came`` are the paths that were asked for; ``/moved/...`` answers with another address."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.came = folder, list[str]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @contextmanager
    def running(self) -> Iterator[WebSite]:
        with self:
            threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
            yield self
            self.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: WebSite

    def do_GET(self) -> None:
        self.server.came.append(self.path)
        if self.path.startswith("/moved"):
            self._head(302, 0, Location="/secret")
            return
        try:
            content = (self.server.folder / unquote(self.path).lstrip("/")).read_bytes()
        except OSError:
            self._head(404, 0)
            return
        begin, _, end = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        piece = content[int(begin) : int(end or len(content)) + 1]
        where = f"bytes {begin}-{int(begin) + len(piece) - 1}/{len(content)}"
        self._head(206 if "Range" in self.headers else 200, len(piece), ETag='"1"', **{"Content-Range": where})
        if self.command == "GET":
            self.wfile.write(piece)

    do_HEAD = do_GET

    def _head(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_words: object) -> None: ...
