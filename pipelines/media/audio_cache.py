"""Decoded audio kept in memory for files that are asked for again.

Bounded by bytes; what was used longest ago goes first. A file that changed is another file. It does not know
how audio is decoded.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np

_Key = tuple[str, int, int]


class AudioCache:
    """Samples and sample rate by file, from any number of threads, ``max_size_gb`` (2**30 bytes each) at
    most.
    """

    def __init__(self, max_size_gb: float = 10.0) -> None:
        if max_size_gb < 0:
            raise ValueError(f"max_size_gb must not be negative, got {max_size_gb}")
        self._most_bytes = int(max_size_gb * 2**30)
        self._bytes = 0
        self._entries: OrderedDict[_Key, tuple[np.ndarray, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get_cached_audio(self, audio_path: Path) -> tuple[np.ndarray, int] | None:
        """(samples, sample rate) as they were stored, read-only; None if the file is unknown, changed or
        gone.
        """
        key = _key(audio_path)
        with self._lock:
            if key is None or key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key]

    def cache_audio(self, audio_path: Path, audio_data: np.ndarray, sample_rate: int) -> None:
        """Keep a copy of the samples of a file; nothing happens if it is gone or too large for the cache."""
        key = _key(audio_path)
        if key is None or audio_data.nbytes > self._most_bytes:
            return
        kept = audio_data.copy()
        kept.flags.writeable = False
        with self._lock:
            for old in [k for k in self._entries if k[0] == key[0]]:  # also what the file was before it changed
                self._drop(old)
            while self._bytes + kept.nbytes > self._most_bytes:
                self._drop(next(iter(self._entries)))
            self._entries[key] = (kept, sample_rate)
            self._bytes += kept.nbytes

    def _drop(self, key: _Key) -> None:
        samples, _ = self._entries.pop(key)
        self._bytes -= samples.nbytes


def _key(path: Path) -> _Key | None:
    """What a file is known by: its path, time of change and size."""
    try:
        real = path.resolve()
        stat = real.stat()
    except OSError:
        return None
    return str(real), stat.st_mtime_ns, stat.st_size
