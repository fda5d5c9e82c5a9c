"""The page at ``/``: a person drops a film and watches its subtitles appear.

Plain HTML, CSS and JavaScript from this folder, handed out by the app that serves the API (:func:`mount`). The
page speaks to that API alone, and its policy lets it do nothing else: no inline script, no other host, no text ever
read as markup. This module knows nothing about translations, keys or limits.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "media-src blob:",  # the player shows the file that was chosen, from the visitor's own disk
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Kept by the browser, asked for each time: a new version of the service never runs with an old page.
    "Cache-Control": "no-cache",
}


def mount(app: FastAPI) -> None:
    """Add ``/`` and ``/page/{name}`` to an app. They take no key and stay out of the OpenAPI document."""
    files = _files()

    def index(request: Request) -> Response:
        return _answer(request, files["index.html"])

    def asset(request: Request) -> Response:
        found = files.get(request.path_params["name"])
        return _answer(request, found) if found else PlainTextResponse("Not found\n", 404)

    app.add_route("/", index, include_in_schema=False)
    app.add_route("/page/{name}", asset, include_in_schema=False)


def _files() -> dict[str, tuple[bytes, str]]:
    """Name -> content and its type, of everything here that a browser may have."""
    return {
        path.name: (path.read_bytes(), CONTENT_TYPES[path.suffix])
        for path in Path(__file__).parent.iterdir()
        if path.suffix in CONTENT_TYPES
    }


def _answer(request: Request, file: tuple[bytes, str]) -> Response:
    content, content_type = file
    headers = HEADERS | {"ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"'}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=content_type)
