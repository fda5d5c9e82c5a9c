"""What a run would do, before it does anything."""

from __future__ import annotations

import shutil

import pytest

from b200_kernels.checkpoint_sources import EMBEDDED_FOLDER
from b200_kernels.checkpoints import UnsupportedPair
from b200_kernels.engines import EngineChoice
from cluster.feedback import SilentFeedback
from pipelines.archive.inputs import NoInput
from pipelines.ledger.runs import save_run
from ray_apps.plan import CLUSTER_GPU, Accelerator, plan_job
from ray_apps.settings import Settings


def settings(folder, **changes) -> Settings:
    base = {"inputs": (str(folder),), "out": str(folder / "out"), "targets": ("fr",), "model": "embedded"}
    return Settings.model_validate(base | changes)


@pytest.fixture
def clips(tmp_path, sample_archive):
    for name in ("haberler.mp3", "market.webm"):
        shutil.copy(sample_archive / "clips" / name, tmp_path / name)
    return tmp_path


def test_nothing_is_written(clips):
    before = sorted(clips.rglob("*"))
    plan = plan_job(settings(clips), SilentFeedback())
    assert len(plan.missing) == 2
    assert plan.missing_s == pytest.approx(plan.audio_s)
    assert sorted(clips.rglob("*")) == before


def test_the_longest_medium_comes_first(clips):
    plan = plan_job(settings(clips), SilentFeedback())
    lengths = [shard.medium.duration_s for shard in plan.missing]
    assert lengths == sorted(lengths, reverse=True)


def test_the_language_is_the_mediums_own_where_nobody_names_one(clips):
    plan = plan_job(settings(clips), SilentFeedback())
    sources = {shard.medium.name: shard.source for shard in plan.missing}
    assert sources == {"market.webm": "tr", "haberler.mp3": "tr"}, "the mp3 has no tag, and the model one language"


def test_without_a_tag_a_model_of_several_languages_has_to_find_out(clips, tmp_path_factory):
    model = tmp_path_factory.mktemp("model") / "several"
    shutil.copytree(EMBEDDED_FOLDER, model)
    (model / "voxtral_b200.json").write_text('{"languages": ["tr", "fr"]}')
    plan = plan_job(settings(clips, model=str(model)), SilentFeedback())
    assert {s.medium.name: s.source for s in plan.missing} == {"market.webm": "tr", "haberler.mp3": "auto"}


def test_a_pair_that_the_embedded_model_never_learned_names_the_way_out(clips):
    with pytest.raises(UnsupportedPair, match="--model"):
        plan_job(settings(clips, source="de"), SilentFeedback())


def test_a_medium_in_another_language_fails_alone(clips, sample_archive):
    (clips / "list.csv").write_text("url,source_lang\nhaberler.mp3,de\nmarket.webm,tr\n")
    plan = plan_job(settings(clips, inputs=(str(clips / "list.csv"),)), SilentFeedback())
    failed = {m.name: m.failure.kind for m in plan.media if m.failure}
    assert failed == {"haberler.mp3": "language"}
    assert [shard.medium.name for shard in plan.missing] == ["market.webm"]


def test_work_that_began_on_another_cpu_goes_on_in_its_number_format(clips, tmp_path):
    out = settings(clips, out=str(tmp_path / "out"))
    here, there = Accelerator(has_gpu=False, dtype="bf16x3"), Accelerator(has_gpu=False, dtype="float32")
    first = plan_job(out, SilentFeedback(), there)
    record = out.model_dump(mode="json") | {"recipe": first.recipe.model_dump(mode="json")}
    cues = {"targets": out.targets, "cue_settings": out.cue_settings}
    save_run(first.store, first.recipe.fingerprint, record, first.media, first.shards.counts, **cues)
    assert plan_job(out, SilentFeedback(), here).recipe == first.recipe
    chosen = out.model_copy(update={"dtype": "bf16x3"})
    assert plan_job(chosen, SilentFeedback(), here).recipe.dtype == "bf16x3"
    assert plan_job(out, SilentFeedback(), CLUSTER_GPU).recipe.dtype == "bfloat16"


def test_a_lists_language_goes_before_the_runs(clips):
    (clips / "list.csv").write_text("url,source_lang\nhaberler.mp3,de\nmarket.webm,\n")
    plan = plan_job(settings(clips, inputs=(str(clips / "list.csv"),), source="tr"), SilentFeedback())
    assert {m.name: m.failure and m.failure.kind for m in plan.media} == {
        "haberler.mp3": "language",
        "market.webm": None,
    }


def test_the_embedded_model_refuses_a_language_that_it_never_learned_without_a_tag_too(clips):
    plan = plan_job(settings(clips, targets=("de",)), SilentFeedback())
    assert {m.failure and m.failure.kind for m in plan.media} == {"language"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"engine": "vllm", "deterministic": True}, "deterministic"),
        ({"engine": "reference", "dtype": "bf16x3"}, "bf16x3"),
        ({"engine": "vllm", "dtype": "nvfp4"}, "nvfp4"),
        ({"engine": "vllm", "kv_cache": "fp8"}, "--kv-cache"),
    ],
)
def test_an_engine_that_cannot_do_it_is_refused_while_planning(clips, changes, told):
    with pytest.raises(EngineChoice, match=told):
        plan_job(settings(clips, **changes), SilentFeedback())


def test_no_input_is_said(tmp_path):
    with pytest.raises(NoInput, match="nowhere"):
        plan_job(settings(tmp_path, inputs=(str(tmp_path / "nowhere"),)), SilentFeedback())
