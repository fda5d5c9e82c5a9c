"""A run's profile against its parts, with deaths in between; and what the command shows of it."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
import ray
from ray._common.test_utils import wait_for_condition

from cluster.feedback import SilentFeedback
from cluster.profile import ray_book
from cluster.profile.book import DamagedProfile
from cluster.profile.ray_book import NAMESPACE, books, close_book
from cluster.profile.view import view
from pipelines.archive.storage import Store
from pipelines.ledger.parts import PartStore
from pipelines.ledger.runs import load_run
from pipelines.ledger.verify import verify
from ray_apps import batch_job, cli, profiled
from ray_apps.batch_job import run_job
from ray_apps.benchmarks.profiling import stage_cost_s
from ray_apps.profiled import load_profile
from ray_apps.settings import Settings
from ray_apps.translator import VoxtralTranslator

pytestmark = pytest.mark.usefixtures("local_ray")


def fake_mortal_translator(died: Path) -> type[VoxtralTranslator]:
    """A translator whose process ends once, when it has answered its third shard and told nobody."""

    class FakeMortalTranslator(VoxtralTranslator):
        answered = 0

        async def translate(self, *asked):
            answer = await super().translate(*asked)
            self.answered += 1
            if self.answered == 3 and not died.exists():
                died.touch()
                os._exit(1)
            return answer

    return FakeMortalTranslator


def run_books() -> list[str]:
    """A service of another test may have one too."""
    return [name for name in books() if name != profiled.SERVICE]


def settings(folder: Path, **changes) -> Settings:
    base = Settings(
        inputs=(str(folder / "media"),),
        out=str(folder / "out"),
        source="tr",
        targets=("fr",),
        model="embedded",
        max_actors=1,
    )
    return base.model_copy(update={"windows": base.windows.model_copy(update={"shard_s": 9.6}), **changes})


def in_parts(folder: Path) -> Counter[str]:
    """Seconds by operation that the parts on disk tell of."""
    parts = PartStore(Store(str(folder / "out")), load_run(Store(str(folder / "out"))).fingerprint)
    found: Counter[str] = Counter()
    for medium in parts.finished():
        for part in parts.read_medium(medium):
            found.update(part.seconds)
    return found


@pytest.fixture(scope="module")
def profiled_run(tmp_path_factory, sample_archive) -> Path:
    """A folder with ``out``: a run whose translator died, and then the book of its profile."""
    folder = tmp_path_factory.mktemp("profiled")
    (folder / "media").mkdir()
    for name in ("haberler.mp3", "market.webm", "aile.m4a"):
        shutil.copy(sample_archive / "clips" / name, folder / "media")

    class FakeSaboteur(SilentFeedback):
        done = False

        def progress(self, **figures: float) -> None:
            if (folder / "died").exists() and not self.done:
                self.done = True
                (book,) = run_books()
                ray.kill(ray.get_actor(book, NAMESPACE), no_restart=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_job, "VoxtralTranslator", fake_mortal_translator(folder / "died"))
        patch.setattr(ray_book, "_PULL_S", 0.2)
        saboteur = FakeSaboteur()
        summary = run_job(settings(folder), saboteur)
    assert saboteur.done
    assert (summary.media_done, summary.error_rows) == (3, 0)
    return folder


@pytest.fixture(scope="module")
def snapshot(profiled_run):
    store = Store(str(profiled_run / "out"))
    return load_profile(store, load_run(store).fingerprint)


def test_totals_are_those_of_the_parts_though_an_actor_and_the_book_were_killed(profiled_run, snapshot):
    profile = view(snapshot)
    costs = in_parts(profiled_run)
    assert set(costs) == {"decode", "vad", "windows", "engine"}
    totals = {line.operation: line.total_s for line in profile.operations}
    for name, seconds in costs.items():
        assert totals[name] == pytest.approx(seconds, rel=0.01), name
        assert profile.parts[name].seconds == pytest.approx(seconds, rel=1e-9), name


def test_it_costs_less_than_a_hundredth_of_the_work(snapshot):
    """The short version of ``make profile-cost``: three stages' hooks beside a short shard's work."""
    profile = view(snapshot)
    shards = profile.parts["engine"].count
    assert 3 * stage_cost_s() < 0.01 * profile.total_s / shards


def test_every_stage_is_there_by_worker_and_the_dead_one_among_them(snapshot):
    profile = view(snapshot)
    assert {stage.stage for stage in profile.stages} == {"listen", "translate", "record", "assemble"}
    translators = [line for line in profile.actors if line.operation == "engine"]
    assert len(translators) == 2
    assert min(line.count for line in translators) >= 1  # what the dead one told stays
    engine = next(line for line in profile.operations if line.operation == "engine")
    assert engine.tokens > 0
    assert engine.items > 0
    assert 0.0 < profile.gauges["fill"].mean <= 1.0
    assert {worker.memory_gb is None for worker in profile.workers if worker.busy > 0.9} <= {False}


def test_the_command_shows_it_and_writes_its_files(profiled_run, tmp_path, capsys, snapshot):
    names = [str(tmp_path / name) for name in ("p.json", "t.json", "p.svg")]
    files = ["--json", names[0], "--trace", names[1], "--picture", names[2]]
    with pytest.raises(SystemExit) as ended:
        cli.main(["profile", str(profiled_run / "out"), *files])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for word in ("translate: engine", "listen: decode", "p50", "p95", "p99", "RTFx", "share", "no stragglers"):
        assert word in shown
    assert json.loads(Path(names[0]).read_text())["total_s"] == pytest.approx(view(snapshot).total_s)
    events = json.loads(Path(names[1]).read_text())["traceEvents"]
    done = {(event["pid"], event["tid"], event["cat"]) for event in events if event["ph"] == "X"}
    assert {stage for _, _, stage in done} == {"listen", "translate", "record", "assemble"}
    assert sum(stage == "translate" for _, _, stage in done) == 2
    assert Path(names[2]).read_text().lstrip().startswith("<?xml")


def test_verify_has_nothing_against_it(profiled_run):
    assert verify(Store(str(profiled_run / "out"))).problems == ()


def test_it_is_seen_live_from_elsewhere_and_gone_with_the_run(profiled_run, tmp_path):
    """The second half of the media, by a run that goes on; its profile joins the first one's."""
    shutil.copytree(profiled_run, tmp_path / "more")
    shutil.copy(profiled_run / "media" / "aile.m4a", tmp_path / "more" / "media" / "again.m4a")
    seen: list[float] = []

    class FakeOnlooker(SilentFeedback):
        def progress(self, **figures: float) -> None:
            names = run_books()
            if names and not seen:
                seen.append(len(ray_book.read_book(names[0]).parts.get(names[0], {})))

    again = run_job(settings(tmp_path / "more"), FakeOnlooker())
    assert again.shards_done >= 1
    assert seen
    assert run_books() == []
    joined = load_profile(Store(str(tmp_path / "more" / "out")), again.fingerprint)
    engine = view(joined).parts["engine"]
    assert engine.count == again.shards
    assert engine.seconds == pytest.approx(in_parts(tmp_path / "more")["engine"])


def test_an_output_without_a_profile_says_so(profiled_run, tmp_path, capsys):
    shutil.copytree(profiled_run / "out", tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "_voxtral" / "profile")
    with pytest.raises(SystemExit) as ended:
        cli.main(["profile", str(tmp_path / "out")])
    assert ended.value.code == 1
    assert "holds no profile" in capsys.readouterr().err


def test_where_nobody_profiles_a_stage_tells_nobody():
    with profiled.stage(None, "translate", "m/00000") as costs:
        costs.seconds = {"engine": 1.0}
    assert run_books() == []


def test_where_nothing_runs_the_command_says_what_to_do(capsys):
    close_book(profiled.SERVICE)
    wait_for_condition(lambda: books() == [])
    with pytest.raises(SystemExit) as ended:
        cli.main(["profile", "--once"])
    assert ended.value.code == 1
    assert "voxtral profile OUT" in capsys.readouterr().err


def test_a_damaged_file_is_named(tmp_path):
    store = Store(str(tmp_path))
    store.write_bytes("_voxtral/profile/f/run.json.gz", b"nonsense")
    with pytest.raises(DamagedProfile, match=r"run\.json\.gz is damaged.*delete it"):
        load_profile(store, "f")
