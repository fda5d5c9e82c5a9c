"""The service on a real Ray Serve, asked by OpenAI's own client: the batch job's texts, whoever dies on the way."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path

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
from ray_apps.serve_app import APP, MEDIA, TRANSLATOR, build
from ray_apps.settings import Settings
from tests.proofs.fuzz_service import fuzz
from tests.ray_apps.serving import page_steps as steps

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
def url(batch: Path) -> Iterator[str]:
    """A service made from the shipped configuration, on a free port, with two translators."""
    config = yaml.safe_load(CONFIG.read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve.start(http_options={"host": config["http_options"]["host"], "port": port})
    changes = {"model": "embedded", "deterministic": True, "windows": WINDOWS.model_dump(), "max_replicas": 2}
    serve.run(build(config["applications"][0]["args"] | changes), name=APP, route_prefix="/")
    yield f"http://127.0.0.1:{port}"
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
    assert (verbose.language, verbose.duration > 10) == ("turkish", True)
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


def test_random_requests_get_what_the_document_says(url):
    figures = fuzz(url, examples=3)
    assert figures["passed"]
    assert figures["requests"] >= 100


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


def _kill_one(deployment: str) -> bool:
    """Kill a replica as a machine that dies would."""
    named = ray.util.list_named_actors(all_namespaces=True)
    replicas = [actor for actor in named if actor["name"].startswith(f"SERVE_REPLICA::{APP}#{deployment}#")]
    for actor in replicas[:1]:
        ray.kill(ray.get_actor(actor["name"], namespace=actor["namespace"]))
    return bool(replicas)
