"""A call to a store that fails in passing is made again a few times.

A store over a network loses one call in some thousands on a good day, and one in ten on a bad one; a run makes a dozen
for every medium. It does not know what a call is for: whoever makes one that must not be done twice sees to it.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

PAUSES_S = (0.1, 0.4, 1.6, 3.2)
"""Between tries. What lasts longer is for whoever called: the batch job leaves a shard open and comes back to it."""

_PASSING = {
    errno.EAGAIN,
    errno.EBUSY,  # s3fs: slow down, service unavailable
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.EIO,  # s3fs: internal error
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ETIMEDOUT,
}

_P = ParamSpec("_P")
_T = TypeVar("_T")


def patiently(call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """What ``call`` returns, tried again while it fails :func:`in passing <is_passing>`; raises its last error."""
    for pause_s in PAUSES_S:
        try:
            return call(*args, **kwargs)
        except OSError as error:
            if not is_passing(error):
                raise
        time.sleep(pause_s)
    return call(*args, **kwargs)


def is_passing(error: OSError) -> bool:
    """Whether the same call may succeed in a moment: a lost connection, a busy store; not a file that is not there."""
    return isinstance(error, ConnectionError | TimeoutError) or error.errno in _PASSING
