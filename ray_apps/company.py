"""Who may be at work in one process at the same time: most work side by side, a suspect alone.

What kills its process takes down all that is beside it, and their deaths are counted too. So whoever was there when a
process died is tried again alone: an innocent one passes, and the culprit dies by itself. It knows no shards.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

Ticket = TypeVar("Ticket")


class Company:
    """Those at work on one event loop."""

    def __init__(self) -> None:
        self._door = asyncio.Lock()
        self._working = 0
        self._empty = asyncio.Event()
        self._empty.set()

    @asynccontextmanager
    async def joined(self, enter: Callable[[], Ticket], suspect: Callable[[Ticket], bool]) -> AsyncIterator[Ticket]:
        """At work within the block. ``enter`` is called when the door is passed, and what it returns tells ``suspect``
        whether all others must have left, and nobody may follow, until the block ends.
        """
        async with self._door:
            ticket = enter()
            if suspect(ticket):
                await self._empty.wait()
                yield ticket
                return
            self._working += 1
            self._empty.clear()
        try:
            yield ticket
        finally:
            self._working -= 1
            if not self._working:
                self._empty.set()
