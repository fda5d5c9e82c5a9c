"""What everything long reports to.

The command line implements :class:`Feedback` for a terminal; :class:`SilentFeedback` is for code that has nobody
to tell. Nothing here knows what is being reported.
"""

from __future__ import annotations

from typing import Protocol


class Feedback(Protocol):
    """Messages for a person, and progress in named quantities."""

    def info(self, message: str) -> None: ...
    def warning(self, message: str) -> None: ...
    def error(self, message: str) -> None: ...
    def progress(self, **figures: float) -> None:
        """The newest value of some named quantities, such as ``media_done=3, shards_done=12``."""


class SilentFeedback:
    """A :class:`Feedback` that says nothing."""

    def info(self, message: str) -> None: ...
    def warning(self, message: str) -> None: ...
    def error(self, message: str) -> None: ...
    def progress(self, **figures: float) -> None: ...
