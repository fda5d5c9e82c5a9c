"""The one exception that reading a medium raises."""

from __future__ import annotations

from pipelines.records import Failure

CRASHED = "crashed"
"""Kind of failure of a medium whose decoder died: for good by its own fault; else somebody killed it."""


class MediaError(Exception):
    """A medium, or a part of it, gives no sound; ``failure`` says why and whether trying again can help.

    Kinds: ``not_media`` (nothing that we read), ``empty`` (no bytes), ``no_audio`` (no audio stream, or an
    empty one), ``undecodable`` (audio that no decoder understands), ``unreadable`` (the store refuses or is
    away), ``vanished`` (the file is not there), ``too_long``, ``too_large``, ``limit`` (rate, channels,
    streams, memory, CPU time), ``crashed`` (the decoder died), ``timeout`` (it did not finish in time).
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.kind}: {failure.detail}")
        self.failure = failure

    def __reduce__(self) -> tuple[type[MediaError], tuple[Failure]]:
        return MediaError, (self.failure,)
