"""The actor class behind HTTP: send a medium, get its subtitles.

    serve run serve_config.yaml
    curl --data-binary @film.mp4 'http://127.0.0.1:8000/subtitles?format=srt'

The same listening, translator, cues and files as the batch job's. It is the smallest useful server: one route, a limit
on bytes counted as they arrive, answers whole. It has no keys and binds to this machine alone.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from b200_kernels.checkpoints import check_pair, default_model, open_checkpoint
from b200_kernels.ops.vad import SileroVad
from pipelines.languages import language_code
from pipelines.media.decode import probe
from pipelines.media.media_error import MediaError
from pipelines.records import Medium, PartWindow
from pipelines.settings import CueSettings, MediaLimits, VadSettings, WindowSettings
from pipelines.speech.listen import listen
from pipelines.speech.shards import cut_into_shards
from pipelines.subtitles.cues import make_cues
from pipelines.subtitles.subtitle_files import render
from ray_apps.plan import this_machine
from ray_apps.translator import TranslatorSettings, VoxtralTranslator

CONTENT_TYPES = {"srt": "text/plain", "vtt": "text/vtt", "json": "application/json"}


class ServeSettings(BaseModel):
    """``args`` in serve_config.yaml. Languages are names or codes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = "Turkish"
    target: str = "French"
    model: str | None = None
    max_upload_bytes: int = Field(2 * 2**30, gt=0)
    max_ongoing_requests: int = Field(4, gt=0)


class TooLarge(ValueError):
    """The upload is larger than the server takes."""


class SubtitleServer:
    """Media in, subtitles out; owns a :class:`VoxtralTranslator`."""

    def __init__(self, settings: ServeSettings, translator: VoxtralTranslator | None = None) -> None:
        self.settings = settings
        self.source, self.target = language_code(settings.source), language_code(settings.target)
        self.detector = SileroVad()
        self.translator = translator or VoxtralTranslator(TranslatorSettings(model=settings.model))
        self.window_s = self.translator.engine.capabilities.window_s

    async def __call__(self, request: Request) -> Response:
        if request.url.path == "/healthz":
            return PlainTextResponse("ok")
        if request.url.path != "/subtitles" or request.method != "POST":
            return PlainTextResponse("POST a medium to /subtitles?format=srt|vtt|json\n", 404)
        fmt = request.query_params.get("format", "srt")
        if fmt not in CONTENT_TYPES:
            return PlainTextResponse(f"format is one of {', '.join(CONTENT_TYPES)}\n", 400)
        with tempfile.NamedTemporaryFile(prefix="voxtral-upload-") as file:
            try:
                await self._receive(request, file)
                data = await self.subtitles(Path(file.name), fmt)
            except TooLarge as error:
                return PlainTextResponse(f"{error}\n", 413)
            except MediaError as error:
                return PlainTextResponse(f"{error.failure.kind}: this is no medium that can be heard\n", 422)
        return Response(data, media_type=f"{CONTENT_TYPES[fmt]}; charset=utf-8")

    async def _receive(self, request: Request, file: Any) -> None:
        """The body to a file, counted as it arrives."""
        received = 0
        async for block in request.stream():
            received += len(block)
            if received > self.settings.max_upload_bytes:
                raise TooLarge(f"a medium may have {self.settings.max_upload_bytes} bytes here")
            file.write(block)
        file.flush()

    async def subtitles(self, path: Path, fmt: str) -> bytes:
        """One medium's subtitle file. Raises MediaError."""
        limits, windows = MediaLimits(), WindowSettings()
        found = await run_in_threadpool(probe, str(path), limits, None, self.source)
        medium = Medium(
            id="upload",
            url=str(path),
            name="upload",
            size=path.stat().st_size,
            version="",
            duration_s=found.duration_s,
            container=found.container,
            audio_stream=found.audio_stream,
        )
        texts: list[PartWindow] = []
        for shard in cut_into_shards(medium, windows.shard_s, self.source, (self.target,)):
            heard = await run_in_threadpool(listen, shard, limits, VadSettings(), windows, self.window_s, self.detector)
            done = await self.translator.translate(heard.windows, self.source, (self.target,), shard.name)
            texts += done.windows
        cues = make_cues(texts, self.target, CueSettings(), medium.duration_s or None)
        return render(fmt, cues, medium, self.target, self.translator.engine.capabilities.demo_model)


def build(args: dict[str, Any]) -> serve.Application:
    """The application of serve_config.yaml: resources by the hardware, settings from ``args``."""
    settings = ServeSettings.model_validate(args)
    accelerator = this_machine()
    model = settings.model or default_model(accelerator.has_gpu)
    checkpoint = open_checkpoint(model)
    check_pair(checkpoint.capabilities, language_code(settings.source), language_code(settings.target))
    deployment = serve.deployment(
        name="SubtitleServer",
        max_ongoing_requests=settings.max_ongoing_requests,
        ray_actor_options={"num_gpus": 1 if accelerator.has_gpu else 0, "num_cpus": 1},
    )(SubtitleServer)
    return deployment.bind(settings.model_copy(update={"model": model}))
