"""Errors as OpenAI's API shapes them: a status, and a body that says what to do and nothing of the inside."""

from __future__ import annotations

from typing import Any

from pipelines.media.media_error import CRASHED
from pipelines.records import Failure


class ApiError(Exception):
    """What a client is told. ``retry_after_s`` becomes ``Retry-After``; every 429 and 503 has one.

    A 504 says that the same request is not to be sent again, which OpenAI's client does after every other 5xx.
    """

    def __init__(
        self, status: int, code: str, message: str, *, param: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.param = status, code, message, param
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        again = {"X-Should-Retry": "false"} if self.status == 504 else {}
        return again if self.retry_after_s is None else again | {"Retry-After": str(self.retry_after_s)}

    @property
    def body(self) -> dict[str, Any]:
        kind = "server_error" if self.status >= 500 else _KINDS.get(self.status, "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


_KINDS = {429: "rate_limit_error", 401: "authentication_error"}

_MEDIA: dict[str, tuple[int, str]] = {
    "not_media": (415, "this is no audio or video file that is known here"),
    "undecodable": (415, "no decoder here understands its audio"),
    "empty": (422, "the file is empty"),
    "no_audio": (422, "the file has no audio"),
    "too_long": (413, "it is longer than allowed here"),
    "too_large": (413, "its sound takes more room than allowed here"),
    "limit": (413, "its sample rate, channels, streams or memory are beyond what is allowed here"),
    CRASHED: (422, "it makes its decoder crash"),
    "timeout": (422, "decoding it takes longer than allowed here"),
}


_OF_JOBS = {
    "not_allowed": "its address may not be fetched here: it leads to another one, or its host's address is not allowed",
    "vanished": "it is not there",
    "unreadable": "its store or host does not give it",
    "language": "the model that is served does not translate from its language",
}


def media_message(kind: str) -> str:
    """What is told of a medium without a result: the kind, not the decoder's or the store's words."""
    return _MEDIA[kind][1] if kind in _MEDIA else _OF_JOBS.get(kind, "it could not be worked on")


def invalid(message: str, param: str | None = None, code: str = "invalid_value") -> ApiError:
    return ApiError(400, code, message, param=param)


def of_medium(failure: Failure, retry_after_s: int) -> ApiError:
    """What a client is told of a medium that gives no sound: the kind, not the decoder's words.

    A decoder that somebody killed says nothing of the medium: 503.
    """
    if failure.kind in _MEDIA and (failure.permanent or failure.kind != CRASHED):
        status, message = _MEDIA[failure.kind]
        return ApiError(status, failure.kind, message, param="file")
    return unavailable("the upload cannot be read just now", retry_after_s)


def unavailable(message: str, retry_after_s: int) -> ApiError:
    return ApiError(503, "unavailable", message, retry_after_s=retry_after_s)


def too_late() -> ApiError:
    return ApiError(504, "deadline", "it took longer than a request may take here")
