"""The routes of jobs: asked for, looked at, ended, and their files taken away.

Whoever asked for a job sees it, and nobody else: to others it is not there. Everything that is answered comes from the
job's folder, so any replica of any service on that folder gives the same answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from b200_kernels.checkpoints import UnsupportedPair, check_pair
from b200_kernels.engine import EngineCapabilities
from pipelines.archive.filesystems import open_for_reading
from pipelines.archive.url_rules import UrlRefused
from pipelines.ledger.finished_files import FinishedFile
from pipelines.subtitles.subtitle_files import DEMO_NOTICE
from ray_apps.serving.admission import Admission
from ray_apps.serving.errors import ApiError, invalid, media_message, too_late, unavailable
from ray_apps.serving.jobs.folder import JobFolder, NoSuchJob
from ray_apps.serving.jobs.forms import (
    MANIFEST_BYTES,
    JobForm,
    ManifestForm,
    body_schema,
    check_count,
    job_form,
    manifest,
)
from ray_apps.serving.jobs.records import ENDED, Ask, Status, new_id
from ray_apps.serving.settings import ServeSettings
from ray_apps.serving.uploads import receive_several, spooled_folder

OWNER = "owner"
"""Where the door puts the name of the key that asks."""
_READ_BYTES = 1 << 20
_CONTENT_TYPES = {
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "json": "application/json",
    "ass": "text/x-ssa; charset=utf-8",
    "ssa": "text/x-ssa; charset=utf-8",
    "ttml": "application/ttml+xml",
    "review.csv": "text/csv; charset=utf-8",
}
_WHY_FAILED = {
    "language": "the model that is served does not translate between these languages",
    "gave_up": "its work was begun again and again and ended each time; the service's log says why",
}
_T = TypeVar("_T")


class JobRoutes:
    """``folder`` is None where the configuration names none: every route then says so."""

    def __init__(
        self,
        settings: ServeSettings,
        capabilities: EngineCapabilities,
        check_model: Callable[[str | None], None],
        admission: Admission,
        spool: Path,
    ) -> None:
        self.settings, self.capabilities, self.check_model = settings, capabilities, check_model
        self.admission, self.spool = admission, spool
        self._folder = JobFolder(settings.jobs.folder) if settings.jobs.folder else None
        self._adding = asyncio.Lock()
        self._reading = asyncio.Lock()

    @property
    def folder(self) -> JobFolder:
        """Raises ApiError (501)."""
        if self._folder is None:
            message = "this service has no jobs: its setting `jobs: {folder: ...}` in serve_config.yaml gives it some"
            raise ApiError(501, "jobs_not_configured", message)
        return self._folder

    async def create(self, request: Request) -> Response:
        """A job of what the body names or holds."""
        owner, until = _owner(request), time.monotonic() + self.settings.door.deadline_s
        with contextlib.ExitStack() as stack:
            _ = self.folder
            stack.enter_context(self.admission.admitted())
            await self._asked(lambda: self._check_room(owner))
            try:
                async with asyncio.timeout(until - time.monotonic()):
                    form, files = await self._arrived(request, stack)
            except TimeoutError as error:
                raise too_late() from error
            listed = form.media if isinstance(form, ManifestForm) else ()
            ask = await asyncio.to_thread(self._ask, form, owner, len(listed) + len(files))
            async with self._adding:
                await self._asked(lambda: self._check_room(owner))
                await self._asked(lambda: self.folder.add(ask, [medium.row for medium in listed], files))
        return JSONResponse(self._told(ask, Status()), 202, headers={"Location": f"/v1/jobs/{ask.id}"})

    async def _arrived(self, request: Request, stack: contextlib.ExitStack) -> tuple[JobForm, list[Path]]:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
            body = await _whole(request.stream())
            async with self._reading:  # one at a time: what JSON becomes is many times as large as its bytes
                return await asyncio.to_thread(manifest, body, self.settings.jobs.media), []
        folder = stack.enter_context(spooled_folder(self.spool))
        uploads = await receive_several(request.stream(), dict(request.headers), folder, self.settings.door)
        check_count(len(uploads.files), self.settings.jobs.media)
        return job_form(uploads.fields), uploads.files

    def _ask(self, form: JobForm, owner: str, media: int) -> Ask:
        """Raises ApiError for what could never be done."""
        jobs = self.settings.jobs
        self.check_model(form.model)
        source, targets = form.language or self.settings.source_code, form.to_language or (self.settings.target_code,)
        self._check_pairs(source, targets, "to_language")
        if isinstance(form, ManifestForm):
            for number, medium in enumerate(form.media):
                try:
                    jobs.rules.check(medium.url)
                except UrlRefused as error:
                    raise invalid(f"media.{number}.url: {error}", f"media.{number}.url", "url_not_allowed") from error
                pair = medium.language or source, medium.to_language or targets
                self._check_pairs(*pair, f"media.{number}")
        return Ask(
            id=new_id(),
            owner=owner,
            source=source,
            targets=tuple(dict.fromkeys(targets)),
            formats=tuple(dict.fromkeys(form.formats)),
            urls=isinstance(form, ManifestForm),
            media=media,
        )

    def _check_pairs(self, source: str | None, targets: tuple[str, ...], param: str) -> None:
        for target in targets if source else ():
            try:
                check_pair(self.capabilities, str(source), target)
            except UnsupportedPair as error:
                raise invalid(f"{param}: {str(error).split(':')[0]}", param, "unsupported_language") from error

    def _check_room(self, owner: str) -> None:
        """Raises ApiError (429)."""
        jobs = self.settings.jobs
        owners = [self.folder.owner(job) for job in self.folder.ids() if self.folder.is_open(job)]
        bounds = [(len(owners), jobs.open, "")]
        if self.settings.keys_file:
            bounds.append((owners.count(owner), jobs.open_a_key, " of this key"))
        for count, most, whose in bounds:
            if count >= most:
                message = f"{count} jobs{whose} are open, which is as many as may be; try again when one has ended"
                raise ApiError(429, "too_many_jobs", message, retry_after_s=self.settings.door.retry_after_s)

    async def listed(self, request: Request, limit: int, after: str | None) -> dict[str, Any]:
        """The owner's jobs, the newest first."""
        owner = _owner(request)

        def page() -> tuple[list[dict[str, Any]], bool]:
            jobs = [job for job in reversed(self.folder.ids()) if self.folder.owner(job) == owner]
            jobs = [job for job in jobs if job < after] if after else jobs
            return [self._found(owner, job) for job in jobs[:limit]], len(jobs) > limit

        data, more = await self._asked(page)
        return {"object": "list", "data": data, "has_more": more}

    async def one(self, request: Request, job: str) -> dict[str, Any]:
        return await self._asked(lambda: self._found(_owner(request), job))

    async def delete(self, request: Request, job: str) -> dict[str, Any]:
        """End a job that is open; take away one that has ended."""

        def end() -> dict[str, Any]:
            self._found(_owner(request), job)
            if self.folder.is_open(job):
                self.folder.cancel(job)
                return self._found(_owner(request), job)
            self.folder.remove(job)
            return {"id": job, "object": "job.deleted", "deleted": True}

        return await self._asked(end)

    async def results(self, request: Request, job: str) -> dict[str, Any]:
        files = await self._asked(lambda: self._files(_owner(request), job))
        return {
            "object": "list",
            "data": [
                {
                    "object": "job.result",
                    "name": file.path,
                    "medium": file.medium,
                    "language": file.language,
                    "format": file.format,
                    "url": f"/v1/jobs/{job}/results/{quote(file.path)}",
                }
                for file in files
            ],
        }

    async def result(self, request: Request, job: str, name: str) -> Response:
        """A file, if it is one of those that the job lists: its name is compared with theirs, and is no path."""

        def opened() -> tuple[FinishedFile, int, Any]:
            found = next((file for file in self._files(_owner(request), job) if file.path == name), None)
            if found is None:
                raise NoSuchJob(name)
            work = self.folder.work(job)
            return found, work.size(found.path), open_for_reading(work.url_of(found.path))

        file, size, content = await self._asked(opened)
        headers = {
            "Content-Type": _CONTENT_TYPES[file.format],
            "Content-Length": str(size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.path.rpartition('/')[2], safe='')}",
        }
        return StreamingResponse(_pieces(content), headers=headers)

    def _files(self, owner: str, job: str) -> tuple[FinishedFile, ...]:
        self._found(owner, job)
        return self.folder.results(job)

    def _found(self, owner: str, job: str) -> dict[str, Any]:
        """Raises NoSuchJob, also for somebody else's."""
        ask = self.folder.ask(job)
        if ask.owner != owner:
            raise NoSuchJob(job)
        return self._told(ask, self.folder.status(job).model_copy(update={"state": self.folder.state(job)}))

    def _told(self, ask: Ask, status: Status) -> dict[str, Any]:
        failed = {"code": status.code, "message": _WHY_FAILED[status.code]} if status.code else None
        demo = {"demo_model": True, "notice": DEMO_NOTICE} if self.capabilities.demo_model else {}
        return {
            "id": ask.id,
            "object": "job",
            "status": status.state,
            "created_at": ask.created_at,
            "started_at": status.started_at and int(status.started_at),
            "ended_at": status.ended_at and int(status.ended_at),
            "language": ask.source,
            "to_language": list(ask.targets),
            "formats": list(ask.formats),
            "media": {
                "total": status.media_total or ask.media,
                "done": status.media_done,
                "failed": status.media_failed if status.state in ENDED else status.errors,
            },
            "shards": {"total": status.shards_total, "done": status.shards_done},
            "audio_seconds": round(status.audio_s, 3),
            "seconds": round(status.seconds, 3),
            "needs_review": status.needs_review,
            "errors": [
                {"medium": problem.medium, "code": problem.code, "message": media_message(problem.code)}
                for problem in status.problems
            ],
            "error": failed,
            **demo,
        }

    async def _asked(self, work: Callable[[], _T]) -> _T:
        """Work that may wait for the store, in a thread, its errors told as the API tells them."""
        try:
            return await asyncio.to_thread(work)
        except (NoSuchJob, FileNotFoundError) as error:  # the latter of one that is being removed just now
            raise ApiError(404, "not_found", "there is no such job or file here") from error
        except OSError as error:
            raise unavailable("jobs cannot be looked up just now", self.settings.door.retry_after_s) from error


def _owner(request: Request) -> str:
    return str(request.scope.get("state", {}).get(OWNER, ""))


async def _whole(body: AsyncIterator[bytes]) -> bytes:
    received = bytearray()
    async for block in body:
        received += block
        if len(received) > MANIFEST_BYTES:
            raise ApiError(413, "too_large", f"a list of addresses may have {MANIFEST_BYTES} bytes")
    return bytes(received)


def _pieces(content: Any) -> Iterator[bytes]:
    with content:
        while piece := content.read(_READ_BYTES):
            yield piece


def add_job_routes(app: FastAPI, jobs: JobRoutes, responses: dict[int | str, dict[str, Any]]) -> None:
    """``responses`` are the errors that any of them may answer."""
    found = responses | {404: {"description": "see `error`"}}
    listing = responses | {400: {"description": "see `error`"}}
    refused = (400, 404, 413, 415, 422, 429, 504)
    posted: dict[int | str, dict[str, Any]] = {status: {"description": "see `error`"} for status in refused}

    @app.post(
        "/v1/jobs",
        status_code=202,
        response_class=JSONResponse,
        responses=responses | posted,
        openapi_extra={"requestBody": body_schema()},
    )
    async def create_job(request: Request) -> Response:
        """Subtitles for many media: a JSON list of their addresses, or a form with the media themselves."""
        return await jobs.create(request)

    @app.get("/v1/jobs", responses=listing)
    async def list_jobs(
        request: Request, limit: Annotated[int, Query(ge=1, le=100)] = 20, after: Annotated[str | None, Query()] = None
    ) -> dict[str, Any]:
        """Your jobs, the newest first; ``after`` is the id of the last one that you have seen."""
        return await jobs.listed(request, limit, after)

    @app.get("/v1/jobs/{job}", responses=found)
    async def get_job(request: Request, job: str) -> dict[str, Any]:
        """How far a job is."""
        return await jobs.one(request, job)

    @app.delete("/v1/jobs/{job}", responses=found)
    async def delete_job(request: Request, job: str) -> dict[str, Any]:
        """End a job at work, and keep what is finished of it; take away a job that has ended, with its files."""
        return await jobs.delete(request, job)

    @app.get("/v1/jobs/{job}/results", responses=found)
    async def list_results(request: Request, job: str) -> dict[str, Any]:
        """The files of the media that are finished, while it works too."""
        return await jobs.results(request, job)

    @app.get("/v1/jobs/{job}/results/{name:path}", responses=found, response_class=Response)
    async def get_result(request: Request, job: str, name: str) -> Response:
        """One of these files."""
        return await jobs.result(request, job, name)
