"""The embedded checkpoint tells when words begin: a short version of ``make alignment``."""

import asyncio
import statistics
import tomllib
from contextlib import closing
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest

from b200_kernels.checkpoint_sources import wanted
from b200_kernels.checkpoints import Checkpoint, open_checkpoint
from b200_kernels.compiled.calibrate import Heard, calibrate, hear, median_error
from b200_kernels.compiled.engine import CompiledEngine
from b200_kernels.compiled.timings import ALIGNMENT, read_alignment
from b200_kernels.embedded.alignment import find_alignment, summary, word_start_errors
from b200_kernels.embedded.scores import spoken_words
from b200_kernels.embedded.timed_windows import timed_windows

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def listened(embedded: Checkpoint) -> tuple[list[Heard], list[tuple[float, ...]]]:
    """A handful of training windows that were heard rightly, and when their words begin."""
    windows = timed_windows(2**40 + 11, 8, held_out=False, window_s=15.0, most_in_a_window=2)
    heard = hear(embedded, [window.samples for window in windows], "tr")
    pairs = zip(heard, windows, strict=True)
    right = [(one, window.starts) for one, window in pairs if spoken_words(one.text) == spoken_words(window.text)]
    assert len(right) >= 3
    return [one for one, _ in right], [starts for _, starts in right]


def test_words_begin_when_the_engine_says_so(embedded):
    windows = timed_windows(2**40 + 12, 12, held_out=True, window_s=15.0, most_in_a_window=3)
    with closing(CompiledEngine(embedded, device="cpu")) as engine:
        assert engine.capabilities.token_timings
        errors = asyncio.run(word_start_errors(engine, windows))
    figures = summary(errors, len(windows))
    assert figures["words"] >= 25
    assert figures["median ms"] <= 150
    assert figures["within 300 ms %"] >= 90


def test_the_calibration_finds_the_heads_that_tell_best(listened):
    heard, starts = listened
    alone = [median_error([(layer, head)], heard, starts)[0] for layer in range(4) for head in range(4)]
    found = calibrate(heard, starts)
    reached, offset = median_error(found.heads, heard, starts)
    assert reached <= min(alone)
    assert reached < statistics.median(alone) / 4
    assert found.offset_s == pytest.approx(offset, abs=1e-4)
    assert list(found.heads) == sorted(found.heads)


def test_what_ships_was_calibrated_and_is_no_part_of_the_digest(embedded, tmp_path):
    found = read_alignment(embedded.folder)
    assert found is not None
    assert list(found.heads) == sorted(found.heads)  # the decoder reports them layer by layer
    assert not wanted(ALIGNMENT)
    for path in embedded.folder.iterdir():
        if path.name != ALIGNMENT:
            (tmp_path / path.name).symlink_to(path)
    assert open_checkpoint(str(tmp_path)).digest == embedded.digest
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shipped = project["tool"]["setuptools"]["package-data"]["b200_kernels"]
    name = (embedded.folder / ALIGNMENT).relative_to(ROOT / "b200_kernels").as_posix()
    assert any(fnmatch(name, pattern) for pattern in shipped)


def test_windows_that_are_all_misheard_are_no_ground_for_a_choice(embedded):
    windows = [replace(w, text="Something else.") for w in timed_windows(2**40 + 13, 1, held_out=False, window_s=15.0)]
    with pytest.raises(ValueError, match="none of them"):
        find_alignment(embedded, windows)


def test_a_summary_counts_what_it_says():
    figures = summary([np.array([0.01, -0.2]), np.array([0.05, 0.4])], windows=3)
    assert (figures["windows"], figures["windows heard rightly"], figures["words"]) == (3, 2, 4)
    assert (figures["median ms"], figures["median lateness ms"]) == (125.0, 30.0)
    assert (figures["within 150 ms %"], figures["within 300 ms %"]) == (50.0, 75.0)
    with pytest.raises(ValueError, match="none of them"):
        summary([], windows=3)
