"""The job on a real local Ray with the embedded checkpoint: what goes in is accounted for, and done once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cluster.feedback import SilentFeedback
from pipelines.archive.storage import Store
from pipelines.ledger.parts import PartStore
from pipelines.ledger.verify import verify
from ray_apps.batch_job import run_job
from ray_apps.plan import plan_job
from ray_apps.settings import Settings
from ray_apps.summary import RunSummary

pytestmark = pytest.mark.usefixtures("local_ray")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, sample_archive: Path) -> Path:
    """Two real clips among what an archive also holds."""
    folder = tmp_path_factory.mktemp("archive")
    shutil.copy(sample_archive / "clips" / "haberler.mp3", folder / "haberler.mp3")
    (folder / "alt klasör").mkdir()
    shutil.copy(sample_archive / "clips" / "market.webm", folder / "alt klasör" / "ev 'ödevi' 🎬.webm")
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("this is no film\n" * 100)
    (folder / "playlist.m3u8").write_text(f"#EXTM3U\n#EXTINF:5,\n{sample_archive}/clips/aile.m4a\n#EXT-X-ENDLIST\n")
    whole = (sample_archive / "films" / "yolculuk.mp4").read_bytes()
    (folder / "truncated.mp4").write_bytes(whole[:2000])
    return folder


def settings(archive: Path, out: Path, **changes) -> Settings:
    base = Settings(inputs=(str(archive),), out=str(out), source="tr", targets=("fr",), model="embedded", max_actors=1)
    small = base.windows.model_copy(update={"shard_s": 9.6})
    return base.model_copy(update={"windows": small, **changes})


@pytest.fixture(scope="module")
def first(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunSummary]:
    """An output folder and the summary of the run that made it."""
    out = tmp_path_factory.mktemp("out") / "subtitles"
    return out, run_job(settings(archive, out), SilentFeedback())


def test_every_file_is_accounted_for(first):
    out, summary = first
    media = {row["name"]: row["status"] for row in pq.read_table(out / "media.parquet").to_pylist()}
    assert media["haberler.mp3"] == media["alt klasör/ev 'ödevi' 🎬.webm"] == "ok"
    assert media["empty.mp4"] == media["text.mp4"] == media["truncated.mp4"] == "failed"
    assert summary.media_done == 2
    assert verify(Store(str(out))).problems == ()


def test_failures_say_why(first):
    out, _ = first
    errors = {row["name"]: row["error_kind"] for row in pq.read_table(out / "errors.parquet").to_pylist()}
    assert errors["empty.mp4"] == "empty"
    assert errors["text.mp4"] == "not_media"


def test_subtitles_mirror_the_archive(first):
    out, _ = first
    srt = (out / "haberler.fr.srt").read_text()
    assert srt.count("-->") >= 3
    assert (out / "alt klasör" / "ev 'ödevi' 🎬.fr.vtt").read_text().startswith("WEBVTT")


def test_everything_is_marked_as_the_demo_models(first):
    out, summary = first
    assert summary.demo_model
    assert "demo-model" in (out / "haberler.fr.vtt").read_text()
    assert "demo-model" in (out / "haberler.fr.json").read_text()


def test_running_again_does_nothing_and_changes_nothing(first, archive):
    out, summary = first
    before = {p: p.read_bytes() for p in out.rglob("*.srt")}
    again = run_job(settings(archive, out), SilentFeedback())
    assert again.shards_done == 0
    assert again.shards_skipped == summary.shards_done
    assert {p: p.read_bytes() for p in out.rglob("*.srt")} == before


def test_a_lost_shard_is_done_again_and_alone(first, archive):
    out, _ = first
    plan = plan_job(settings(archive, out), SilentFeedback())
    shard = next(s for shards in plan.shards.values() for s in shards if s.index == 1)
    before = {p: p.read_bytes() for p in out.rglob("*.srt")}
    PartStore(Store(str(out)), plan.recipe.fingerprint).forget(shard.medium.id, shard.index)
    again = run_job(settings(archive, out), SilentFeedback())
    assert again.shards_done == 1
    assert {p: p.read_bytes() for p in out.rglob("*.srt")} == before


def test_another_subtitle_profile_costs_no_model_time(first, archive):
    out, _ = first
    narrow = settings(archive, out)
    narrow = narrow.model_copy(update={"cues": narrow.cues.model_copy(update={"max_line_chars": 30})})
    again = run_job(narrow, SilentFeedback())
    assert again.shards_done == 0
    lines = [line for p in out.rglob("*.srt") for line in p.read_text().splitlines()]
    assert max(len(line) for line in lines) <= 30
