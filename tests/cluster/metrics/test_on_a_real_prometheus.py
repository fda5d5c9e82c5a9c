"""A real job and a real Prometheus that scrapes it: every query has an answer, and a job that stands still is noticed.

The service's requests go to the real application over fake workers. Needs Debian's package ``prometheus``.
"""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import psutil
import pytest
import ray

from b200_kernels.embedded.recipe.media import Container, write
from cluster.feedback import SilentFeedback
from cluster.metrics import catalogue as m
from cluster.metrics.alerts import Pace, alerts
from cluster.metrics.panels import rows
from cluster.metrics.prometheus import LocalPrometheus, installed
from cluster.metrics.promql import Look
from pipelines.media.decode import decode
from pipelines.settings import MediaLimits
from ray_apps.batch_job import run_job
from ray_apps.serving.app import Served, make_app
from ray_apps.serving.settings import DoorLimits, ServeSettings
from ray_apps.settings import Settings
from ray_apps.summary import RunSummary
from tests.ray_apps.serving.fake_workers import CAPABILITIES, FakeWorkers

pytestmark = [
    pytest.mark.usefixtures("local_ray"),
    pytest.mark.skipif(not installed(), reason="needs Debian's package prometheus (apt-get install prometheus)"),
]

PACE = Pace(every_s=1, window_s=15, before_s=5, standing_s=10, hold_s=0)
LOOK = Look("15s", 'SessionName=~".+"')
STALLED = "VoxtralJobStalled"
WITHIN_S = 60
ANSWER_S = 10


class StopsTheActors(SilentFeedback):
    """Once a few shards are done, the actors' processes are stopped where they are, as if their engines hung."""

    def __init__(self) -> None:
        self.stopped: list[psutil.Process] = []
        self.happened = threading.Event()

    def progress(self, **figures: float) -> None:
        if figures.get("shards_done", 0) >= 2 and not self.happened.is_set():
            self.stopped = [one for one in psutil.Process().children(recursive=True) if _is_translator(one)]
            for one in self.stopped:
                one.send_signal(signal.SIGSTOP)
            self.happened.set()

    def go_on(self) -> None:
        for one in self.stopped:
            one.send_signal(signal.SIGCONT)


def _is_translator(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[:1] != [] and process.cmdline()[0].startswith("ray::MapWorker(MapBatches(Voxtral")
    except psutil.Error:
        return False


@dataclass(frozen=True)
class Watched:
    """What a Prometheus saw of a job that was stalled once."""

    prometheus: LocalPrometheus
    began: float
    stalled_at: datetime
    fired_at: datetime
    summary: RunSummary

    def has_answered(self, expression: str) -> bool:
        """Whether it gave a number at any time since the job began."""
        lines = self.prometheus.history(expression, self.began, time.time(), 1.0)
        return any(math.isfinite(value) for line in lines for _, value in line.points)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, sample_archive: Path) -> Path:
    """Speech, speech backwards (which the gate rejects), and a file that is no medium."""
    folder = tmp_path_factory.mktemp("archive")
    clip = sample_archive / "clips" / "haberler.mp3"
    shutil.copy(clip, folder / "haberler.mp3")
    shutil.copy(sample_archive / "clips" / "market.webm", folder / "market.webm")
    backwards = decode(str(clip), 0, 0.0, 20.0, MediaLimits())[::-1] / 32768
    write(folder / "backwards.wav", backwards, Container("wav", "pcm_s16le", 16_000))
    (folder / "text.mp4").write_text("this is no film\n" * 100)
    return folder


@pytest.fixture(scope="module")
def watched(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("prometheus")
    base = Settings(
        inputs=(str(archive),), out=str(folder / "out"), source="tr", targets=("fr",), model="embedded", max_actors=2
    )
    settings = base.model_copy(update={"windows": base.windows.model_copy(update={"shard_s": 6.0})})
    nodes = [f"{node['NodeManagerAddress']}:{node['MetricsExportPort']}" for node in ray.nodes() if node["Alive"]]
    feedback = StopsTheActors()
    with (
        LocalPrometheus(folder / "prometheus", nodes, PACE) as prometheus,
        ThreadPoolExecutor(1) as beside,
    ):
        began = time.time()
        job: Future[RunSummary] = beside.submit(run_job, settings, feedback)
        try:
            prometheus.wait_for("the actors stop", lambda: job.done() or feedback.happened.is_set(), WITHIN_S)
            assert feedback.happened.is_set(), job.exception()
            stalled_at = datetime.now(UTC)
            asyncio.run(ask_the_service(folder))
            prometheus.wait_for("requests are scraped", lambda: bool(prometheus.query(m.REQUESTS.series)), WITHIN_S)
            asyncio.run(ask_the_service(folder))  # a rate misses what was there when it was first scraped
            prometheus.wait_for(
                f"{STALLED} fires", lambda: prometheus.firing().get(STALLED, stalled_at) > stalled_at, WITHIN_S
            )
            fired_at = prometheus.firing()[STALLED]
        finally:
            feedback.go_on()
        summary = job.result(WITHIN_S)
        last = f'sum({m.MEDIA.series}{{status="ok"}}) == {summary.media_done}'
        prometheus.wait_for("the last medium is scraped", lambda: bool(prometheus.query(last)), WITHIN_S)
        yield Watched(prometheus, began, stalled_at, fired_at, summary)


async def ask_the_service(spool: Path) -> None:
    """One request is worked on, one waits, one is turned away, and the two go on."""
    workers = FakeWorkers()
    workers.free.clear()
    settings = ServeSettings(door=DoorLimits(working=1, waiting=1))
    transport = httpx2.ASGITransport(app=make_app(settings, Served("small", CAPABILITIES, 2, 4), workers, spool))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:

        async def post() -> int:
            answer = await client.post("/v1/audio/translations", files={"file": ("film.wav", b"some bytes of sound")})
            return answer.status_code

        open_ones = [asyncio.create_task(post()), asyncio.create_task(post())]
        while len(workers.asked) < 1 or await post() != 429:
            await asyncio.sleep(0.01)
        workers.free.set()
        assert await asyncio.gather(*open_ones) == [200, 200]


QUERIES = {
    f"{panel.title}: {legend}": expression
    for row in rows(LOOK)
    for panel in row.panels
    if not panel.gpu_only
    for legend, expression in panel.queries.items()
}


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_of_the_dashboard_has_an_answer(watched, query):
    watched.prometheus.wait_for(query, lambda: watched.has_answered(QUERIES[query]), ANSWER_S)


@pytest.mark.parametrize("alert", alerts(PACE), ids=lambda alert: alert.name)
def test_every_alert_has_something_to_judge(watched, alert):
    watched.prometheus.wait_for(alert.name, lambda: watched.has_answered(alert.value), ANSWER_S)


def test_a_job_that_stands_still_is_noticed_and_then_goes_on(watched):
    assert watched.fired_at > watched.stalled_at
    assert watched.summary.transient == 0
    assert watched.summary.media_done == 3
    watched.prometheus.wait_for("it fires no more", lambda: STALLED not in watched.prometheus.firing(), WITHIN_S)


def test_totals_are_those_of_the_summary(watched):
    def total(metric: m.Metric, where: str = "") -> float:
        return sum(line.points[0][1] for line in watched.prometheus.query(f"sum({metric.series}{{{where}}})"))

    summary = watched.summary
    assert total(m.AUDIO, 'path="batch"') == pytest.approx(summary.audio_s, abs=0.01)
    assert total(m.MEDIA, 'status="ok"') == summary.media_done
    assert total(m.TEXTS, 'verdict="needs_review"') == summary.needs_review > 0
    assert total(m.RETRIES) == summary.retries > 0
    assert total(m.ERRORS, 'kind="not_media"') == 1
    for name, of in summary.stages.items():
        ours = "translate" if name == "engine" else name
        assert total(m.STAGE_BUSY, f'stage="{ours}"') == pytest.approx(of["total_s"], rel=0.05, abs=0.05)


def test_requests_are_counted_by_how_they_were_answered(watched):
    lines = watched.prometheus.query(f"sum by (route, status) ({m.REQUESTS.series})")
    counted = {(line.labels["route"], line.labels["status"]): line.points[0][1] for line in lines}
    assert counted["/v1/audio/translations", "200"] == 4
    assert counted["/v1/audio/translations", "429"] >= 2


def test_nothing_is_labelled_by_file(watched):
    lines = watched.prometheus.query('{__name__=~"ray_voxtral_.*"}')
    values = {value for line in lines for value in line.labels.values()}
    assert lines
    assert not [value for value in values if "haberler" in value or "market" in value or os.sep + "tmp" in value]
