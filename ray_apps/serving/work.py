"""A medium that has arrived, to its cues: probe, cut into the batch job's shards, hear, translate, time.

All windows of a shard are asked at once, so that they spread over the translators; their answers are put back in
order. The next shard is heard while one is translated. Texts are those of the batch job: the same shards, windows
and calls. It does not know HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from b200_kernels.checkpoints import check_pair
from b200_kernels.engine import EngineCapabilities
from pipelines.media.decode import Probe
from pipelines.media.media_error import MediaError
from pipelines.records import UNIDENTIFIED, Cue, Medium, PartWindow, Shard, Window
from pipelines.settings import CueSettings, MediaLimits
from pipelines.speech.listen import Listened
from pipelines.speech.shards import cut_into_shards
from pipelines.subtitles.cues import make_cues
from pipelines.subtitles.final_cues import final_cues
from ray_apps.serving.workers import Workers
from ray_apps.translator import NO_WISHES, Translation, Wishes

_IDENTIFIED_FROM = 4
"""Windows that tell the spoken language where nobody named it."""
_CUES_SHARE = 10
"""After a look for final cues comes a rest of so many times its length, which grows with the medium."""


@dataclass(frozen=True)
class Asked:
    """What is wanted of a medium. Languages are ISO 639-1 codes; a ``target`` of None is the transcript."""

    path: str
    size: int
    sha256: str
    source: str | None
    target: str | None
    wishes: Wishes = NO_WISHES


@dataclass(frozen=True)
class Progress:
    """Seconds of the medium of which the texts are there, and of the medium."""

    done_s: float
    duration_s: float


@dataclass(frozen=True)
class Done:
    """What became of a medium: its windows' texts and its cues in ``language``; ``source`` is what was spoken."""

    medium: Medium
    source: str
    language: str
    windows: tuple[PartWindow, ...]
    cues: tuple[Cue, ...]


Tell = Callable[[Progress | Cue], Awaitable[None]]
T = TypeVar("T")


@dataclass(frozen=True)
class Work:
    """How media are worked on here; one object serves all requests."""

    workers: Workers
    capabilities: EngineCapabilities
    media: MediaLimits
    cues: CueSettings
    shard_s: float
    windows_in_flight: int
    fallback_source: str = "en"

    async def run(self, asked: Asked, deadline_s: float, tell: Tell | None = None) -> Done:
        """The medium's cues. ``tell`` is told of progress, and of every cue as soon as it is final, in order.

        Raises MediaError, UnsupportedPair, ValueError (what the engine refuses), Unavailable, TimeoutError.
        """
        until = time.monotonic() + deadline_s
        async with asyncio.timeout(deadline_s):
            found = await _twice(lambda: self.workers.probe(asked.path, self._limits(until), asked.source))
            medium = _medium(asked, found)
            source = asked.source or found.language or self.capabilities.only_language or "auto"
            self._check(source, asked.target)
            if tell:
                await tell(Progress(0.0, medium.duration_s))
            shards = cut_into_shards(medium, self.shard_s, source, ())
            return await self._translated(medium, shards, asked, until, tell)

    async def _translated(
        self, medium: Medium, shards: Sequence[Shard], wanted: Asked, until: float, tell: Tell | None
    ) -> Done:
        target = wanted.target
        spoken = _Spoken(shards[0].source if shards else UNIDENTIFIED, self.fallback_source)
        done: list[PartWindow] = []
        track = _Track(self.cues, medium.duration_s, tell)
        async with track.watched(), aclosing(self._windows(shards, wanted, until, spoken)) as windows:
            async for window in windows:
                done.append(window)
                await track.grown(done, target or window.source.language)
        language = target or (done[0].source.language if done else spoken.named)
        cues = await asyncio.to_thread(make_cues, done, language, self.cues, medium.duration_s or None)
        await track.ended(cues)
        return Done(medium, spoken.named, language, tuple(done), tuple(cues))

    async def _windows(
        self, shards: Sequence[Shard], wanted: Asked, until: float, spoken: _Spoken
    ) -> AsyncGenerator[PartWindow, None]:
        """Windows with their texts, in the medium's order."""
        asked: deque[asyncio.Task[Translation]] = deque()
        hearing: asyncio.Task[Listened] | None = None
        try:
            for at, shard in enumerate(shards):
                hearing = hearing or asyncio.create_task(self._listen(shard, until))
                while asked and not hearing.done():
                    await asyncio.wait({hearing, asked[0]}, return_when=asyncio.FIRST_COMPLETED)
                    if asked[0].done():
                        yield asked.popleft().result().windows[0]
                heard = (await hearing).windows
                following = shards[at + 1 : at + 2]
                hearing = asyncio.create_task(self._listen(following[0], until)) if following else None
                first = await self._identify(heard, wanted, shard.name, spoken)
                for window in first:
                    yield window
                for number, heard_window in list(enumerate(heard))[len(first) :]:
                    if len(asked) >= self.windows_in_flight:
                        yield (await asked[0]).windows[0]
                        asked.popleft()
                    asked.append(
                        asyncio.create_task(self._ask([heard_window], wanted, f"{shard.name}/{number}", spoken))
                    )
            while asked:
                yield (await asked[0]).windows[0]
                asked.popleft()
        finally:
            left = [*asked, *([hearing] if hearing else [])]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _identify(
        self, heard: Sequence[Window], wanted: Asked, name: str, spoken: _Spoken
    ) -> tuple[PartWindow, ...]:
        """The first windows, where they have to tell the language of the rest."""
        if spoken.code != "auto" or not heard:
            return ()
        told = await self._ask(heard[:_IDENTIFIED_FROM], wanted, name, spoken)
        spoken.code = told.source
        self._check(spoken.code, wanted.target)
        return told.windows

    async def _ask(self, windows: Sequence[Window], wanted: Asked, name: str, spoken: _Spoken) -> Translation:
        targets = (wanted.target,) if wanted.target else ()
        return await self.workers.translate(windows, spoken.asked_as, targets, name, wanted.wishes)

    def _check(self, source: str, target: str | None) -> None:
        """Raises UnsupportedPair; a real model's languages are its own affair, and its scores tell."""
        if source not in ("auto", UNIDENTIFIED):
            check_pair(self.capabilities, source, target or source)

    async def _listen(self, shard: Shard, until: float) -> Listened:
        return await _twice(lambda: self.workers.listen(shard, self._limits(until)))

    def _limits(self, until: float) -> MediaLimits:
        """No decoding child outlives its request's deadline, ``until`` on the monotonic clock."""
        return self.media.model_copy(update={"wall_s": min(self.media.wall_s, max(0.1, until - time.monotonic()))})


async def _twice(ask: Callable[[], Awaitable[T]]) -> T:
    """Once more where a decoder died that was not to blame, as one that somebody killed. Raises MediaError."""
    try:
        return await ask()
    except MediaError as error:
        if error.failure.permanent or error.failure.kind != "crashed":
            raise
        return await ask()


@dataclass
class _Spoken:
    """The spoken language: named, ``auto`` until it is identified, or ``und`` where that fails."""

    code: str
    fallback: str

    @property
    def named(self) -> str:
        """What the answer calls it: a medium without speech tells none."""
        return UNIDENTIFIED if self.code == "auto" else self.code

    @property
    def asked_as(self) -> str:
        return self.fallback if self.code == UNIDENTIFIED else self.code


class _Track:
    """Tells of progress at once, and of cues as they become final: looked for beside the work, in a thread."""

    def __init__(self, settings: CueSettings, duration_s: float, tell: Tell | None) -> None:
        self._settings, self._duration_s, self._tell = settings, duration_s, tell
        self._windows: tuple[PartWindow, ...] = ()
        self._language = ""
        self._grown = asyncio.Event()
        self._told = 0

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def grown(self, windows: Sequence[PartWindow], language: str) -> None:
        self._windows, self._language = tuple(windows), language
        self._grown.set()
        if self._tell is not None:
            await self._tell(Progress(_end_s(windows[-1]), self._duration_s))

    async def ended(self, cues: Sequence[Cue]) -> None:
        await self._more(cues)
        if self._tell is not None:
            await self._tell(Progress(self._duration_s, self._duration_s))

    async def _look(self) -> None:
        while self._tell is not None:
            await self._grown.wait()
            self._grown.clear()
            began, windows = time.monotonic(), self._windows
            until_s, duration_s = _end_s(windows[-1]), self._duration_s or None
            found = await asyncio.to_thread(final_cues, windows, self._language, self._settings, until_s, duration_s)
            await self._more(found)
            await asyncio.sleep(_CUES_SHARE * (time.monotonic() - began))

    async def _more(self, cues: Sequence[Cue]) -> None:
        if self._tell is not None:
            for cue in cues[self._told :]:
                self._told += 1
                await self._tell(cue)


def _end_s(window: PartWindow) -> float:
    """No later window's speech begins before."""
    return window.segments[-1].end if window.segments else window.end_s


def _medium(asked: Asked, found: Probe) -> Medium:
    """Named by its content: the same upload gives the same texts, sampled retries included."""
    return Medium(
        id=asked.sha256[:32],
        url=asked.path,
        name="upload",
        size=asked.size,
        version="",
        duration_s=found.duration_s,
        container=found.container,
        audio_stream=found.audio_stream,
    )
