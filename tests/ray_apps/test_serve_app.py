"""The service on a real Ray Serve, asked by OpenAI's own client: the batch job's texts, whoever dies on the way."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
import ray
import requests
import srt
import webvtt
import yaml
from ray import serve
from ray._common.test_utils import wait_for_condition

from cluster.feedback import SilentFeedback
from cluster.profile.ray_book import read_book
from cluster.profile.view import view
from pipelines.settings import WindowSettings
from ray_apps.batch_job import run_job
from ray_apps.profiled import SERVICE
from ray_apps.ray_session import Share
from ray_apps.serve_app import APP, INGRESS, MEDIA, TRANSLATOR, NoRoomForJobs, _beside_jobs, build
from ray_apps.serving.jobs.driver import NAMESPACE as JOBS_NAMESPACE
from ray_apps.serving.jobs.folder import JobFolder
from ray_apps.serving.jobs.records import ENDED
from ray_apps.settings import Settings
from tests.proofs.fuzz_service import fuzz
from tests.ray_apps.serving import page_steps as steps
from tests.web_site import WebSite

pytestmark = pytest.mark.usefixtures("local_ray")
CONFIG = Path(__file__).parents[2] / "serve_config.yaml"
MEDIA_FILES = ("films/yolculuk.mp4", "clips/market.webm", "interviews/röportaj.ogg")
WINDOWS = WindowSettings(shard_s=25.0)
"""Several shards a medium, so that their seams are seen."""


@pytest.fixture(scope="module")
def batch(sample_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the batch job makes of some media; before the service starts, which takes all cores."""
    out = tmp_path_factory.mktemp("batch") / "subtitles"
    settings = Settings(
        inputs=tuple(str(sample_archive / name) for name in MEDIA_FILES),
        out=str(out),
        source="tr",
        targets=("fr", "tr"),
        model="embedded",
        deterministic=True,
        windows=WINDOWS,
    )
    assert run_job(settings, SilentFeedback()).media_done == len(MEDIA_FILES)
    return out


@pytest.fixture(scope="module")
def jobs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs")


@pytest.fixture(scope="module")
def site(sample_archive: Path) -> Iterator[WebSite]:
    """The sample archive as a web site on this machine."""
    with WebSite(sample_archive).running() as server:
        yield server


@pytest.fixture(scope="module")
def args(jobs_folder: Path, site: WebSite) -> dict[str, Any]:
    """Those of the shipped configuration, with two translators, and jobs."""
    jobs = {"folder": str(jobs_folder), "urls": [site.url], "networks": ["127.0.0.0/8"]}
    changes = {"model": "embedded", "deterministic": True, "windows": WINDOWS.model_dump(), "max_replicas": 2}
    return yaml.safe_load(CONFIG.read_text())["applications"][0]["args"] | changes | {"jobs": jobs}


@pytest.fixture(scope="module")
def url(batch: Path, args: dict[str, Any], jobs_folder: Path) -> Iterator[str]:
    """A service on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    host = yaml.safe_load(CONFIG.read_text())["http_options"]["host"]
    serve.start(http_options={"host": host, "port": port})
    serve.run(build(args), name=APP, route_prefix="/")
    yield f"http://{host}:{port}"
    folder = JobFolder(str(jobs_folder))
    for job in filter(folder.is_open, folder.ids()):
        folder.cancel(job)
    while any(map(folder.is_open, folder.ids())):
        threading.Event().wait(0.1)  # drivers outlive the service, and would work beside the next tests
    serve.shutdown()


@pytest.fixture(scope="module")
def client(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none is needed", max_retries=0, timeout=240)


def of_batch(batch: Path, name: str, language: str, fmt: str) -> str:
    """A file that the batch job wrote."""
    return next(batch.rglob(f"{Path(name).stem}.{language}.{fmt}")).read_text()


@pytest.mark.skipif(not steps.has_chromium(), reason=steps.MISSING)
def test_the_page_shows_what_the_batch_job_writes(url, batch, sample_archive, tmp_path):
    with steps.chromium() as browser:
        seen = steps.walk_through(browser, url, sample_archive / "clips" / "market.webm", tmp_path, seconds=200)
        assert steps.console_errors(browser) == []
    expected = [cue.content for cue in srt.parse(of_batch(batch, "clips/market.webm", "fr", "srt"))]
    expected = [text for text in expected if "demo-model" not in text]
    taken = [cue.content for cue in srt.parse(seen["srt"].read_text()) if "demo-model" not in cue.content]
    assert taken == [expected[0], "Corrigé à la main.", *expected[2:]]


@pytest.mark.parametrize("name", MEDIA_FILES)
def test_subtitles_are_the_batch_jobs_to_the_last_byte(client, batch, sample_archive, name):
    medium = sample_archive / name
    answer = client.audio.translations.create(model="embedded", file=medium, response_format="srt")
    assert answer == of_batch(batch, name, "fr", "srt")
    answer = client.audio.transcriptions.create(model="embedded", file=medium, response_format="vtt")
    assert answer == of_batch(batch, name, "tr", "vtt")


def test_independent_readers_take_the_files(client, sample_archive):
    medium = sample_archive / MEDIA_FILES[0]
    answer = client.audio.translations.create(model="embedded", file=medium, response_format="srt")
    assert len(list(srt.parse(answer))) > 5
    answer = client.audio.translations.create(model="embedded", file=medium, response_format="vtt")
    assert len(webvtt.from_buffer(io.StringIO(answer)).captions) > 5


def test_its_profile_is_seen_while_it_serves(client, sample_archive):
    client.audio.transcriptions.create(model="embedded", file=sample_archive / MEDIA_FILES[2], response_format="srt")

    def told() -> dict[str, str]:
        return {line.operation: line.stage for line in view(read_book(SERVICE)).operations if line.audio_s}

    wait_for_condition(
        lambda: told() == {"decode": "listen", "vad": "listen", "windows": "listen", "engine": "translate"}
    )


def test_openais_client_reads_every_kind_of_answer(client, sample_archive):
    medium = sample_archive / "clips" / "market.webm"
    plain = client.audio.translations.create(model="embedded", file=medium, extra_body={"to_language": "fr"})
    text = client.audio.translations.create(model="embedded", file=medium, response_format="text")
    verbose = client.audio.translations.create(model="embedded", file=medium, response_format="verbose_json")
    assert plain.text
    assert text == plain.text + "\n[demo-model] not a real translation\n"
    assert verbose.text == plain.text
    assert [segment.id for segment in verbose.segments] == list(range(len(verbose.segments)))
    assert verbose.segments[0].source
    assert (verbose.language, verbose.duration > 10) == ("french", True)
    heard = client.audio.transcriptions.create(
        model="embedded", file=medium, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert " ".join(word.word for word in heard.words).split() == heard.text.split()
    assert all(0 <= word.start <= word.end <= heard.duration for word in heard.words)
    assert [model.id for model in client.models.list()] == ["embedded"]


def test_a_transcription_streams_through_openais_client(client, batch, sample_archive):
    medium = sample_archive / "clips" / "market.webm"
    told = list(client.audio.transcriptions.create(model="embedded", file=medium, stream=True))
    deltas = [event for event in told if event.type == "transcript.text.delta"]
    assert told[-1].type == "transcript.text.done"
    assert "".join(event.delta for event in deltas) == told[-1].text + "\n"
    cues = of_batch(batch, "clips/market.webm", "tr", "vtt")
    assert all(event.cue["text"] in cues for event in deltas)


def test_errors_are_ones_that_openais_client_knows(client, url):
    with pytest.raises(openai.APIStatusError) as refused:
        client.audio.transcriptions.create(model="embedded", file=b"this is no film")
    assert refused.value.status_code == 415
    assert refused.value.code == "not_media"
    with pytest.raises(openai.NotFoundError):
        client.audio.transcriptions.create(model="whisper-1", file=b"x")
    assert requests.get(f"{url}/nowhere", timeout=60).json()["error"]["code"] == "not_found"
    assert requests.get(f"{url}/readyz", timeout=60).text == "ready\n"


@pytest.mark.parametrize("deployment", [TRANSLATOR, MEDIA])
def test_a_replica_that_dies_costs_no_answer(url, batch, sample_archive, deployment):
    name = "interviews/röportaj.ogg"
    with (sample_archive / name).open("rb") as file:
        answer = requests.post(
            f"{url}/v1/audio/translations", files={"file": file}, data={"stream": "true"}, stream=True, timeout=240
        )
        events = answer.iter_lines()
        progress = (line for line in events if b"voxtral.progress" in line)
        next(progress)  # it is being heard
        if deployment == TRANSLATOR:
            next(progress)  # some of it is translated
        killed = _kill_one(deployment)
        told = [line for line in events if b"transcript.text.done" in line]
    assert killed
    cues = json.loads(of_batch(batch, name, "fr", "json"))["cues"]
    assert json.loads(told[0].removeprefix(b"data: "))["text"] == "\n".join(" ".join(cue["lines"]) for cue in cues)


def test_an_ingress_that_dies_fails_what_is_open_and_openais_client_asks_again(client, url, batch, sample_archive):
    name = "interviews/röportaj.ogg"
    content, asking = (sample_archive / name).read_bytes(), client.with_options(max_retries=2)
    with ThreadPoolExecutor() as pool:
        stream = requests.post(
            f"{url}/v1/audio/translations", files={"file": content}, data={"stream": "true"}, stream=True, timeout=240
        )
        events = stream.iter_lines()
        progress = (line for line in events if b"voxtral.progress" in line)
        next(progress)
        again = pool.submit(
            asking.audio.translations.create, model="embedded", file=(name, content), response_format="srt"
        )
        next(progress)  # both are at work
        assert _kill_one(INGRESS)
        left: list[bytes] = []
        with contextlib.suppress(requests.RequestException):
            left += events
        assert not any(b"transcript.text.done" in line for line in left)
        assert again.result(240) == of_batch(batch, name, "fr", "srt")


def _kill_one(deployment: str) -> bool:
    """Kill a replica as a machine that dies would."""
    named = ray.util.list_named_actors(all_namespaces=True)
    replicas = [actor for actor in named if actor["name"].startswith(f"SERVE_REPLICA::{APP}#{deployment}#")]
    for actor in replicas[:1]:
        ray.kill(ray.get_actor(actor["name"], namespace=actor["namespace"]))
    return bool(replicas)


def test_a_job_outlives_its_driver_and_the_ingress_and_writes_what_the_batch_job_does(url, site, batch, jobs_folder):
    """Of addresses: one that is allowed, one that leads elsewhere, one where nothing is."""
    name = "interviews/röportaj.ogg"
    media = [{"url": f"{site.url}/{name}", "to_language": "fr,tr"}, f"{site.url}/moved", f"{site.url}/gone.mp4"]
    answer = requests.post(f"{url}/v1/jobs", json={"media": media}, timeout=60)
    assert answer.status_code == 202
    job = f"{url}/v1/jobs/{answer.json()['id']}"
    before = _told(job, lambda told: told["shards"]["done"] > 0)["shards"]
    assert before["done"] < before["total"]
    first = _driver(job)
    ray.kill(first)
    _told(job, lambda _: _driver(job) not in (None, first))  # the ingress has missed it
    second = _driver(job)
    assert _kill_one(INGRESS)
    told = _told(job, lambda told: told["status"] == "completed")
    assert second not in (None, first)
    assert told["media"] == {"total": 3, "done": 1, "failed": 2}
    assert {one["medium"]: one["code"] for one in told["errors"]} == {"moved": "not_allowed", "gone.mp4": "vanished"}
    assert "/secret" not in site.came
    assert told["shards"] == {"total": before["total"], "done": before["total"]}
    results = requests.get(f"{job}/results", timeout=60).json()["data"]
    assert {"interviews/röportaj.fr.srt", "interviews/röportaj.tr.vtt"} <= {one["name"] for one in results}
    for one in results:
        if one["format"] in ("srt", "vtt"):
            content = requests.get(url + one["url"], timeout=60).content.decode()
            assert content == of_batch(batch, name, one["language"], one["format"])
    # The second driver did what was missing, and nothing else.
    summary = json.loads((jobs_folder / "work" / job.rpartition("/")[2] / "summary.json").read_text())
    assert before["done"] <= summary["shards_skipped"] < before["total"]
    assert summary["shards_skipped"] + summary["shards_done"] == before["total"]


def test_a_job_of_uploads_that_is_cancelled_at_work_ends_and_leaves_nothing(url, sample_archive, jobs_folder):
    files = [("file", (sample_archive / name).read_bytes()) for name in MEDIA_FILES]
    job = f"{url}/v1/jobs/{requests.post(f'{url}/v1/jobs', files=files, timeout=60).json()['id']}"
    told = _told(job, lambda told: told["shards"]["total"] > 0)
    assert (told["status"], told["media"]["total"]) == ("in_progress", 3)
    assert requests.delete(job, timeout=60).json()["status"] == "cancelling"
    _told(job, lambda told: told["status"] == "cancelled")
    assert requests.get(f"{job}/results", timeout=60).json()["data"] == []
    assert [path for path in (jobs_folder / "work" / job.rpartition("/")[2]).rglob("*") if path.is_file()] == []
    assert not list((jobs_folder / "media").iterdir())
    assert requests.delete(job, timeout=60).json()["deleted"]
    assert requests.get(job, timeout=60).status_code == 404
    assert [path for path in jobs_folder.rglob("*") if job.rpartition("/")[2] in path.name] == []


def test_a_rollout_under_load_loses_no_request(url, args, batch, sample_archive):
    """Another number of translators, which replaces every replica of the real engine, while requests are worked on."""
    name = "interviews/röportaj.ogg"
    content = (sample_archive / name).read_bytes()

    def asked(at_work: threading.Event) -> list[str]:
        """What a stream tells, to its end."""
        answer = requests.post(
            f"{url}/v1/audio/translations", files={"file": content}, data={"stream": "true"}, stream=True, timeout=240
        )
        told = []
        for line in answer.iter_lines():
            told.append(line.decode())
            at_work.set()
        return told

    jobs = requests.get(f"{url}/v1/jobs", timeout=60).json()
    with ThreadPoolExecutor() as pool:
        begun = [threading.Event() for _ in range(3)]
        streams = [pool.submit(asked, event) for event in begun]
        assert all(event.wait(120) for event in begun)
        rollout = pool.submit(lambda: serve.run(build(args | {"max_replicas": 1}), name=APP, route_prefix="/"))
        answers = []
        while not rollout.done():
            answers.append(requests.get(f"{url}/v1/models", timeout=240))
        rollout.result()
    cues = json.loads(of_batch(batch, name, "fr", "json"))["cues"]
    for stream in streams:
        done = [line for line in stream.result() if "transcript.text.done" in line]
        assert json.loads(done[0].removeprefix("data: "))["text"] == "\n".join(" ".join(cue["lines"]) for cue in cues)
    assert requests.get(f"{url}/v1/jobs", timeout=60).json() == jobs
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)


def test_jobs_leave_the_service_a_part_of_nodes_that_both_use():
    left = _beside_jobs(Share(cpus=8.0, gpus=4, memory_gb=32.0, node_cpus=8.0, feed_cores=None), 0.25)
    assert (left.cpus, left.gpus, left.memory_gb) == (6.0, 3, 24.0)
    assert _beside_jobs(Share(cpus=2.0, gpus=0, memory_gb=8.0, node_cpus=2.0, feed_cores=None), 0.5).cpus == 1.0
    with pytest.raises(NoRoomForJobs, match="cannot share one GPU"):
        _beside_jobs(Share(cpus=8.0, gpus=1, memory_gb=32.0, node_cpus=8.0, feed_cores=None), 0.5)


def test_random_requests_get_what_the_document_says(url, site):
    figures = fuzz(url, examples=3, address=f"{site.url}/gone")
    assert figures["passed"]
    assert figures["requests"] >= 100


def _told(job: str, enough: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What is told of a job once it is enough; an ingress that is dead is asked again, as a client would."""
    last = None
    for _ in range(1200):
        with contextlib.suppress(requests.ConnectionError):
            answer = requests.get(job, timeout=60)
            assert answer.status_code in (200, 500, 503)
            last = answer.json() if answer.status_code == 200 else last
            if answer.status_code == 200 and enough(last):
                return last
            assert last is None or last["status"] not in ENDED, last
        threading.Event().wait(0.1)
    raise AssertionError(last)


def _driver(job: str) -> Any:
    """The actor that drives a job, or None."""
    with contextlib.suppress(ValueError):
        return ray.get_actor(job.rpartition("/")[2], namespace=JOBS_NAMESPACE)
    return None
