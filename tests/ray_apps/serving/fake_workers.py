"""Workers without Ray, media or model: every request can be held, and what it asked for is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from b200_kernels.engine import EngineCapabilities
from pipelines.media.media_error import MediaError
from pipelines.records import SAMPLE_RATE, Failure, Medium, PartWindow, Segment, Shard, Text, Window
from pipelines.settings import MediaLimits
from pipelines.speech.listen import Listened
from ray_apps.serving.workers import Opened
from ray_apps.translator import Translation, Wishes

CAPABILITIES = EngineCapabilities(
    languages=frozenset({"tr"}),
    pairs=frozenset({("tr", "fr")}),
    window_s=10.0,
    chunk_s=30.0,
    token_timings=False,
    shared_listening=True,
    demo_model=True,
)


class FakeWorkers:
    """A medium of ``duration_s`` with a window every ten seconds; ``failure`` is what its probe says instead."""

    def __init__(self, duration_s: float = 30.0, failure: str | None = None, permanent: bool = True) -> None:
        self.duration_s, self.failure, self.permanent = duration_s, failure, permanent
        self.tagged: str | None = None
        """The language that the medium's tag names."""
        self.free = asyncio.Event()
        """Until it is set, translations wait."""
        self.free.set()
        self.last_first = False
        """Answer later windows before earlier ones."""
        self.asked: list[tuple[str, str, tuple[str, ...]]] = []
        self.wishes: list[Wishes] = []
        self.stopped = 0
        self.content = b""
        self.raises: Exception | None = None
        self.limits: list[MediaLimits] = []

    async def opened(self, medium: Medium, limits: MediaLimits, language: str | None, shard_s: float) -> Opened:
        self.content = Path(medium.url).read_bytes()
        self.limits.append(limits)
        if self.failure:
            raise MediaError(Failure(kind=self.failure, detail="/secret/path: libav said so", permanent=self.permanent))
        found = {"duration_s": self.duration_s, "container": "wav", "audio_stream": 0, "language": self.tagged}
        return Opened(medium.model_copy(update=found), None)

    async def listen(self, shard: Shard, limits: MediaLimits) -> Listened:
        starts = [float(s) for s in range(0, int(self.duration_s), 10) if shard.start_s <= s < shard.end_s]
        return Listened(tuple(map(_window, starts)), {})

    async def translate(
        self, windows: Sequence[Window], source: str, targets: Sequence[str], name: str, wishes: Wishes
    ) -> Translation:
        self.asked.append((name, source, tuple(targets)))
        self.wishes.append(wishes)
        try:
            if self.raises is not None:
                raise self.raises
            if self.last_first:
                await asyncio.sleep(0.05 / (1 + windows[0].start_s))
            await self.free.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        return Translation(source, tuple(_part_window(window, source, targets) for window in windows))

    async def capabilities(self) -> EngineCapabilities:
        return CAPABILITIES


def _window(start_s: float) -> Window:
    segments = (Segment(start=start_s + 0.5, end=start_s + 4.0, confidence=0.9),)
    return Window(start_s=start_s, segments=segments, samples=np.zeros(8 * SAMPLE_RATE, np.int16))


def _part_window(window: Window, source: str, targets: Sequence[str]) -> PartWindow:
    def text(language: str) -> Text:
        return Text(
            language=language,
            text=f"{language} at {window.start_s:.0f} seconds.",
            logprob=-0.1,
            score=0.9,
            verdict="accepted",
        )

    return PartWindow(
        start_s=window.start_s,
        end_s=window.end_s,
        segments=window.segments,
        source=text(source),
        targets=tuple(map(text, targets)),
    )
