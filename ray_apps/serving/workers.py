"""Who does a request's work: the replicas behind Serve's handles, asked again elsewhere when one of them dies.

The replicas are thin: :class:`MediaPreparation` is ``pipelines``' listening, in threads of a CPU worker;
:class:`Translator` is the batch job's actor, warmed up before it is called healthy. Every call gives the same answer
whenever and wherever it is made, so that asking again is always right.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from ray.exceptions import ActorUnavailableError, RayActorError, WorkerCrashedError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError
from ray.serve.handle import DeploymentHandle

from b200_kernels.engine import EngineCapabilities, EngineError, SpeechRequest
from b200_kernels.ops.vad import SileroVad
from b200_kernels.prompts import Transcribe
from pipelines.media.decode import probe
from pipelines.media.stop import Stop
from pipelines.records import SAMPLE_RATE, TO_IDENTIFY, Medium, Shard, Window
from pipelines.settings import MediaLimits, VadSettings, WindowSettings
from pipelines.speech.listen import Listened, listen
from pipelines.speech.shards import cut_into_shards
from ray_apps import profiled
from ray_apps.translator import Translation, TranslatorSettings, VoxtralTranslator, Wishes

TRIES = 4
"""Of a call whose replica dies. What kills four of them is to blame itself."""
PAUSE_S = 0.5
"""After a death, before the next try, times the number of tries: Serve drops a dead replica from its list in less."""
SHORT_S = 60.0
"""A medium is heard as soon as it is opened, which saves a call; a longer one first tells how long it is."""
MOST_IN_A_CALL = 4
"""Windows. Cues come when a call is answered, and a replica that dies loses a call."""
LATELY_S = 60.0
"""An answer that is younger shows that replicas of its kind live."""
_DIED = (RayActorError, ActorUnavailableError, WorkerCrashedError, DeploymentUnavailableError)

T = TypeVar("T")


class Unavailable(Exception):
    """No replica could do it, now or after several tries."""


class Workers(Protocol):
    """What a request needs done. MediaError and ValueError are the medium's and the request's own fault."""

    async def opened(self, medium: Medium, limits: MediaLimits, language: str | None, shard_s: float) -> Opened: ...
    async def listen(self, shard: Shard, limits: MediaLimits) -> Listened: ...
    async def translate(
        self, windows: Sequence[Window], source: str, targets: Sequence[str], name: str, wishes: Wishes
    ) -> Translation: ...
    async def capabilities(self) -> EngineCapabilities: ...


@dataclass(frozen=True)
class Opened:
    """A medium of which is known how long it is and which stream is heard; with its speech, if it is a short one."""

    medium: Medium
    heard: Listened | None


class MediaPreparation:
    """A CPU replica: containers are parsed in the killable child that ``pipelines`` starts, speech is found here."""

    def __init__(self, vad: VadSettings, windows: WindowSettings, window_s: float, profile: str | None = None) -> None:
        import torch

        torch.set_num_threads(1)
        self.vad, self.windows, self.window_s, self.profile = vad, windows, window_s, profile
        self.detector = SileroVad()
        self.detector.probabilities(np.zeros(SAMPLE_RATE, np.int16))

    async def opened(self, medium: Medium, limits: MediaLimits, language: str | None, shard_s: float) -> Opened:
        """Look into it; ``language`` (ISO 639-1) tells which stream. One that is short is heard in the same call, which
        has ``limits.wall_s`` for both.
        """
        began = time.monotonic()
        found = await _in_a_thread(lambda stop: probe(medium.url, limits, None, language, stop=stop))
        medium = medium.model_copy(update=found.model_dump())
        shards = cut_into_shards(medium, shard_s, TO_IDENTIFY, ())
        short = len(shards) == 1 and medium.duration_s <= SHORT_S
        left_s = max(0.1, limits.wall_s - (time.monotonic() - began))
        limits = limits.model_copy(update={"wall_s": left_s})
        return Opened(medium, await self.listen(shards[0], limits) if short else None)

    async def listen(self, shard: Shard, limits: MediaLimits) -> Listened:
        with profiled.stage(self.profile, "listen", shard.name) as costs:
            heard = await _in_a_thread(lambda stop: self._listened(shard, limits, stop))
            costs.seconds, costs.audio_s = heard.seconds, shard.end_s - shard.start_s
        return heard

    def _listened(self, shard: Shard, limits: MediaLimits, stop: Stop) -> Listened:
        return listen(shard, limits, self.vad, self.windows, self.window_s, self.detector, stop)

    async def ready(self) -> bool:
        return True


async def _in_a_thread(work: Callable[[Stop], T]) -> T:
    """What the work returns; when nobody waits for it any more it is told to stop."""
    stop = Stop()

    def working() -> T:
        with stop:
            return work(stop)

    try:
        return await asyncio.to_thread(working)
    except asyncio.CancelledError:
        stop.now()
        raise


class Translator:
    """A replica with a model: the batch job's actor, and nothing else."""

    async def __init__(self, settings: TranslatorSettings) -> None:  # type: ignore[misc]
        self.translator = await asyncio.to_thread(VoxtralTranslator, settings)
        self.windows, self.audio_s = 0, 0.0
        """What is in it. Only the count tells that nothing is: seconds that come and go leave a rest."""
        self._moved, self._tokens = time.monotonic(), 0
        await self._warm_up()

    async def _warm_up(self) -> None:
        """Compile, record and fill caches before anybody waits for it: Serve sends nothing until this returns."""
        noise = np.random.default_rng(0).normal(0, 300, round(self.capabilities.window_s * SAMPLE_RATE))
        await self.translator.engine.generate(SpeechRequest(noise.astype(np.int16), (Transcribe(None),), 1.0))

    @property
    def capabilities(self) -> EngineCapabilities:
        return self.translator.engine.capabilities

    async def translate(
        self, windows: Sequence[Window], source: str, targets: Sequence[str], name: str, wishes: Wishes
    ) -> Translation:
        seconds = sum(window.end_s - window.start_s for window in windows)
        if not self.windows:
            self._moved = time.monotonic()
        self.windows += len(windows)
        self.audio_s += seconds
        try:
            with profiled.stage(self.translator.settings.profile, "translate", name) as costs:
                began = time.monotonic()
                answer = await self.translator.translate(windows, source, targets, wishes)
                self.translator.tell(costs, windows, time.monotonic() - began, seconds)
        except EngineError:
            # As in the batch job: a broken accelerator stays broken. Serve starts a fresh replica, and the ingress
            # asks another one.
            os._exit(1)
        finally:
            self.windows -= len(windows)
            self.audio_s = self.audio_s - seconds if self.windows else 0.0
        self._moved = time.monotonic()
        return answer

    def check_health(self) -> None:
        """Serve asks now and then. An engine that has windows and writes no token for a window's deadline hangs."""
        tokens = self.translator.engine.stats().tokens
        if tokens != self._tokens:
            self._moved, self._tokens = time.monotonic(), tokens
        if self.windows and time.monotonic() - self._moved > self.translator.settings.window_deadline_s:
            raise RuntimeError("the engine does not come to an end")

    async def ready(self) -> EngineCapabilities:
        return self.capabilities

    def record_autoscaling_stats(self) -> dict[str, float]:
        """What :mod:`ray_apps.serving.autoscaling` reads: seconds of audio in this replica."""
        return {"audio_s": self.audio_s}


class Replicas:
    """:class:`Workers` behind Serve's handles."""

    def __init__(self, media: DeploymentHandle, translator: DeploymentHandle) -> None:
        self._media, self._translator = media, translator
        self._heard_at = self._translated_at = -math.inf
        self._capabilities: EngineCapabilities | None = None

    async def opened(self, medium: Medium, limits: MediaLimits, language: str | None, shard_s: float) -> Opened:
        opened: Opened = await asked(self._media.opened, medium, limits, language, shard_s)
        self._heard_at = time.monotonic()
        return opened

    async def listen(self, shard: Shard, limits: MediaLimits) -> Listened:
        heard: Listened = await asked(self._media.listen, shard, limits)
        self._heard_at = time.monotonic()
        return heard

    async def translate(
        self, windows: Sequence[Window], source: str, targets: Sequence[str], name: str, wishes: Wishes
    ) -> Translation:
        done: Translation = await asked(self._translator.translate, list(windows), source, tuple(targets), name, wishes)
        self._translated_at = time.monotonic()
        return done

    async def capabilities(self) -> EngineCapabilities:
        """Asks a replica of each kind, unless each has answered lately: behind windows that wait, a question would wait
        too, and the service be called unready for being busy.
        """
        lately = time.monotonic() - LATELY_S
        if self._heard_at < lately:
            await asked(self._media.ready)
        if self._capabilities is None or self._translated_at < lately:
            self._capabilities = await asked(self._translator.ready)
        return self._capabilities


async def asked(method: Any, *arguments: Any) -> Any:
    """A replica's answer, of another one if the first dies. Raises what the method raises, or :class:`Unavailable`.

    Whoever stops waiting for it stops the replica's work.
    """
    for attempt in range(1, TRIES + 1):
        response = method.remote(*arguments)
        try:
            return await response
        except asyncio.CancelledError:
            response.cancel()
            raise
        except BackPressureError as error:
            raise Unavailable("every replica is busy and its queue is full") from error
        except _DIED as error:
            if attempt == TRIES:
                raise Unavailable(f"{TRIES} replicas died of it, or none is there") from error
            await asyncio.sleep(PAUSE_S * attempt)
    raise AssertionError("not reached")
