"""What all tests share: one local Ray a session, and an environment that reports home to nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Metrics are exported soon, so that no test waits for them; not sooner than Ray tells of a node (5 s, two of these).
os.environ.setdefault("RAY_metrics_report_interval_ms", "3000")

SAMPLE_ARCHIVE = Path(__file__).parent.parent / "sample_archive"


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """A Ray on this machine that every test which needs one shares; jobs join it and leave it running."""
    from ray_apps.ray_session import ray_session

    with ray_session(None):
        yield


@pytest.fixture(scope="session")
def sample_archive() -> Path:
    """The repository's own archive of spoken Turkish."""
    return SAMPLE_ARCHIVE
