"""The routes and the door, without Ray: what is let in, what is answered, what ends with its client."""

from __future__ import annotations

import asyncio
import errno
import json
from typing import Any

import httpx2
import pytest

from ray_apps.serving import app, uploads
from ray_apps.serving.keys import add_key
from ray_apps.serving.workers import Unavailable
from tests.ray_apps.serving.asgi_service import MEDIUM, TRANSCRIBE, TRANSLATE, Service
from tests.ray_apps.serving.fake_workers import FakeWorkers

STREAM = b'--b\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n'


def events(answer: httpx2.Response) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]


def test_texts_come_back_in_order_whoever_is_first(tmp_path):
    service = Service(tmp_path, FakeWorkers(duration_s=60))
    service.workers.last_first = True
    answer = service.post()
    assert answer.json()["text"] == "\n".join(f"fr at {s} seconds." for s in range(0, 60, 10))
    assert service.workers.content == b"some bytes of sound"


@pytest.mark.parametrize(
    ("fmt", "content_type", "start"),
    [
        ("json", "application/json", '{"text": "fr at 0 seconds.'),
        ("text", "text/plain; charset=utf-8", "fr at 0 seconds.\nfr at 10"),
        ("srt", "application/x-subrip; charset=utf-8", "1\n00:00:00,500 -->"),
        ("vtt", "text/vtt; charset=utf-8", "WEBVTT\n"),
        ("verbose_json", "application/json", '{"task": "translate", "language": "french"'),
    ],
)
def test_every_format_has_its_content_type_and_says_that_a_demo_model_made_it(tmp_path, fmt, content_type, start):
    answer = Service(tmp_path).post(data={"response_format": fmt})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == content_type
    assert answer.text.startswith(start)
    assert "demo-model" in answer.text
    assert answer.headers["x-voxtral-demo-model"] == "true"


def test_languages_go_by_the_request_before_the_settings(tmp_path):
    service = Service(tmp_path, source="Turkish", target="French")
    service.post(TRANSCRIBE, data={"language": "Türkçe"})
    service.post(TRANSLATE)
    assert {(source, targets) for _, source, targets in service.workers.asked} == {("tr", ()), ("tr", ("fr",))}
    assert service.post(TRANSLATE, data={"to_language": "German"}).json()["error"]["code"] == "unsupported_language"
    verbose = service.post(TRANSLATE, data={"response_format": "verbose_json"}).json()
    assert (verbose["language"], verbose["source_language"]) == ("french", "turkish")


def test_a_client_may_ask_for_the_language_to_be_found_out(tmp_path):
    service = Service(tmp_path, source="Turkish", target="French")
    service.workers.tagged = "fr"
    assert service.post(TRANSCRIBE, data={"language": "auto"}).status_code == 400
    service.workers.tagged = "tr"
    assert service.post(TRANSCRIBE, data={"language": "auto"}).status_code == 200
    assert {source for _, source, _ in service.workers.asked} == {"tr"}


def test_a_decoder_that_was_killed_is_asked_again_and_the_medium_is_not_blamed(tmp_path):
    service = Service(tmp_path, FakeWorkers(failure="crashed", permanent=False))
    answer = service.post()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert len(service.workers.limits) == 2


def test_a_disk_without_room_for_uploads_asks_to_come_again(tmp_path, monkeypatch):
    def fake_full_disk(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    service = Service(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(uploads.tempfile, "mkstemp", fake_full_disk)
        answer = service.post()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    with monkeypatch.context() as patched:
        patched.setattr(uploads.Path, "open", fake_full_disk)
        answer = service.post()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert list(tmp_path.iterdir()) == []


def test_an_upload_that_stalls_gives_its_place_back(tmp_path):
    service = Service(tmp_path, door={"stalled_s": 0.01})

    async def stalled():
        yield _multipart()[:-20]
        await asyncio.Event().wait()

    async def ask() -> httpx2.Response:
        async with service.client() as client:
            headers = {"content-type": "multipart/form-data; boundary=b"}
            return await client.post(TRANSLATE, content=stalled(), headers=headers)

    answer = asyncio.run(asyncio.wait_for(ask(), 20))
    assert (answer.status_code, answer.json()["error"]["code"]) == (408, "upload_stalled")
    assert service.app.state.service.admission.open == 0


def test_a_deadline_is_no_reason_to_send_a_film_again(tmp_path):
    service = Service(tmp_path, door={"deadline_s": 0.05})
    service.workers.free.clear()
    answer = service.post()
    assert (answer.status_code, answer.headers["x-should-retry"]) == (504, "false")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8000", 200),
        ("https://subs.example", 200),
        ("http://elsewhere.example", 403),
        ("null", 403),
        ("http://[", 403),
    ],
)
def test_a_form_on_another_sites_page_is_refused_over_plain_http_too(tmp_path, origin, status):
    service = Service(tmp_path, hosts=("subs.example",))
    assert service.post(headers={"origin": origin}).status_code == status


def test_a_stream_gives_each_cue_once_in_order_then_the_whole(tmp_path):
    service = Service(tmp_path, FakeWorkers(duration_s=60))
    answer = service.post(data={"stream": "true"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = events(answer)
    assert told[0] == {"type": "voxtral.progress", "done_s": 0.0, "duration_s": 60.0}
    cues = [event["cue"] for event in told if event["type"] == "transcript.text.delta"]
    assert [cue["index"] for cue in cues] == [1, 2, 3, 4, 5, 6]
    assert told[-1]["type"] == "transcript.text.done"
    deltas = "".join(event["delta"] for event in told if event["type"] == "transcript.text.delta")
    assert deltas.rstrip("\n") == told[-1]["text"] == service.post().json()["text"]
    whole = service.post(data={"response_format": "verbose_json"}).json()["segments"]
    assert [(cue["start"], cue["end"]) for cue in cues] == [(one["start"], one["end"]) for one in whole]
    done = [event["done_s"] for event in told if event["type"] == "voxtral.progress"]
    assert done == sorted(done)
    assert done[-1] == 60.0
    assert list(service.spool.iterdir()) == []


def test_cues_are_told_while_later_windows_wait(tmp_path):
    """The first window's answer is on its way before the last one's is there."""
    service = Service(tmp_path, FakeWorkers(duration_s=60))
    seen: list[str] = []

    async def ask() -> None:
        release = asyncio.Event()
        ask_model = service.workers.translate

        async def late(windows, *rest):
            if windows[0].start_s >= 40:
                await release.wait()
            return await ask_model(windows, *rest)

        service.workers.translate = late
        parts: list[bytes] = []

        async def send(message):
            parts.append(message.get("body", b""))
            seen.extend(p.decode() for p in parts[-1:] if b"cue" in p)
            if b"20 seconds" in parts[-1]:
                release.set()

        await service.app(*_scope(STREAM + _multipart(), send=send))

    asyncio.run(asyncio.wait_for(ask(), 20))
    assert len(seen) == 6


def test_a_stream_that_waits_is_not_silent(tmp_path, monkeypatch):
    monkeypatch.setattr(app, "_KEEP_ALIVE_S", 0.01)
    service = Service(tmp_path)
    service.workers.free.clear()

    async def ask() -> bytes:
        sent = bytearray()

        async def send(message):
            sent.extend(message.get("body", b""))
            if b": at work" in sent:
                service.workers.free.set()

        await service.app(*_scope(STREAM + _multipart(), send=send))
        return bytes(sent)

    sent = asyncio.run(asyncio.wait_for(ask(), 20))
    assert sent.index(b": at work\n\n") < sent.index(b"transcript.text.delta")
    assert b"transcript.text.done" in sent


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": "docx"}, "response_format"),
        ({"temperature": "7"}, "temperature"),
        ({"language": "Klingonish"}, "language"),
        ({"language": "\x00"}, "language"),
        ({"stream": "perhaps"}, "stream"),
        ({"timestamp_granularities[]": "word"}, "timestamp_granularities"),
        ({"response_format": "verbose_json", "timestamp_granularities[]": "word"}, "timestamp_granularities[]"),
    ],
)
def test_a_field_that_does_not_fit_is_named(tmp_path, fields, param):
    answer = Service(tmp_path).post(TRANSCRIBE, data=fields)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_temperature_and_terms_reach_the_translators_and_the_answer_tells(tmp_path):
    service = Service(tmp_path)
    fields = {"temperature": "0.4", "prompt": "köprü = pont; Elif=Élif", "response_format": "verbose_json"}
    answer = service.post(TRANSLATE, data=fields)
    terms = (("köprü", "pont", "fr"), ("Elif", "Élif", "fr"))
    assert {wish.temperature for wish in service.workers.wishes} == {0.4}
    assert {tuple((t.source, t.target, t.language) for t in wish.terms) for wish in service.workers.wishes} == {terms}
    assert answer.headers["x-voxtral-prompt"] == "used"
    assert {segment["temperature"] for segment in answer.json()["segments"]} == {0.4}


@pytest.mark.parametrize(
    ("path", "prompt", "told"),
    [
        (TRANSLATE, "köprü = pont", "used"),
        (TRANSLATE, "köprü = pont\nBe formal.", "partly used"),
        (TRANSLATE, "Be formal.", "ignored"),
        (TRANSLATE, "a = " + "b" * 101, "ignored"),
        (TRANSLATE, " ; ", None),
        (TRANSLATE, None, None),
        (TRANSCRIBE, "köprü = pont", "ignored"),
    ],
)
def test_what_became_of_a_prompt_is_told_and_never_silent(tmp_path, path, prompt, told):
    fields = {"prompt": prompt} if prompt else {}
    assert Service(tmp_path).post(path, data=fields).headers.get("x-voxtral-prompt") == told
    streamed = Service(tmp_path).post(path, data=fields | {"stream": "true"})
    assert streamed.headers.get("x-voxtral-prompt") == told


def test_an_unknown_model_is_not_found(tmp_path):
    answer = Service(tmp_path).post(data={"model": "whisper-1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert Service(tmp_path).post(data={"model": "small"}).status_code == 200
    listed = Service(tmp_path).get("/v1/models").json()["data"]
    assert [(one["id"], one["object"], one["demo_model"]) for one in listed] == [("small", "model", True)]
    assert Service(tmp_path).get("/v1/models/other").status_code == 404


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("not_media", 415),
        ("undecodable", 415),
        ("no_audio", 422),
        ("too_long", 413),
        ("limit", 413),
        ("crashed", 422),
        ("vanished", 503),
    ],
)
def test_a_bad_medium_is_refused_without_the_decoders_words(tmp_path, kind, status):
    answer = Service(tmp_path, FakeWorkers(failure=kind)).post()
    assert answer.status_code == status
    assert "secret" not in answer.text
    assert ("retry-after" in answer.headers) == (status == 503)
    streamed = events(Service(tmp_path, FakeWorkers(failure=kind)).post(data={"stream": "true"}))
    assert streamed[-1]["type"] == "error"
    assert list(tmp_path.iterdir()) == []


def test_our_own_faults_say_nothing_of_the_inside(tmp_path):
    service = Service(tmp_path)
    service.workers.raises = RuntimeError("at /home/someone/model.py")
    answer = service.post()
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "someone" not in answer.text
    service.workers.raises = Unavailable("four replicas died")
    answer = service.post()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


def test_more_bytes_than_allowed_are_refused_declared_or_not(tmp_path):
    service = Service(tmp_path, door={"upload_bytes": 1000})
    assert service.post(files={"file": b"x" * 2000}).status_code == 413

    async def endless():
        while True:
            yield _multipart()[:-20] + b"x" * 100

    async def ask() -> int:
        async with service.client() as client:
            headers = {"content-type": "multipart/form-data; boundary=b"}
            return (await client.post(TRANSLATE, content=endless(), headers=headers)).status_code

    assert asyncio.run(ask()) == 413
    assert list(tmp_path.iterdir()) == []


FORM = "multipart/form-data; boundary=b"
FIELD = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n'


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"--b\r\n", FORM, 400),
        (b"", FORM, 400),
        (b"no form at all", FORM, 400),
        (b"{}", "application/json", 415),
        (b"", "multipart/form-data", 415),
        (FIELD + b"y\r\n--b--\r\n", FORM, 422),
        (FIELD + b"y" * 70_000, FORM, 413),
        (FIELD + b"\xff\r\n--b--\r\n", FORM, 400),
        ((FIELD + b"y\r\n") * 70, FORM, 413),
        (b"--b\r\nX-Long: " + b"y" * 9000 + b"\r\n\r\n", FORM, 400),
    ],
)
def test_a_malformed_form_is_refused(tmp_path, content, content_type, status):
    answer = Service(tmp_path).post(files=None, content=content, headers={"content-type": content_type})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert list(tmp_path.iterdir()) == []


def test_who_comes_when_all_places_are_taken_is_told_when_to_come_again(tmp_path):
    service = Service(tmp_path, door={"working": 1, "waiting": 1, "retry_after_s": 7})
    service.workers.free.clear()

    async def ask() -> tuple[list[httpx2.Response], httpx2.Response, httpx2.Response]:
        async with service.client() as client:
            first = [asyncio.create_task(client.post(TRANSLATE, files=MEDIUM)) for _ in range(2)]
            while service.app.state.service.admission.open < 2:
                await asyncio.sleep(0)
            refused = await client.post(TRANSLATE, files=MEDIUM)
            healthy = await client.get("/healthz")
            service.workers.free.set()
            return list(await asyncio.gather(*first)), refused, healthy

    taken, refused, healthy = asyncio.run(asyncio.wait_for(ask(), 20))
    assert [answer.status_code for answer in taken] == [200, 200]
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert healthy.status_code == 200


def test_a_request_has_its_time_and_no_more(tmp_path):
    service = Service(tmp_path, door={"deadline_s": 0.2})
    service.workers.free.clear()
    answer = service.post()
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline")
    assert service.workers.stopped == 2
    assert service.workers.limits[0].wall_s <= 0.2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stream", [b"", STREAM])
def test_a_client_that_goes_away_ends_its_work(tmp_path, stream):
    service = Service(tmp_path)
    service.workers.free.clear()

    async def ask() -> None:
        async def send(_message):
            pass

        async def leave():
            while len(service.workers.asked) < 2:
                await asyncio.sleep(0)

        await service.app(*_scope(stream + _multipart(), send=send, until=leave))

    asyncio.run(asyncio.wait_for(ask(), 20))
    assert service.workers.stopped == 2
    assert service.app.state.service.admission.open == 0
    assert list(tmp_path.iterdir()) == []


def test_keys_are_asked_for_and_exchanged_while_it_runs(tmp_path):
    keys = tmp_path / "keys"
    old = add_key(keys, "anna")
    (tmp_path / "spool").mkdir()
    service = Service(tmp_path / "spool", keys_file=str(keys))

    def status(key: str | None) -> int:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return service.get("/v1/models", headers=headers).status_code

    assert (status(old), status(None), status("vx-wrong"), status(old[:-1])) == (200, 401, 401, 401)
    assert service.post().json()["error"]["code"] == "invalid_api_key"
    assert service.workers.asked == []
    assert [service.get(path).status_code for path in ("/healthz", "/openapi.json")] == [200, 200]
    assert [service.get(path).status_code for path in ("/v1", "/v2/x", "//v1/models", "/docs")] == [401] * 4
    assert old not in keys.read_text()
    new = add_key(keys, "bert")
    assert (status(old), status(new)) == (200, 200)
    keys.write_text("".join(line for line in keys.read_text().splitlines(True) if "bert" in line))
    assert (status(old), status(new)) == (401, 200)
    keys.write_text("damaged\n")
    assert status(new) == 503
    keys.unlink()
    assert status(new) == 503


def test_pages_of_other_sites_are_refused(tmp_path):
    service = Service(tmp_path)
    assert service.post(headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert service.post(headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("[::1]:8000", 200),
        ("Subtitles.example:80", 200),
        ("evil.example", 403),
        ("evil.example:8000", 403),
        ("127.0.0.1.evil.example", 403),
        ("", 403),
    ],
)
def test_a_name_that_anybody_could_point_here_is_refused(tmp_path, host, status):
    service = Service(tmp_path, hosts=["subtitles.example"])
    assert service.get("/v1/models", headers={"Host": host}).status_code == status


def _multipart() -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nsound\r\n--b--\r\n'


def _scope(body: bytes, send: Any, until: Any = None) -> tuple[Any, Any, Any]:
    """An ASGI call of the translation route whose client goes away once ``until`` returns."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        if messages:
            return messages.pop()
        await (until() if until else asyncio.Event().wait())
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": TRANSLATE,
        "raw_path": TRANSLATE.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=b")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    return scope, receive, send


def test_a_service_that_ends_lets_nobody_in_and_answers_who_is(tmp_path):
    service = Service(tmp_path)
    service.workers.free.clear()

    async def ask() -> tuple[httpx2.Response, httpx2.Response]:
        async with service.client() as client:
            before = asyncio.create_task(client.post(TRANSLATE, files=MEDIUM))
            while not service.workers.asked:
                await asyncio.sleep(0)
            service.app.state.service.admission.close()
            after = await client.post(TRANSLATE, files=MEDIUM)
            service.workers.free.set()
            return await before, after

    before, after = asyncio.run(asyncio.wait_for(ask(), 20))
    assert before.status_code == 200
    assert (after.status_code, after.headers["retry-after"]) == (503, "10")
