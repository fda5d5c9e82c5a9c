"""What a run would do, before it does anything."""

from __future__ import annotations

import shutil

import pytest

from b200_kernels.checkpoint_sources import EMBEDDED_FOLDER
from b200_kernels.checkpoints import UnsupportedPair
from cluster.feedback import SilentFeedback
from pipelines.archive.inputs import NoInput
from ray_apps.plan import plan_job
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


def test_no_input_is_said(tmp_path):
    with pytest.raises(NoInput, match="nowhere"):
        plan_job(settings(tmp_path, inputs=(str(tmp_path / "nowhere"),)), SilentFeedback())
