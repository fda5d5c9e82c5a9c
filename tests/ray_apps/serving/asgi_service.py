"""The application without Ray: its routes and its door, over fake workers, asked as a client would."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2

from ray_apps.serving.app import Served, make_app
from ray_apps.serving.settings import ServeSettings
from tests.ray_apps.serving.fake_workers import CAPABILITIES, FakeWorkers

TRANSLATE, TRANSCRIBE = "/v1/audio/translations", "/v1/audio/transcriptions"
MEDIUM = {"file": ("../../etc/passwd", b"some bytes of sound")}


class Service:
    """An application and its spool folder."""

    def __init__(self, spool: Path, workers: FakeWorkers | None = None, **settings: Any) -> None:
        self.workers = workers or FakeWorkers()
        self.spool = spool
        self.app = make_app(ServeSettings(**settings), Served("small", CAPABILITIES, 2, 4), self.workers, spool)

    def client(self) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")

    def post(self, path: str = TRANSLATE, files: Any = MEDIUM, **more: Any) -> httpx2.Response:
        return self.ask("POST", path, files=files, **more)

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.ask("GET", path, **more)

    def delete(self, path: str, **more: Any) -> httpx2.Response:
        return self.ask("DELETE", path, **more)

    def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        async def ask() -> httpx2.Response:
            async with self.client() as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())
