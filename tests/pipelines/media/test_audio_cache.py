"""The cache keeps what was used last, and never serves a file that changed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np

from pipelines.media.audio_cache import AudioCache

GB = 2**30


def files(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"{i}.wav" for i in range(count)]
    for i, path in enumerate(paths):
        path.write_bytes(bytes(i + 1))
    return paths


def test_what_was_stored_comes_back(tmp_path: Path) -> None:
    (path,) = files(tmp_path, 1)
    cache = AudioCache()
    assert cache.get_cached_audio(path) is None
    samples = np.arange(10, dtype=np.float32)
    cache.cache_audio(path, samples, 22050)
    samples[:] = 0
    found = cache.get_cached_audio(path)
    assert found is not None
    assert (found[0].tolist(), found[1]) == (list(range(10)), 22050)
    assert not found[0].flags.writeable


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    a, b, c, large = files(tmp_path, 4)
    cache = AudioCache(max_size_gb=2000 / GB)
    for path in (a, b):
        cache.cache_audio(path, np.zeros(1000, np.uint8), 16000)
    cache.get_cached_audio(a)
    cache.cache_audio(c, np.zeros(1000, np.uint8), 16000)
    cache.cache_audio(large, np.zeros(3000, np.uint8), 16000)
    assert [cache.get_cached_audio(p) is not None for p in (a, b, c, large)] == [True, False, True, False]


def test_a_changed_or_missing_file_is_unknown(tmp_path: Path) -> None:
    (path,) = files(tmp_path, 1)
    cache = AudioCache()
    cache.cache_audio(path, np.zeros(10), 16000)
    os.utime(path, ns=(1, 1))
    assert cache.get_cached_audio(path) is None
    path.unlink()
    assert cache.get_cached_audio(path) is None
    cache.cache_audio(path, np.zeros(10), 16000)


def test_threads_never_see_a_wrong_size(tmp_path: Path) -> None:
    paths = files(tmp_path, 8)
    cache = AudioCache(max_size_gb=3000 / GB)
    wrong = []

    def work(number: int) -> None:
        for i in range(100):
            path = paths[(i + number) % 8]
            cache.cache_audio(path, np.full(1000, paths.index(path), np.uint8), 16000)
            found = cache.get_cached_audio(path)
            if found is not None and set(found[0]) != {paths.index(path)}:
                wrong.append(path)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sum(cache.get_cached_audio(p) is not None for p in paths) == 3
