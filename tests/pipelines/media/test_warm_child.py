"""Children fork from one warm parent and are as confined, as killable and as alone as new processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from pipelines.media import warm_child
from pipelines.media.decode import probe
from pipelines.media.media_error import MediaError
from pipelines.media.stop import Stop, Stopped
from pipelines.settings import MediaLimits
from tests.pipelines.media.fake_store import write_entry_points
from tests.pipelines.media_samples import speech_like, write_media

PROJECT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="children are started afresh elsewhere")


@pytest.fixture(scope="module", autouse=True)
def _fake_store(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(write_entry_points(tmp_path_factory.mktemp("stores"))))
        yield


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_media(tmp_path_factory.mktemp("media") / "clip.wav", speech_like(2)))


def fails(url: str, limits: MediaLimits | None = None) -> MediaError:
    with pytest.raises(MediaError) as raised:
        probe(url, limits or MediaLimits())
    return raised.value


def look(folder: Path, way: str = "look", scheme: str = "fake", limits: MediaLimits | None = None) -> dict:
    """What a child tells of itself."""
    told = folder / f"{way}.json"
    assert fails(f"{scheme}://{way}{told}", limits).failure.kind == "vanished"
    return json.loads(told.read_text())


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_child_has_what_its_caller_has_and_its_limits(tmp_path, monkeypatch):
    first = look(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("ODD", "\udcff")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        child = look(tmp_path, limits=MediaLimits(memory_bytes=2**30, cpu_s=7))
    assert first["warm"]
    assert child["environment"].items() >= {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "ODD": "\udcff"}.items()
    assert "HOME" not in child["environment"]
    assert child["environment"]["OMP_NUM_THREADS"] == "1"
    assert child["folder"] == str(tmp_path)
    assert {name.split(":")[0] for name in child["descriptors"]} == {"pipe", "/memfd"}
    assert child["limits"] == {"memory": [2**30, 2**30], "cpu": [7, 12], "core": [0, 0]}
    assert (child["safe_path"], child["name"]) == (True, "decode_child")


def test_children_share_a_parent_that_has_one_thread(tmp_path, s3_url):
    before = look(tmp_path)
    assert fails(f"{s3_url}/gone.wav").failure.kind == "vanished"
    after = look(tmp_path)
    assert before["parent"] == after["parent"] != os.getpid()
    assert after["threads_of_the_parent"] == 1


def test_a_crash_a_hang_and_an_endless_loop_disturb_no_neighbour(tmp_path, clip):
    parent = look(tmp_path)["parent"]
    with ThreadPoolExecutor(8) as threads:
        bad = [
            threads.submit(fails, f"fake://hang{tmp_path}/hang.json", MediaLimits(wall_s=3)),
            threads.submit(fails, f"fake://crash{tmp_path}"),
            threads.submit(fails, f"fake://spin{tmp_path}", MediaLimits(cpu_s=1)),
        ]
        good = [threads.submit(probe, clip, MediaLimits()) for _ in range(20)]
        assert [one.result().duration_s for one in good] == [2.0] * 20
        hung, crashed, spun = (one.result().failure for one in bad)
    assert (hung.kind, hung.permanent) == ("timeout", False)
    assert (crashed.kind, crashed.permanent) == ("crashed", True)
    assert "SIGSEGV" in crashed.detail
    assert (spun.kind, spun.permanent) == ("limit", True)
    assert gone(json.loads((tmp_path / "hang.json").read_text())["pid"])
    assert look(tmp_path)["parent"] == parent


def test_a_child_of_which_nobody_wants_the_answer_any_more_is_killed_at_once(tmp_path):
    told = tmp_path / "hang.json"
    with Stop() as stop, ThreadPoolExecutor(1) as threads:
        asked = threads.submit(probe, f"fake://hang{told}", MediaLimits(wall_s=600), stop=stop)
        until(lambda: told.exists() and bool(told.read_text()))
        stop.now()
        with pytest.raises(Stopped):
            asked.result(timeout=60)
    stop.now()  # nobody listens any more
    assert gone(json.loads(told.read_text())["pid"])


def test_hundreds_of_requests_leave_nothing_behind(tmp_path):
    parent = psutil.Process(look(tmp_path)["parent"])

    before = psutil.Process().num_fds(), parent.num_fds()
    with ThreadPoolExecutor(8) as threads:
        ends = list(threads.map(lambda _: fails(f"{tmp_path}/gone.wav").failure.kind, range(200)))
        ends += threads.map(lambda _: fails(f"fake://crash{tmp_path}").failure.kind, range(10))
    assert ends == ["vanished"] * 200 + ["crashed"] * 10
    until(lambda: not parent.children())
    after = psutil.Process().num_fds(), parent.num_fds()
    assert max(now - then for now, then in zip(after, before, strict=True)) < 10  # another test's last one may close


def test_a_dead_warm_parent_is_replaced(tmp_path):
    first = look(tmp_path)
    os.kill(first["parent"], signal.SIGKILL)
    second = look(tmp_path)
    assert second["warm"]
    assert second["parent"] != first["parent"]


def test_what_a_dying_warm_parent_takes_with_it_is_asked_again(tmp_path):
    before = look(tmp_path)
    assert look(tmp_path, "kill-parent-once")["parent"] != before["parent"]
    assert not look(tmp_path, "kill-parent")["warm"]  # if they keep dying, without one
    assert look(tmp_path)["warm"]


def test_a_warm_parent_that_hangs_is_ended_with_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr(warm_child, "_PATIENCE_S", 0.2)
    first = look(tmp_path)
    os.kill(first["parent"], signal.SIGSTOP)
    assert fails(f"fake://look{tmp_path}/never.json", MediaLimits(wall_s=0.3)).failure.kind == "timeout"
    assert gone(first["parent"])
    assert look(tmp_path)["warm"]


def test_a_driver_that_starts_threads_gets_new_processes(tmp_path):
    assert not look(tmp_path, scheme="threaded")["warm"]
    assert look(tmp_path)["threads_of_the_parent"] == 1


def test_another_module_path_takes_another_warm_parent_and_leaves_running_children_alone(tmp_path, monkeypatch, clip):
    first = look(tmp_path)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(fails, f"fake://hang{tmp_path}/hang.json")
        until((tmp_path / "hang.json").exists)
        monkeypatch.setenv("PYTHONPATH", "")
        assert probe(clip, MediaLimits()).duration_s == 2.0
        assert not running.done()
        os.kill(json.loads((tmp_path / "hang.json").read_text())["pid"], signal.SIGTERM)
        assert "SIGTERM" in running.result().failure.detail
    until(lambda: gone(first["parent"]))


CALLER = """
import os, sys, threading, time
from pipelines.media.decode import probe
from pipelines.settings import MediaLimits

def ask(url):
    try:
        probe(url, MediaLimits())
    except Exception:
        pass

folder = sys.argv[1]
ask(f"fake://look{folder}/first.json")
threading.Thread(target=ask, args=[f"fake://hang{folder}/hang.json"], daemon=True).start()
while not os.path.exists(f"{folder}/hang.json"):
    time.sleep(0.01)
if os.fork() == 0:
    ask(f"fake://look{folder}/forked.json")
    time.sleep(600)
time.sleep(600)
"""


def test_nothing_outlives_a_caller_and_a_forked_process_has_a_warm_parent_of_its_own(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(PROJECT), os.environ["PYTHONPATH"]))}
    caller = subprocess.Popen([sys.executable, "-c", CALLER, str(tmp_path)], env=environment)
    forked = None
    try:
        until((tmp_path / "forked.json").exists)
        hanging, forked = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("hang", "forked"))
        assert hanging["warm"]
        assert forked["warm"]
        assert hanging["parent"] != forked["parent"]
        caller.kill()
        caller.wait()
        until(lambda: gone(hanging["pid"]))
        until(lambda: gone(hanging["parent"]))
        assert not gone(forked["parent"])
    finally:
        caller.kill()
        if forked is not None:
            os.kill(psutil.Process(forked["parent"]).ppid(), signal.SIGKILL)
    until(lambda: gone(forked["parent"]))


def test_many_threads_start_one_warm_parent(tmp_path):
    os.kill(look(tmp_path)["parent"], signal.SIGKILL)
    together = threading.Barrier(8)

    def parent(number: int) -> int:
        folder = tmp_path / f"{number}"
        folder.mkdir()
        together.wait()
        return look(folder)["parent"]

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(parent, range(8)))) == 1
