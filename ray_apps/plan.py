"""What a run would do, worked out before anything is done: the media, their shards, and what the ledger already has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

from pydantic import ValidationError

from b200_kernels import prompts
from b200_kernels.checkpoints import (
    Checkpoint,
    UnsupportedPair,
    check_pair,
    default_model,
    open_checkpoint,
)
from b200_kernels.engine import DtypeName
from b200_kernels.engines import AUTO, EngineChoice, check_engine, check_installed
from b200_kernels.ops.split_linear import op as split_linear
from b200_kernels.precision import detect_optimal_dtype
from cluster.feedback import Feedback
from cluster.hardware import detect_hardware
from pipelines.archive.manifest import build_manifest
from pipelines.archive.storage import Store
from pipelines.ledger.parts import PartStore
from pipelines.ledger.runs import RunError, load_run
from pipelines.records import Failure, Medium, Shard
from pipelines.speech.shards import cut_into_shards
from quality.ladder import ladder, transcript_ladder
from quality.similarity import is_available
from ray_apps.settings import Recipe, Settings, digest


@dataclass(frozen=True)
class Accelerator:
    """What decides ``auto``: is there a GPU, and in which precision does it compute."""

    has_gpu: bool
    dtype: DtypeName


CLUSTER_GPU = Accelerator(has_gpu=True, dtype="bfloat16")
"""A cluster's GPUs, seen from a driver that may have none: every kind we name (A100 and later) computes in bf16."""
CLUSTER_CPU = Accelerator(has_gpu=False, dtype="float32")
_CPU_FORMATS = {"float32", "bf16x3"}
"""A CPU that lacks what bf16x3 needs computes it in float32."""


def this_machine() -> Accelerator:
    """The first GPU here and the format that suits it, else the CPU with bf16x3 where it can, or float32."""
    has_gpu = bool(detect_hardware()["has_gpu"])
    if not has_gpu and split_linear.available():
        return Accelerator(has_gpu, "bf16x3")
    return Accelerator(has_gpu, cast(DtypeName, str(detect_optimal_dtype()).removeprefix("torch.")))


@dataclass(frozen=True)
class JobPlan:
    """The whole archive's shards, and what is done already."""

    settings: Settings
    recipe: Recipe
    checkpoint: Checkpoint
    media: tuple[Medium, ...]
    shards: dict[str, tuple[Shard, ...]]
    """Shards by medium id, for every medium that can be read."""
    finished: frozenset[str]
    """Ids of media with a ledger entry: all of their shards are done."""
    done: dict[str, frozenset[int]]
    """Shard indices with a part, by id of media that are not finished."""

    @cached_property
    def missing(self) -> tuple[Shard, ...]:
        """Shards to work on; those of the longest media come first, so that none is left alone at the end."""
        return tuple(
            shard
            for medium, shards in self.shards.items()
            if medium not in self.finished
            for shard in shards
            if shard.index not in self.done.get(medium, frozenset())
        )

    @property
    def store(self) -> Store:
        return Store(self.settings.out)

    @property
    def parts(self) -> PartStore:
        return PartStore(self.store, self.recipe.fingerprint)

    @property
    def counts(self) -> dict[str, int]:
        """Number of shards by medium id."""
        return {medium: len(shards) for medium, shards in self.shards.items()}

    def reread(self) -> JobPlan:
        """The same plan against the ledger as it is now."""
        finished, done = _ledger(self.parts)
        return replace(self, finished=finished, done=done)

    @property
    def shard_count(self) -> int:
        return sum(map(len, self.shards.values()))

    @property
    def audio_s(self) -> float:
        return sum(s.end_s - s.start_s for shards in self.shards.values() for s in shards)

    @property
    def missing_s(self) -> float:
        return sum(s.end_s - s.start_s for s in self.missing)


def plan_job(settings: Settings, feedback: Feedback, accelerator: Accelerator | None = None) -> JobPlan:
    """Read the archive and the ledger.

    ``accelerator`` is what the actors will run on; None: this machine's.

    Raises:
        NoInput: nothing matches the inputs.
        CheckpointError: the model is not there.
        UnsupportedPair: the model declares other language pairs than the one asked for.
    """
    accelerator = accelerator or this_machine()
    checkpoint = open_checkpoint(settings.model or default_model(accelerator.has_gpu))
    if settings.source:
        for target in settings.targets:
            warn_of_pair(checkpoint, settings.source, target, feedback)
    recipe = _as_before(settings, resolve(settings, checkpoint, accelerator), feedback)
    if settings.address is None:
        check_installed(recipe.engine)
        if settings.gate.meaning and not is_available():
            raise EngineChoice("--check-meaning needs pip install 'voxtral-b200[similarity]'; or leave it out")
    manifest = build_manifest(
        settings.inputs,
        settings.media,
        feedback,
        audio_stream=settings.audio_stream,
        source=settings.source,
        known=_known(settings, recipe),
    )
    media = tuple(_with_language(m, settings, checkpoint) for m in manifest)
    _warn_of_tags(media, settings, checkpoint, feedback)
    finished, done = _ledger(PartStore(Store(settings.out), recipe.fingerprint))
    return JobPlan(
        settings=settings,
        recipe=recipe,
        checkpoint=checkpoint,
        media=media,
        shards={m.id: _shards(m, settings, checkpoint) for m in media if m.failure is None},
        finished=finished,
        done=done,
    )


def actor_memory_gb(checkpoint: Checkpoint, dtype: str) -> float:
    """GiB of the host's memory that an actor takes: the weights while they are loaded, and its libraries."""
    return checkpoint.memory_gb(dtype) + 1.0


def resolve(settings: Settings, checkpoint: Checkpoint, accelerator: Accelerator) -> Recipe:
    """Every ``auto`` resolved, by the hardware and the checkpoint."""
    engine = AUTO if settings.engine == "auto" else settings.engine
    dtype = accelerator.dtype if settings.dtype == "auto" else settings.dtype
    if settings.dtype == "auto" and dtype == "bf16x3" and engine != "compiled":
        dtype = "float32"
    check_engine(engine, dtype, settings.deterministic, settings.kv_cache)
    return Recipe(
        checkpoint=checkpoint.digest,
        engine=engine,
        dtype=dtype,
        kv_cache=settings.kv_cache,
        deterministic=settings.deterministic,
        prompts=digest([prompts.SPEECH, prompts.TEXT, prompts.TERMS, prompts.TERM]),
        source=settings.source,
        targets=settings.targets,
        audio_stream=settings.audio_stream,
        window_s=_window_s(settings, checkpoint),
        vad=settings.vad,
        windows=settings.windows,
        gate=settings.gate,
        ladder=(*transcript_ladder(settings.gate.quality), "then", *ladder(settings.gate.quality)),
        glossary=digest([term.model_dump() for term in settings.glossary]) if settings.glossary else "",
    )


class WindowTooLong(ValueError):
    """The windows that were asked for do not fit the checkpoint."""


def _window_s(settings: Settings, checkpoint: Checkpoint) -> float:
    wanted, chunk_s = settings.windows.window_s, checkpoint.capabilities.chunk_s
    if wanted is None:
        return checkpoint.capabilities.window_s
    if not 1.0 <= wanted <= chunk_s:
        raise WindowTooLong(f"windows.window_s is {wanted}: this checkpoint takes 1 to {chunk_s:g} s")
    return wanted


def warn_of_pair(checkpoint: Checkpoint, source: str, target: str, feedback: Feedback) -> None:
    """Say so where the checkpoint does not declare a translation. Raises UnsupportedPair."""
    if source != target and (warning := check_pair(checkpoint.capabilities, source, target)):
        feedback.warning(warning)


def _as_before(settings: Settings, recipe: Recipe, feedback: Feedback) -> Recipe:
    """The recipe in the number format of the output's newest run, where ``auto`` alone makes the difference: work that
    was begun on one CPU goes on with the same parts on another.
    """
    try:
        before = Recipe.model_validate(load_run(Store(settings.out)).settings.get("recipe"))
    except (RunError, ValidationError):
        return recipe
    if settings.dtype != "auto" or before == recipe or before.model_copy(update={"dtype": recipe.dtype}) != recipe:
        return recipe
    if {before.dtype, recipe.dtype} == _CPU_FORMATS:
        feedback.info(f"the run goes on in {before.dtype}, as it began")
        return before
    feedback.warning(
        f"earlier work in {settings.out} was done in {before.dtype}, and this would be {recipe.dtype}, beside it: "
        f"--dtype {before.dtype} goes on with it"
    )
    return recipe


def _known(settings: Settings, recipe: Recipe) -> dict[str, Medium]:
    """Media that an earlier run with the same fingerprint opened, by id."""
    try:
        return {medium.id: medium for medium in load_run(Store(settings.out), recipe.fingerprint).media}
    except RunError:
        return {}


def _ledger(parts: PartStore) -> tuple[frozenset[str], dict[str, frozenset[int]]]:
    return frozenset(parts.finished()), {medium: frozenset(found) for medium, found in parts.done().items()}


def _warn_of_tags(media: tuple[Medium, ...], settings: Settings, checkpoint: Checkpoint, feedback: Feedback) -> None:
    """Once for each pair that the media's own languages make, and that the checkpoint does not declare."""
    if settings.source is None:
        tagged = [m for m in media if m.failure is None and m.language]
        pairs = {(str(m.language), target) for m in tagged for target in m.targets or settings.targets}
        for source, target in sorted(pairs):
            warn_of_pair(checkpoint, source, target, feedback)


def _with_language(medium: Medium, settings: Settings, checkpoint: Checkpoint) -> Medium:
    """The medium, with a failure where its own language is one that the checkpoint refuses."""
    source = _source(medium, settings, checkpoint)
    if medium.failure is not None or source is None:
        return medium
    try:
        for target in medium.targets or settings.targets:
            if target != source:
                check_pair(checkpoint.capabilities, source, target)
    except UnsupportedPair as error:
        failure = Failure(kind="language", detail=str(error), permanent=True)
        return medium.model_copy(update={"failure": failure})
    return medium


def _shards(medium: Medium, settings: Settings, checkpoint: Checkpoint) -> tuple[Shard, ...]:
    source = _source(medium, settings, checkpoint) or "auto"
    targets = medium.targets or settings.targets
    return tuple(cut_into_shards(medium, settings.windows.shard_s, source, targets))


def _source(medium: Medium, settings: Settings, checkpoint: Checkpoint) -> str | None:
    """The spoken language: a list's word goes before the run's, that before the medium's tag, that before the only
    language that the model knows; None where it has to be found out.
    """
    if medium.listed_language:
        return medium.language
    return settings.source or medium.language or checkpoint.capabilities.only_language
