"""A FAKE of the translation service, for the page's tests: it keeps the API's contract and understands no speech.

It answers with the cues that a test gives it, holds them back when asked, refuses, fails or breaks off.
"""

from __future__ import annotations

import email.parser
import json
import re
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ray_apps.serving import page


def cue(index: int, start: float, end: float, text: str, **other: Any) -> dict[str, Any]:
    """A cue as the service sends it."""
    speed = len(text.replace("\n", "")) / (end - start)
    plain = {"source": "", "score": 0.9, "verdict": "accepted", "reasons": [], "characters_per_second": speed}
    return {"index": index, "start": start, "end": end, "text": text, **plain, **other}


@dataclass(frozen=True)
class Received:
    """A request as it came in."""

    path: str
    fields: dict[str, str]
    names: tuple[str, ...]
    file_name: str
    file_bytes: int
    authorization: str | None


def _received(request: Request, body: bytes) -> Received:
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    parts = email.parser.BytesParser().parsebytes(head + body).get_payload()
    names = [part.get_param("name", header="Content-Disposition") for part in parts]
    content = {name: part.get_payload(decode=True) for name, part in zip(names, parts, strict=True)}
    file = content.pop("file")
    file_name = re.search(rb'name="file"; filename="([^"\r\n]*)"', body)
    return Received(
        path=request.url.path,
        fields={name: value.decode() for name, value in content.items()},
        names=tuple(names),
        file_name=file_name[1].decode() if file_name else "",
        file_bytes=len(file),
        authorization=request.headers.get("Authorization"),
    )


@dataclass
class FakeTranslations:
    """What the fake says, set by a test; before the upload or after so many cues it waits until ``go_on`` is set."""

    cues: list[dict[str, Any]] = field(default_factory=list)
    duration: float = 48.0
    language: str = "tr"
    demo_model: bool = False
    hold_upload: bool = False
    hold_after: int | None = None
    refusal: Response | None = None
    key: str | None = None
    ending: str = "done"
    error: dict[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)
    """Set when the client went away before the end."""

    async def answer(self, request: Request) -> Response:
        if self.hold_upload:
            await self._wait()
        self.received.append(_received(request, await request.body()))
        if refused := self.refusal or self.without_key(request):
            return refused
        return StreamingResponse(self._events(), media_type="text/event-stream; charset=utf-8")

    async def _wait(self) -> None:
        await anyio.to_thread.run_sync(self.go_on.wait, abandon_on_cancel=True)

    def without_key(self, request: Request) -> Response | None:
        wanted = f"Bearer {self.key}" if self.key else request.headers.get("Authorization")
        return None if request.headers.get("Authorization") == wanted else refuse(401, "send a key that is known here")

    async def _events(self) -> AsyncIterator[str]:
        finished = False
        try:
            async for event in self._all():
                yield f"data: {json.dumps(event, ensure_ascii=False)}\n\n"
            finished = True
        finally:
            if not finished:
                self.left.set()

    async def _all(self) -> AsyncIterator[dict[str, Any]]:
        yield {"type": "voxtral.progress", "done_s": 0.0, "duration_s": self.duration}
        for number, each in enumerate(self.cues, start=1):
            yield {"type": "transcript.text.delta", "delta": each["text"] + "\n", "cue": each}
            yield {"type": "voxtral.progress", "done_s": each["end"], "duration_s": self.duration}
            if number == self.hold_after:
                await self._wait()
        if self.ending == "cut":
            raise ConnectionError("the fake breaks off")
        if self.ending == "error":
            yield {"type": "error", "error": self.error}
            return
        fields = self.received[-1].fields
        yield {
            "type": "transcript.text.done",
            "text": "\n".join(each["text"] for each in self.cues),
            "duration": self.duration,
            "language": self.language,
            "target": fields.get("to_language", self.language),
            "demo_model": self.demo_model,
        }


def refuse(status: int, message: str, **headers: str) -> Response:
    """An error as the API shapes it."""
    error = {"message": message, "type": "invalid_request_error", "code": "refused"}
    return JSONResponse({"error": error}, status, headers)


class FakeService:
    """The page over a fake that every test sets anew."""

    def __init__(self) -> None:
        self.says = FakeTranslations()
        self.app = FastAPI()
        page.mount(self.app)
        for route in ("translations", "transcriptions"):
            self.app.add_route(f"/v1/audio/{route}", self._answer, methods=["POST"])
        self.app.add_route("/v1/models", self._models)

    def _models(self, request: Request) -> Response:
        if refused := self.says.without_key(request):
            return refused
        mark = {"demo_model": True} if self.says.demo_model else {}
        return JSONResponse({"object": "list", "data": [{"id": "voxtral", "object": "model", **mark}]})

    async def _answer(self, request: Request) -> Response:
        return await self.says.answer(request)

    @contextmanager
    def running(self) -> Iterator[str]:
        """Its base URL, on a free port of this machine."""
        server = uvicorn.Server(uvicorn.Config(self.app, log_level="error"))
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                self.says.go_on.set()
                server.should_exit = True
                thread.join()
