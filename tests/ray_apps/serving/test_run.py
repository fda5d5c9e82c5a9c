"""``voxtral serve`` before anything is started: files and flags, and who is warned."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster.feedback import SilentFeedback
from ray_apps.cli_settings import UsageError
from ray_apps.serving import run

SHIPPED = Path(__file__).parents[3] / "serve_config.yaml"


class Feedback(SilentFeedback):
    def __init__(self):
        self.warnings = []

    def warning(self, message):
        self.warnings.append(message)


@pytest.fixture
def started(monkeypatch):
    """What would have been served, and where."""
    seen = {}

    class FakeServe:
        start = staticmethod(lambda http_options, logging_config: seen.update(http=http_options))
        shutdown = staticmethod(lambda: seen.update(ended=True))

        @staticmethod
        def run(app, **_options):
            seen["args"], seen["open"] = app, 3
            raise KeyboardInterrupt

        @staticmethod
        def delete(name):
            seen["deleted"] = name, seen["open"]

        @staticmethod
        def get_app_handle(_name):
            """Open requests end one by one."""

            def result(timeout_s):
                seen["open"] -= 1
                return seen["open"]

            asked = SimpleNamespace(result=result)
            return SimpleNamespace(close_door=SimpleNamespace(remote=lambda: asked))

    monkeypatch.setattr(run, "serve", FakeServe)
    monkeypatch.setattr(run, "_LOOK_S", 0.0)
    monkeypatch.setattr(run, "build", lambda args: args)
    monkeypatch.setattr(run, "ray_session", lambda _address: nullcontext())
    return seen


def test_flags_go_before_the_file_and_it_is_ended(started):
    run.serve_until_interrupted(SHIPPED, {"target": "German", "model": None}, None, 9000, None, Feedback())
    assert started["args"] == {"source": "Turkish", "target": "German"}
    assert (started["http"]["host"], started["http"]["port"]) == ("127.0.0.1", 9000)
    assert (started["deleted"], started["ended"]) == ((run.APP, 0), True)


def test_a_cluster_that_was_there_keeps_its_serve(started):
    run.serve_until_interrupted(SHIPPED, {}, None, None, "auto", Feedback())
    assert started["deleted"] == (run.APP, 0)
    assert "ended" not in started


def test_serve_gives_up_after_our_own_deadline(started):
    run.serve_until_interrupted(SHIPPED, {"door": {"deadline_s": 9000}}, None, None, None, Feedback())
    assert started["http"]["request_timeout_s"] > 9000


@pytest.mark.parametrize(
    ("host", "keys", "warned"),
    [
        ("0.0.0.0", None, True),
        ("0.0.0.0", "keys", False),
        ("::1", None, False),
        (None, None, False),
        ("localhost", None, False),
        ("box.example", None, True),
    ],
)
def test_a_service_that_anybody_may_use_says_so(started, host, keys, warned):
    feedback = Feedback()
    run.serve_until_interrupted(None, {"keys_file": keys}, host, None, None, feedback)
    assert bool(feedback.warnings) == warned


@pytest.mark.parametrize("content", ["", "- 1", "applications: []", "a: [", "applications: [{args: {colour: red}}]"])
def test_a_file_that_is_no_configuration_is_told(started, tmp_path, content):
    path = tmp_path / "c.yaml"
    path.write_text(content)
    with pytest.raises(UsageError):
        run.serve_until_interrupted(path, {}, None, None, None, Feedback())
    with pytest.raises(UsageError):
        run.serve_until_interrupted(tmp_path / "none.yaml", {}, None, None, None, Feedback())
    assert started == {}
