"""How many requests are let in: some are worked on, some wait, and the next one is told to come again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from ray_apps import metered
from ray_apps.serving.errors import ApiError, unavailable
from ray_apps.serving.settings import DoorLimits


class Admission:
    """One event loop's door."""

    def __init__(self, limits: DoorLimits) -> None:
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.working)
        self.open = 0
        """Requests that are in."""
        self.at_work = 0
        self._closed = False

    def close(self) -> None:
        """Nobody is let in any more: the service ends."""
        self._closed = True

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Before a byte of the body is read. Raises ApiError (429, 503)."""
        if self._closed:
            raise unavailable("this service is ending", self._limits.retry_after_s)
        if self.open >= self._limits.working + self._limits.waiting:
            raise ApiError(
                429,
                "too_many_requests",
                f"{self.open} requests are open, which is as many as are let in; try again later",
                retry_after_s=self._limits.retry_after_s,
            )
        self._count(come=1)
        try:
            yield
        finally:
            self._count(come=-1)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A slot for the work; who came first gets one first."""
        async with self._slots:
            self._count(begin=1)
            try:
                yield
            finally:
                self._count(begin=-1)

    def _count(self, come: int = 0, begin: int = 0) -> None:
        self.open, self.at_work = self.open + come, self.at_work + begin
        metered.requests_open(self.at_work, self.open - self.at_work)
