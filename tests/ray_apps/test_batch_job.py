"""The job on a real local Ray with the embedded checkpoint: what goes in is accounted for, and done once."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from b200_kernels.checkpoint_sources import EMBEDDED_FOLDER
from b200_kernels.embedded.recipe.media import Container, write
from cluster.feedback import SilentFeedback
from pipelines.archive.storage import Store
from pipelines.ledger.corrections import Correction, write_corrections
from pipelines.ledger.lease import LeaseHeld
from pipelines.ledger.parts import PartStore
from pipelines.ledger.runs import load_run, mark_unassembled
from pipelines.ledger.verify import verify
from pipelines.media.decode import decode
from pipelines.settings import MediaLimits
from ray_apps import batch_job
from ray_apps.batch_job import run_job
from ray_apps.plan import plan_job
from ray_apps.report.gather import gather
from ray_apps.settings import Settings
from ray_apps.summary import RunSummary
from ray_apps.translator import VoxtralTranslator

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
    failed = ("empty.mp4", "text.mp4", "truncated.mp4", "playlist.m3u8")
    assert {media[name] for name in failed} == {"failed"}
    assert len(media) == 2 + len(failed)
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


def test_a_lost_shard_is_done_again_and_alone(first, archive, tmp_path):
    out = tmp_path / "subtitles"  # of its own: work done again costs other seconds, which the report's test reads
    shutil.copytree(first[0], out)
    plan = plan_job(settings(archive, out), SilentFeedback())
    shard = next(shard for shard in plan.shards if shard.index == 1)
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


def test_copies_with_subtitles_cost_no_model_time_and_what_has_none_is_told(first, archive):
    out, _ = first
    muxed = settings(archive, out)
    muxed = muxed.model_copy(update={"cues": muxed.cues.model_copy(update={"mux": True})})
    again = run_job(muxed, SilentFeedback())
    assert (again.shards_done, again.not_muxed) == (0, 0)
    copies = sorted(str(path.relative_to(out)) for path in out.rglob("*.subtitled.*") if "_voxtral" not in path.parts)
    assert copies == ["alt klasör/ev 'ödevi' 🎬.subtitled.webm", "haberler.subtitled.mkv"]
    assert verify(Store(str(out))).problems == ()


def test_a_correction_stands_in_the_copy_and_one_that_finds_no_cue_is_told(first, archive):
    out, _ = first
    store = Store(str(out))
    muxed = settings(archive, out)
    muxed = muxed.model_copy(update={"cues": muxed.cues.model_copy(update={"mux": True})})
    medium = next(m for m in plan_job(muxed, SilentFeedback()).media if m.name == "haberler.mp3")
    run_job(muxed, SilentFeedback())
    cue = json.loads((out / "haberler.fr.json").read_text())["cues"][0]
    fix = Correction(start_s=cue["start_s"], end_s=cue["end_s"], before=cue["text"], after="Dit par une personne.")
    lost = Correction(start_s=1.0, end_s=2.0, before="Jamais dit.", after="x")
    write_corrections(store, medium.id, "fr", [fix, lost])
    mark_unassembled(store, load_run(store))
    warned: list[str] = []

    class FakeEar(SilentFeedback):
        def warning(self, message: str) -> None:
            warned.append(message)

    run_job(settings(archive, out), SilentFeedback())
    assert any("haberler.subtitled.mkv shows other subtitles" in note for note in verify(store).notes)
    run_job(muxed, FakeEar())
    assert b"Dit par une personne." in (out / "haberler.subtitled.mkv").read_bytes()
    assert not any("shows other subtitles" in note for note in verify(store).notes)
    assert sum("Jamais dit." in message for message in warned) == 1
    assert verify(store).problems == ()


def fake_dying_translator(medium_id: str) -> type[VoxtralTranslator]:
    """A translator whose process ends whenever it is given this medium."""

    class FakeDyingTranslator(VoxtralTranslator):
        async def _tried(self, row):
            if row.shard.medium.id == medium_id:
                os._exit(1)
            return await super()._tried(row)

    return FakeDyingTranslator


def test_a_shard_that_kills_its_worker_ends_as_a_row_and_the_others_go_on(tmp_path, sample_archive, monkeypatch):
    for name in ("haberler.mp3", "market.webm"):
        shutil.copy(sample_archive / "clips" / name, tmp_path / name)
    chosen = settings(tmp_path, tmp_path / "out").model_copy(update={"max_attempts": 2})
    plan = plan_job(chosen, SilentFeedback())
    poison = next(m for m in plan.media if m.name == "market.webm")
    monkeypatch.setattr(batch_job, "VoxtralTranslator", fake_dying_translator(poison.id))
    summary = run_job(chosen, SilentFeedback())
    errors = pq.read_table(tmp_path / "out" / "errors.parquet").to_pylist()
    assert {row["name"] for row in errors} == {"market.webm"}
    assert {row["error_kind"] for row in errors} == {"worker_died"}
    assert (tmp_path / "out" / "haberler.fr.srt").exists()
    assert summary.media_failed == 1
    monkeypatch.undo()
    again = run_job(chosen.model_copy(update={"retry_errors": True}), SilentFeedback())
    assert again.media_failed == 0
    assert (tmp_path / "out" / "market.fr.srt").exists()
    assert verify(Store(str(tmp_path / "out"))).problems == ()


def test_ctrl_c_leaves_a_sound_folder_that_the_next_run_finishes(tmp_path, sample_archive, monkeypatch):
    for name in ("haberler.mp3", "market.webm"):
        shutil.copy(sample_archive / "clips" / name, tmp_path / name)
    chosen = settings(tmp_path, tmp_path / "out")

    class FakeImpatientFeedback(SilentFeedback):
        def progress(self, **figures: float) -> None:
            if figures.get("shards_done", 0) >= 1:
                raise KeyboardInterrupt

    stopped = run_job(chosen, FakeImpatientFeedback())
    assert stopped.interrupted
    assert verify(Store(str(tmp_path / "out"))).problems == ()
    rest = run_job(chosen, SilentFeedback())
    assert not rest.interrupted
    assert rest.shards_done + rest.shards_skipped == rest.shards
    assert rest.shards_skipped >= 1
    assert verify(Store(str(tmp_path / "out"))).problems == ()


def test_an_output_that_cannot_be_written_is_said_before_anything_is_done(archive, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError, match="file"):
        run_job(settings(archive, tmp_path / "file" / "out"), SilentFeedback())


def test_a_second_driver_on_the_same_output_is_turned_away_and_the_first_goes_on(tmp_path, sample_archive):
    shutil.copy(sample_archive / "clips" / "market.webm", tmp_path / "market.webm")
    chosen = settings(tmp_path, tmp_path / "out")
    turned_away: list[str] = []

    class FakeSecondDriver(SilentFeedback):
        def progress(self, **figures: float) -> None:
            if figures.get("shards_done") == 1 and not turned_away:
                with pytest.raises(LeaseHeld) as refused:
                    run_job(chosen, SilentFeedback())
                turned_away.append(str(refused.value))

    summary = run_job(chosen, FakeSecondDriver())
    assert "Another run is working on" in turned_away[0]
    assert (summary.media_done, summary.media_open, summary.error_rows) == (1, 0, 0)


def fake_full_disk(until: Path) -> type[VoxtralTranslator]:
    """A translator whose ledger is on a disk that has no room for a part until a file appears."""

    class FakeFullDisk(PartStore):
        def write(self, part) -> None:
            if not until.exists():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().write(part)

    class FakeFullDiskTranslator(VoxtralTranslator):
        def _parts(self, url: str) -> PartStore:
            return FakeFullDisk(Store(url), self.settings.fingerprint)

    return FakeFullDiskTranslator


def test_a_disk_that_is_full_for_a_while_costs_time_and_nothing_else(tmp_path, sample_archive, monkeypatch):
    shutil.copy(sample_archive / "clips" / "market.webm", tmp_path / "market.webm")
    room = tmp_path / "room"
    monkeypatch.setattr(batch_job, "VoxtralTranslator", fake_full_disk(room))
    monkeypatch.setattr(batch_job, "PAUSES_S", (0.01,))

    class FakeTidyAdmin(SilentFeedback):
        def warning(self, message: str) -> None:
            if "passing reason" in message:
                room.touch()

    summary = run_job(settings(tmp_path, tmp_path / "out"), FakeTidyAdmin())
    assert (summary.media_done, summary.transient, summary.error_rows) == (1, 0, 0)
    assert verify(Store(str(tmp_path / "out"))).problems == ()


def test_a_disk_that_stays_full_leaves_the_shards_to_the_next_run(tmp_path, sample_archive, monkeypatch):
    shutil.copy(sample_archive / "clips" / "market.webm", tmp_path / "market.webm")
    monkeypatch.setattr(batch_job, "VoxtralTranslator", fake_full_disk(tmp_path / "room"))
    monkeypatch.setattr(batch_job, "PAUSES_S", (0.01,))
    full = run_job(settings(tmp_path, tmp_path / "out"), SilentFeedback())
    assert full.shards_done == 0
    assert full.transient == full.shards
    assert all(kind == "store" and "No space left" in detail for _, kind, detail in full.errors)
    monkeypatch.undo()
    rest = run_job(settings(tmp_path, tmp_path / "out"), SilentFeedback())
    assert (rest.media_done, rest.transient) == (1, 0)
    assert verify(Store(str(tmp_path / "out"))).problems == ()


def test_a_film_gets_one_language_though_its_first_shard_is_silent(tmp_path, sample_archive):
    """With a checkpoint that declares several languages, the shards wait for the first that tells."""
    model = tmp_path / "model"
    shutil.copytree(EMBEDDED_FOLDER, model)
    declared = json.loads((model / "voxtral_b200.json").read_text())
    declared |= {"demo_model": False, "languages": ["fr", "en", "de"]}
    (model / "voxtral_b200.json").write_text(json.dumps(declared))
    spoken = decode(str(sample_archive / "clips" / "haberler.mp3"), 0, 0.0, 60.0, MediaLimits())
    media = tmp_path / "media"
    samples = np.concatenate([np.zeros(10 * 16_000, np.float32), spoken / np.float32(32768)])
    write(media / "film.wav", samples, Container("wav", "pcm_s16le", 16_000))
    chosen = settings(media, tmp_path / "out", source=None, model=str(model))
    warned: list[str] = []

    class FakeEar(SilentFeedback):
        def warning(self, message: str) -> None:
            warned.append(message)

    summary = run_job(chosen, FakeEar())
    assert summary.media_done == 1
    assert summary.shards >= 3
    assert sum("tr is not among the languages" in message for message in warned) == 1
    parts = PartStore(Store(str(tmp_path / "out")), summary.fingerprint)
    plan = plan_job(chosen, SilentFeedback())
    sources = [part.source for part in parts.read_medium(plan.media[0].id)]
    assert sources == ["und"] + ["tr"] * (summary.shards - 1)


def test_a_report_tells_the_run_as_it_was(first):
    out, summary = first
    facts = gather(Store(str(out)))
    assert facts.ended is not None
    assert "CPU" in facts.ended.hardware
    assert (facts.archive.cues, facts.archive.demo_model) == (summary.cues, True)
    assert (facts.work.undated, facts.work.audio_s) == (0, pytest.approx(summary.audio_s))
    assert sum(s.audio_s for s in facts.work.sessions.rows) == pytest.approx(summary.audio_s)
    told = {stage.stage: stage.total_s for stage in facts.work.stages}
    assert told == pytest.approx({name: stage["total_s"] for name, stage in summary.stages.items()})
