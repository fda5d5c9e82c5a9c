"""The routes: OpenAI's audio API, and whether the service lives. No engine, no media: :mod:`work` asks for both.

A request passes the door in this order: key, room, bytes as they come, fields; then it waits for a slot. Whatever goes
wrong is told in OpenAI's shape, without a word of the inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import re
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from b200_kernels.checkpoints import UnsupportedPair
from b200_kernels.engine import EngineCapabilities
from pipelines.media.media_error import MediaError
from pipelines.records import TO_IDENTIFY, Cue
from ray_apps import metered
from ray_apps.serving import answers, page
from ray_apps.serving.admission import Admission
from ray_apps.serving.errors import ApiError, invalid, of_medium, too_late, unavailable
from ray_apps.serving.forms import TranscriptionForm, TranslationForm, body_schema, parsed
from ray_apps.serving.jobs.routes import OWNER, JobRoutes, add_job_routes
from ray_apps.serving.keys import Keys, KeysError
from ray_apps.serving.prompt_terms import prompt_header, wanted_terms
from ray_apps.serving.settings import ServeSettings
from ray_apps.serving.uploads import FILE, Upload, receive, spooled
from ray_apps.serving.work import Asked, Done, Progress, Tell, Work
from ray_apps.serving.workers import Unavailable, Workers
from ray_apps.translator import Wishes

log = logging.getLogger("ray.serve")

OPEN_ROUTES = ("/", "/healthz", "/readyz", "/openapi.json")
OPEN_FOLDER = "/page/"
"""What asks for no key; everything else does, so that a path which nobody thought of is closed."""
_READY_S = 5.0
_KEEP_ALIVE_S = 15.0
_ERRORS = {400, 401, 404, 413, 415, 422, 429, 500, 501, 503, 504}


@dataclass(frozen=True)
class Served:
    """What the builder found out of the model; ``name`` is what requests call it."""

    name: str
    capabilities: EngineCapabilities
    translators: int
    """At most."""
    windows_in_flight: int


def make_app(settings: ServeSettings, served: Served, workers: Workers, spool: Path) -> FastAPI:
    """The ASGI application. ``spool`` is the folder of uploads, which the workers can read."""
    app = FastAPI(
        title="Voxtral",
        description="Speech in, subtitles in another language out; OpenAI's audio API.",
        version="1",
        docs_url=None,
        redoc_url=None,
    )
    service = _Service(settings, served, workers, spool)
    app.state.service = service
    app.add_middleware(_Door, keys=Keys(Path(settings.keys_file)) if settings.keys_file else None, settings=settings)
    _tell_errors(app)
    _add_routes(app, service)
    page.mount(app)
    return app


def _add_routes(app: FastAPI, service: _Service) -> None:
    responses: dict[int | str, dict[str, Any]] = {status: {"description": "see `error`"} for status in _ERRORS}

    @app.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> str:
        """The ingress lives."""
        return "ok\n"

    @app.get("/readyz", response_class=PlainTextResponse, responses={503: {"description": "not ready"}})
    async def readyz() -> str:
        """A medium would be heard and translated: a replica of each kind answers."""
        await service.ready()
        return "ready\n"

    @app.get("/v1/models", responses={401: responses[401]})
    async def models() -> dict[str, Any]:
        """The one model that is served."""
        return {"object": "list", "data": [service.model()]}

    @app.get("/v1/models/{model:path}", responses={401: responses[401], 404: {"description": "see `error`"}})
    async def model(model: str) -> dict[str, Any]:
        """The model that is served."""
        service.check_model(model)
        return service.model()

    @app.post(
        "/v1/audio/transcriptions",
        responses=responses,
        openapi_extra={"requestBody": body_schema(TranscriptionForm)},
        response_class=Response,
    )
    async def transcriptions(request: Request) -> Response:
        """What is said, in the language in which it is said."""
        return await service.texts(request, TranscriptionForm, "transcribe")

    @app.post(
        "/v1/audio/translations",
        responses=responses,
        openapi_extra={"requestBody": body_schema(TranslationForm)},
        response_class=Response,
    )
    async def translations(request: Request) -> Response:
        """What is said, in another language."""
        return await service.texts(request, TranslationForm, "translate")

    add_job_routes(app, service.jobs, {status: responses[status] for status in (401, 501, 503)})


class _Service:
    """What the routes share."""

    def __init__(self, settings: ServeSettings, served: Served, workers: Workers, spool: Path) -> None:
        self.settings, self.served, self.workers, self.spool = settings, served, workers, spool
        self.admission = Admission(settings.door)
        self.began = int(time.time())
        self._able: EngineCapabilities | None = None
        self.work = Work(
            workers=workers,
            capabilities=served.capabilities,
            media=settings.media,
            cues=settings.cues,
            shard_s=settings.windows.shard_s,
            translators=served.translators,
            windows_in_flight=served.windows_in_flight,
        )
        self.jobs = JobRoutes(settings, served.capabilities, self.check_model, self.admission, spool)

    @property
    def demo_model(self) -> bool:
        return self.served.capabilities.demo_model

    @property
    def headers(self) -> dict[str, str]:
        """Of every answer that has texts."""
        return {answers.DEMO_HEADER: "true"} if self.demo_model else {}

    def model(self) -> dict[str, Any]:
        mark = {"demo_model": True} if self.demo_model else {}
        return {
            "id": self.served.name,
            "object": "model",
            "created": self.began,
            "owned_by": "voxtral-b200",
            "languages": sorted(self.served.capabilities.languages),
            **mark,
        }

    def check_model(self, name: str | None) -> None:
        if name and name != self.served.name:
            message = f"there is no such model here; {self.served.name} is served"
            raise ApiError(404, "model_not_found", message, param="model")

    async def ready(self) -> EngineCapabilities:
        """What the translators can do. Raises ApiError (503)."""
        retry = self.settings.door.retry_after_s
        try:
            async with asyncio.timeout(_READY_S):
                return await self.workers.capabilities()
        except (Unavailable, TimeoutError) as error:
            raise unavailable("not ready", retry) from error

    async def _engine(self) -> EngineCapabilities:
        """What the translators can do, which never changes: asked once. Raises ApiError (503)."""
        if self._able is None:
            self._able = await self.ready()
        return self._able

    async def texts(self, request: Request, kind: type[TranscriptionForm], task: str) -> Response:
        """The answer to a request with a medium."""
        until = time.monotonic() + self.settings.door.deadline_s
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(self.admission.admitted())
            path = self._spooled(stack)
            upload, form = await self._arrived(request, kind, path, until)
            asked = await self._asked(upload, form)
            headers = self.headers | prompt_header(form.prompt, asked.target)
            if form.stream:
                headers |= {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
                return _Stream(self._events(asked, until), stack.pop_all(), headers)
            working = asyncio.create_task(self._worked(asked, until))
            done = await _unless_gone(request, working)
            content = await asyncio.to_thread(answers.answer, done, form, task, self.demo_model)
            content.headers.update(headers)
            return content
        raise AssertionError("not reached")

    def _spooled(self, stack: contextlib.AsyncExitStack) -> Path:
        """A file for the upload, as long as the stack holds it. Raises ApiError."""
        try:
            return stack.enter_context(spooled(self.spool))
        except OSError as error:
            raise self._no_room(error) from error

    def _no_room(self, error: OSError) -> ApiError:
        log.error("uploads cannot be kept in %s: %s", self.spool, error)
        return unavailable("there is no room for uploads just now", self.settings.door.retry_after_s)

    async def _arrived(
        self, request: Request, kind: type[TranscriptionForm], path: Path, until: float
    ) -> tuple[Upload, TranscriptionForm]:
        try:
            async with asyncio.timeout(until - time.monotonic()):
                upload = await receive(request.stream(), dict(request.headers), path, self.settings.door)
        except TimeoutError as error:
            raise too_late() from error
        except OSError as error:
            raise self._no_room(error) from error
        form = parsed(kind, upload.fields)
        self.check_model(form.model)
        return upload, form

    async def _asked(self, upload: Upload, form: TranscriptionForm) -> Asked:
        target = None
        if isinstance(form, TranslationForm):
            target = form.to_language or self.settings.target_code
        source = self.settings.source_code if form.language is None else form.language
        source = None if source == TO_IDENTIFY else source
        if "word" in form.timestamp_granularities and (target or not (await self._engine()).token_timings):
            raise invalid("word times are not to be had of this model and task", "timestamp_granularities[]")
        wishes = Wishes(form.temperature, wanted_terms(form.prompt, target).terms)
        return Asked(str(upload.path), upload.size, upload.sha256, source, target, wishes)

    async def _worked(self, asked: Asked, until: float, tell: Tell | None = None) -> Done:
        """The work, within its time, its errors told as the API tells them."""
        retry = self.settings.door.retry_after_s
        try:
            async with asyncio.timeout(until - time.monotonic()), self.admission.working():
                done = await self.work.run(asked, until - time.monotonic(), tell)
                metered.translated(done.medium)
                return done
        except MediaError as error:
            raise of_medium(error.failure, retry) from error
        except UnsupportedPair as error:
            raise invalid(str(error).split(":")[0], "language", "unsupported_language") from error
        except Unavailable as error:
            raise unavailable("no worker could do it just now", retry) from error
        except TimeoutError as error:
            raise too_late() from error
        except OSError as error:
            log.exception("a request could not be worked on")
            raise unavailable("the upload cannot be read just now", retry) from error
        except ValueError as error:
            log.exception("a request was refused by the engine")
            raise ApiError(422, "refused", "the model cannot take this medium", param=FILE) from error

    async def _events(self, asked: Asked, until: float) -> AsyncGenerator[bytes, None]:
        """Server-sent events, as docs/serving.md lists them."""
        events: asyncio.Queue[bytes | None] = asyncio.Queue()

        async def tell(news: Progress | Cue) -> None:
            made = answers.progress_event(news) if isinstance(news, Progress) else answers.cue_event(news)
            events.put_nowait(answers.event(made))

        async def work() -> None:
            try:
                done = await self._worked(asked, until, tell)
                events.put_nowait(answers.event(answers.done_event(done, self.demo_model)))
            except ApiError as error:
                metered.failed(error.code)
                events.put_nowait(answers.event({"type": "error", **error.body}))
            except Exception:
                metered.failed(_own_fault().code)
                log.exception("a streamed request failed")
                events.put_nowait(answers.event({"type": "error", **_own_fault().body}))
            finally:
                events.put_nowait(None)

        working = asyncio.create_task(work())
        try:
            while (made := await _within(_KEEP_ALIVE_S, events)) is not None:
                yield made
        finally:
            await _ended(working)


async def _within(seconds: float, events: asyncio.Queue[bytes | None]) -> bytes | None:
    """The next event, or a comment for those between here and the client who close what is silent."""
    try:
        async with asyncio.timeout(seconds):
            return await events.get()
    except TimeoutError:
        return b": at work\n\n"


class _Stream(StreamingResponse):
    """Server-sent events; what the request holds is given back when they end, not when its handler does."""

    def __init__(
        self, events: AsyncGenerator[bytes, None], held: contextlib.AsyncExitStack, headers: dict[str, str]
    ) -> None:
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._events, self._held = events, held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held, contextlib.aclosing(self._events):
            await super().__call__(scope, receive, send)


async def _unless_gone(request: Request, working: asyncio.Task[Done]) -> Done:
    """The work's result, unless the client goes away first: then the work ends."""
    leaving = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        await _ended(leaving)
        await _ended(working)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _ended(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task


def _own_fault() -> ApiError:
    return ApiError(500, "internal", "something went wrong here; it has been noted")


def _tell_errors(app: FastAPI) -> None:
    """Every error in OpenAI's shape."""

    @app.exception_handler(ApiError)
    async def of_ours(_request: Request, error: ApiError) -> Response:
        return _response(error)

    @app.exception_handler(RequestValidationError)
    async def of_parameters(_request: Request, error: RequestValidationError) -> Response:
        problem = error.errors()[0]
        name = str(problem["loc"][-1])
        return _response(invalid(f"{name}: {problem['msg']}", name))

    @app.exception_handler(HTTPException)
    async def of_routing(_request: Request, error: HTTPException) -> Response:
        made = _response(
            ApiError(error.status_code, "not_found" if error.status_code == 404 else "bad_request", str(error.detail))
        )
        made.headers.update(error.headers or {})
        return made

    @app.exception_handler(ClientDisconnect)
    async def of_leaving(_request: Request, _error: ClientDisconnect) -> Response:
        return Response(status_code=499)  # nobody reads it

    @app.exception_handler(Exception)
    async def of_ourselves(_request: Request, error: Exception) -> Response:
        log.error("a request failed", exc_info=error)
        return _response(_own_fault())


def _response(error: ApiError) -> Response:
    return JSONResponse(error.body, error.status, headers=error.headers)


class _Door:
    """Before any route: who asks, and from where. Plain ASGI, so that bodies and streams pass untouched."""

    def __init__(self, app: ASGIApp, keys: Keys | None, settings: ServeSettings) -> None:
        self.app, self.keys, self.settings = app, keys, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with _Counted(scope, send) as counted:
            try:
                scope.setdefault("state", {})[OWNER] = self._admitted(scope)
            except ApiError as refusal:
                await _response(refusal)(scope, receive, counted.send)
                return
            await self.app(scope, receive, _with_headers(counted.send))

    def _admitted(self, scope: Scope) -> str:
        """Name of the key that asks, empty where none is asked for. Raises ApiError."""
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
        if path in OPEN_ROUTES or path.startswith(OPEN_FOLDER):
            return ""
        if headers.get(b"sec-fetch-site") == "cross-site":
            raise ApiError(403, "cross_site", "pages of other sites may not ask this service")
        if self.keys is None:
            host, origin = headers.get(b"host", ""), headers.get(b"origin")
            # Over plain HTTP a browser sends no Sec-Fetch-Site, but always a form's origin.
            if origin is not None and _is_elsewhere(origin, host, self.settings.hosts):
                raise ApiError(403, "cross_site", "pages of other sites may not ask this service")
            if _is_known(host, self.settings.hosts):
                return ""
            raise ApiError(403, "unknown_host", "this service is not reached by that name; its setting `hosts` adds it")
        try:
            owner = self.keys.owner(headers.get(b"authorization"))
        except KeysError as error:
            log.exception("nobody is let in")
            raise unavailable("keys cannot be checked just now", self.settings.door.retry_after_s) from error
        if owner is None:
            raise ApiError(401, "invalid_api_key", "send a key that is known here: Authorization: Bearer KEY")
        return owner


def _is_elsewhere(origin: str, host: str, names: tuple[str, ...]) -> bool:
    """Whether a page comes from neither the host that is asked nor a name under which the service is reached."""
    with contextlib.suppress(ValueError):
        page = urlsplit(origin)
        return page.netloc != host and page.hostname not in {name.lower() for name in names}
    return True


def _is_known(host: str, names: tuple[str, ...]) -> bool:
    """Addresses, localhost and the names that were told: any other name may be a site's own, pointed at this machine
    to let its page use a service without keys (DNS rebinding).
    """
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    name = name.strip("[]").lower()
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return name == "localhost" or name in {known.lower() for known in names}


class _Counted:
    """A request on its way, told to the metrics when it ends. Who goes away before an answer counts as 499."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send

    def __enter__(self) -> _Counted:
        self._began, self._status = time.monotonic(), 499
        return self

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        await self._send(message)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        # An error that nobody caught is answered outside of this, with a 500.
        status = 500 if isinstance(error, Exception) else self._status
        route = getattr(self._scope.get("route"), "path", "none")
        metered.request(route, status, time.monotonic() - self._began)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
        await send(message)

    return sending
