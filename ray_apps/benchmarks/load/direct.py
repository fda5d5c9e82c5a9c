"""The service's work without HTTP, Serve and Ray: its functions and its actor class, called in plain processes.

As many processes as the service has translators, with as many threads each. Every one prepares the media of the clips
that it takes, several at a time, and all take from one list. What is timed is all that the ingress asks for, from a
file on disk to the answer's body.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import queue
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier

from b200_kernels.engine import EngineCapabilities
from pipelines.records import Medium, Shard, Window
from pipelines.settings import MediaLimits
from pipelines.speech.listen import Listened
from ray_apps.benchmarks.load.answers import Answer
from ray_apps.benchmarks.load.clips import Clip
from ray_apps.serve_app import planned, translator_settings
from ray_apps.serving.answers import answer
from ray_apps.serving.forms import TranslationForm
from ray_apps.serving.settings import ServeSettings
from ray_apps.serving.work import Asked, Work
from ray_apps.serving.workers import MediaPreparation, Opened
from ray_apps.translator import Translation, TranslatorSettings, VoxtralTranslator, Wishes

_LOOK_S = 5.0
"""Without an answer, before it is looked whether everybody lives."""
_WINDOWS = 64
"""In flight of one process: at least eight of every clip, and none has more."""


@dataclass(frozen=True)
class DirectPlan:
    """How the service would run here."""

    settings: ServeSettings
    actor: TranslatorSettings
    window_s: float
    processes: int


def direct_plan(settings: ServeSettings) -> DirectPlan:
    """What the service would be given by the Ray that is joined."""
    checkpoint, recipe, resources = planned(settings)
    actor = translator_settings(settings, checkpoint, recipe, resources)
    return DirectPlan(settings, actor, recipe.window_s, resources.max_actors)


def run_direct(plan: DirectPlan, clips: Sequence[Clip], requests: int, at_once: int) -> list[Answer]:
    """Translate the clips in turn, so many ``requests``, ``at_once`` over all processes. Starting is not timed."""
    spawn = multiprocessing.get_context("spawn")
    taken, begin, told = spawn.Value("i", 0), spawn.Barrier(plan.processes), spawn.Queue()
    each = -(-at_once // plan.processes)
    processes = [
        spawn.Process(target=_process, args=(plan, tuple(clips), requests, each, taken, begin, told), daemon=True)
        for _ in range(plan.processes)
    ]
    for process in processes:
        process.start()
    try:
        answers: list[Answer] = []
        while len(answers) < requests:
            try:
                answers.append(told.get(timeout=_LOOK_S))
            except queue.Empty:
                if any(process.exitcode is not None and process.exitcode != 0 for process in processes):
                    raise RuntimeError("a process died; its words are above") from None
        return answers
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _process(
    plan: DirectPlan,
    clips: Sequence[Clip],
    requests: int,
    at_once: int,
    taken: Synchronized[int],
    begin: Barrier,
    told: Queue[Answer],
) -> None:
    here = _Here(plan)
    work = here.work()
    asyncio.run(_translate(work, clips[0], plan.settings))  # whatever is loaded when it is first used
    begin.wait()

    async def client() -> None:
        while (index := _next(taken)) < requests:
            clip = clips[index % len(clips)]
            began = time.time()
            body = await _translate(work, clip, plan.settings)
            text = json.loads(body)["text"]
            told.put(Answer(clip=clip.name, status=200, began=began, ended=time.time(), text=text))

    async def clients() -> None:
        await asyncio.gather(*(client() for _ in range(at_once)))

    asyncio.run(clients())


def _next(taken: Synchronized[int]) -> int:
    with taken.get_lock():
        taken.value += 1
        return taken.value - 1


async def _translate(work: Work, clip: Clip, settings: ServeSettings) -> bytes:
    """The body of the answer that the ingress gives."""
    content = clip.path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    asked = Asked(str(clip.path), len(content), sha256, settings.source_code, settings.target_code)
    done = await work.run(asked, settings.door.deadline_s)
    return bytes(answer(done, TranslationForm(), "translate", work.capabilities.demo_model).body)


class _Here:
    """:class:`ray_apps.serving.workers.Workers` in this process."""

    def __init__(self, plan: DirectPlan) -> None:
        self._settings = plan.settings
        self._media = MediaPreparation(plan.settings.vad, plan.settings.windows, plan.window_s)
        self._translator = VoxtralTranslator(plan.actor)

    def work(self) -> Work:
        return Work(
            workers=self,
            capabilities=self._translator.engine.capabilities,
            media=self._settings.media,
            cues=self._settings.cues,
            shard_s=self._settings.windows.shard_s,
            translators=1,
            windows_in_flight=_WINDOWS,
        )

    async def opened(self, medium: Medium, limits: MediaLimits, language: str | None, shard_s: float) -> Opened:
        return await self._media.opened(medium, limits, language, shard_s)

    async def listen(self, shard: Shard, limits: MediaLimits) -> Listened:
        return await self._media.listen(shard, limits)

    async def translate(
        self, windows: Sequence[Window], source: str, targets: Sequence[str], name: str, wishes: Wishes
    ) -> Translation:
        return await self._translator.translate(windows, source, targets, wishes)

    async def capabilities(self) -> EngineCapabilities:
        return self._translator.engine.capabilities
