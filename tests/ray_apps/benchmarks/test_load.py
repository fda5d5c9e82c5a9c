"""The short version of ``make load-test``: what locust writes down, and a real service that has far too many users."""

from __future__ import annotations

import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ray_apps.benchmarks.load.answers import Answer, accepted, ask, rate, refused, texts
from ray_apps.benchmarks.load.clips import Clip, make_clips
from ray_apps.benchmarks.load.direct import direct_plan, run_direct
from ray_apps.benchmarks.load.run import Size, under_load
from ray_apps.benchmarks.load.service import serving
from ray_apps.serving.settings import DoorLimits, ServeSettings


@pytest.fixture
def fake_service():
    """URL of a server that refuses, breaks off, fails and answers in turn."""
    turns = itertools.count()

    class FakeService(BaseHTTPRequestHandler):
        def do_POST(self):
            form = self.rfile.read(int(self.headers["Content-Length"]))
            turn = next(turns) % 4
            if turn == 1:
                return self.connection.close()
            status = (429, 0, 500, 200)[turn]
            body = json.dumps({"text": f"{form.count(b'CLIP')} heard"} if status == 200 else {"error": {"code": "no"}})
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "9")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            return self.wfile.write(body.encode())

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeService)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_every_answer_is_written_down(fake_service, tmp_path):
    (tmp_path / "a.mp3").write_bytes(b"CLIP")
    clips = [Clip(path=tmp_path / "a.mp3", seconds=10.0, spoken="")]
    told = ask(fake_service, clips, tmp_path, users=1, requests=3)
    assert [(answer.status, answer.retry_after) for answer in told] == [(429, "9"), (0, None), (500, None), (200, None)]
    assert told[-1].text == "1 heard"
    assert accepted(told, {"a": "1 heard"})["lost"] == {"0 no answer": 1, "500 no": 1}
    assert accepted(told, {"a": "other"})["other_texts"] == 1
    assert refused(told)["answers"] == 1
    assert texts(told[-1:]) == {"a": "1 heard"}
    with pytest.raises(RuntimeError, match="429"):
        texts(told)


def test_a_rate_counts_only_what_was_answered():
    clips = [Clip(path="a.mp3", seconds=10.0, spoken="")]
    done = [Answer(clip="a", status=200, began=t, ended=t + 2.0, text="") for t in (0.0, 3.0)]
    failed = Answer(clip="a", status=500, began=1.0, ended=20.0)
    assert rate([*done, failed], clips) == pytest.approx(20 / 5)


def test_what_a_worker_could_not_do_is_no_refusal_at_the_door():
    at_door = Answer(clip="a", status=503, began=0, ended=1, code="Request dropped due to backpressure")
    inside = at_door.model_copy(update={"code": "unavailable"})
    assert (at_door.refused, inside.refused) == (True, False)


@pytest.mark.usefixtures("local_ray")
def test_too_many_users_cost_no_accepted_request(tmp_path):
    settings = ServeSettings(model="embedded", max_replicas=1, door=DoorLimits(working=2, waiting=2, retry_after_s=7))
    clips = make_clips(tmp_path / "clips", (2, 4, 3))
    plan = direct_plan(settings)
    direct = texts(run_direct(plan, clips, len(clips), len(clips)))
    with serving(settings.model_dump()) as url:
        figures = under_load(url, clips, direct, tmp_path, Size(users=4, rounds=2, overload_s=3.0), settings)
    assert figures["passed"]
    assert figures["service"]["accepted"]["answers"] == figures["after"]["accepted"]["answers"] == 8
    assert figures["service"]["refused"]["answers"] == 0
    assert figures["overload"]["refused"]["by_status"].keys() <= {"429", "503"}
    assert figures["overload"]["refused"]["answers"] > figures["overload"]["accepted"]["answers"] > 0
