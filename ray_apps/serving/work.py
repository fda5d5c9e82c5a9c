"""A medium that has arrived, to its cues: probe, cut into the batch job's shards, hear, translate, time.

All windows of a shard are asked at once, a few in each call; their answers are put back in order. A medium that is
alone spreads over all translators, and where many are at work each makes fewer calls, for a call has a price of its
own. The next shard is heard while one is translated. Texts are those of the batch job: the same shards and windows. It
does not know HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from b200_kernels.checkpoints import check_pair
from b200_kernels.engine import EngineCapabilities
from pipelines.media.media_error import CRASHED, MediaError
from pipelines.records import TO_IDENTIFY, UNIDENTIFIED, Cue, Medium, PartWindow, Shard, Window
from pipelines.settings import CueSettings, MediaLimits
from pipelines.speech.listen import Listened
from pipelines.speech.shards import cut_into_shards
from pipelines.subtitles.cues import make_cues
from pipelines.subtitles.final_cues import final_cues
from ray_apps.serving.workers import MOST_IN_A_CALL, Opened, Workers
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


@dataclass
class Work:
    """How media are worked on here; one object serves all requests."""

    workers: Workers
    capabilities: EngineCapabilities
    media: MediaLimits
    cues: CueSettings
    shard_s: float
    translators: int
    windows_in_flight: int
    """Of all media whose windows are asked about; each has its share, but two calls at least, one behind the other."""
    fallback_source: str = "en"
    _at_work: int = field(default=0, init=False)

    async def run(self, asked: Asked, deadline_s: float, tell: Tell | None = None) -> Done:
        """The medium's cues. ``tell`` is told of progress, and of every cue as soon as it is final, in order.

        Raises MediaError, UnsupportedPair, ValueError (what the engine refuses), Unavailable, TimeoutError.
        """
        until = time.monotonic() + deadline_s
        async with asyncio.timeout(deadline_s):
            if asked.source:
                self._check(asked.source, asked.target)
            opened = await self._opened(asked, until)
            if tell:
                await tell(Progress(0.0, opened.medium.duration_s))
            return await self._translated(opened, asked, until, tell)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """A medium whose windows are asked about: those that are being opened have none in flight."""
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1

    async def _opened(self, asked: Asked, until: float) -> Opened:
        medium = _medium(asked)
        return await _twice(lambda: self.workers.opened(medium, self._limits(until), asked.source, self.shard_s))

    async def _translated(self, opened: Opened, wanted: Asked, until: float, tell: Tell | None) -> Done:
        medium, target = opened.medium, wanted.target
        source = wanted.source or medium.language or self.capabilities.only_language or TO_IDENTIFY
        self._check(source, target)
        shards = cut_into_shards(medium, self.shard_s, source, ())
        spoken = _Spoken(shards[0].source if shards else UNIDENTIFIED, self.fallback_source)
        done: list[PartWindow] = []
        track = _Track(self.cues, medium.duration_s, tell)
        async with track.watched(), aclosing(self._windows(opened, shards, wanted, until, spoken)) as windows:
            async for window in windows:
                done.append(window)
                await track.grown(done, target or window.source.language)
        language = target or (done[0].source.language if done else spoken.named)
        cues = await asyncio.to_thread(make_cues, done, language, self.cues, medium.duration_s or None)
        await track.ended(cues)
        return Done(medium, spoken.named, language, tuple(done), tuple(cues))

    async def _windows(
        self, opened: Opened, shards: Sequence[Shard], wanted: Asked, until: float, spoken: _Spoken
    ) -> AsyncGenerator[PartWindow, None]:
        """Windows with their texts, in the medium's order."""
        asked: deque[_Call] = deque()
        hearing: asyncio.Task[Listened] | None = None
        counted = contextlib.ExitStack()
        try:
            for at, shard in enumerate(shards):
                hearing = hearing or asyncio.create_task(self._heard(opened, shard, until))
                while asked and not hearing.done():
                    await asyncio.wait({hearing, asked[0].answer}, return_when=asyncio.FIRST_COMPLETED)
                    if asked[0].answer.done():
                        for window in asked.popleft().answer.result().windows:
                            yield window
                heard = (await hearing).windows
                if not at:
                    counted.enter_context(self._counted())
                following = shards[at + 1 : at + 2]
                hearing = asyncio.create_task(self._heard(opened, following[0], until)) if following else None
                first = await self._identify(heard, wanted, shard.name, spoken)
                for window in first:
                    yield window
                for at_once in self._calls(heard[len(first) :]):
                    while asked and sum(call.unanswered for call in asked) + len(at_once) > self._share:
                        for window in (await asked[0].answer).windows:
                            yield window
                        asked.popleft()
                    answer = asyncio.create_task(self._ask(at_once, wanted, shard.name, spoken))
                    asked.append(_Call(len(at_once), answer))
            while asked:
                for window in (await asked[0].answer).windows:
                    yield window
                asked.popleft()
        finally:
            counted.close()
            left = [*(call.answer for call in asked), *([hearing] if hearing else [])]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    @property
    def _share(self) -> int:
        """Windows that one medium may have in flight just now."""
        return max(2 * MOST_IN_A_CALL, self.windows_in_flight // self._at_work)

    def _calls(self, windows: Sequence[Window]) -> Iterator[Sequence[Window]]:
        """The windows, as many together as one call has."""
        spread = max(1, self.translators // self._at_work)
        size = min(MOST_IN_A_CALL, math.ceil(len(windows) / spread))
        return (windows[at : at + size] for at in range(0, len(windows), size or 1))

    async def _identify(
        self, heard: Sequence[Window], wanted: Asked, name: str, spoken: _Spoken
    ) -> tuple[PartWindow, ...]:
        """The first windows, where they have to tell the language of the rest."""
        if spoken.code != TO_IDENTIFY or not heard:
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
        if source not in (TO_IDENTIFY, UNIDENTIFIED):
            check_pair(self.capabilities, source, target or source)

    async def _heard(self, opened: Opened, shard: Shard, until: float) -> Listened:
        if opened.heard is not None:  # the medium has this shard only
            return opened.heard
        return await _twice(lambda: self.workers.listen(shard, self._limits(until)))

    def _limits(self, until: float) -> MediaLimits:
        """No decoding child outlives its request's deadline, ``until`` on the monotonic clock."""
        return self.media.model_copy(update={"wall_s": min(self.media.wall_s, max(0.1, until - time.monotonic()))})


async def _twice(ask: Callable[[], Awaitable[T]]) -> T:
    """Once more where a decoder died that was not to blame, as one that somebody killed. Raises MediaError."""
    try:
        return await ask()
    except MediaError as error:
        if error.failure.permanent or error.failure.kind != CRASHED:
            raise
        return await ask()


@dataclass(frozen=True)
class _Call:
    """Some windows that are asked about."""

    windows: int
    answer: asyncio.Task[Translation]

    @property
    def unanswered(self) -> int:
        return 0 if self.answer.done() else self.windows


@dataclass
class _Spoken:
    """The spoken language: named, ``auto`` until it is identified, or ``und`` where that fails."""

    code: str
    fallback: str

    @property
    def named(self) -> str:
        """What the answer calls it: a medium without speech tells none."""
        return UNIDENTIFIED if self.code == TO_IDENTIFY else self.code

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


def _medium(asked: Asked) -> Medium:
    """Named by its content."""
    return Medium(
        id=asked.sha256[:32],
        url=asked.path,
        name="upload",
        size=asked.size,
        version="",
    )
