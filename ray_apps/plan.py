"""What a run would do, worked out before anything is done: the media, their shards, and what the ledger already has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import cast

import numpy as np
import pyarrow as pa
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
from pipelines.archive.media import SCHEMA, Media
from pipelines.archive.storage import Store
from pipelines.ledger.parts import PartStore
from pipelines.ledger.probed import keep_probed, probed
from pipelines.ledger.runs import RunError, load_run, newest_record
from pipelines.records import TO_IDENTIFY, Failure
from pipelines.speech.shards import shard_count
from quality.ladder import ladder, transcript_ladder
from quality.similarity import is_available
from ray_apps.settings import Recipe, Settings, digest
from ray_apps.shards import Shards


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


@dataclass(frozen=True, eq=False)
class JobPlan:
    """The whole archive's shards, and what is done already."""

    settings: Settings
    recipe: Recipe
    checkpoint: Checkpoint
    media: Media
    shards: Shards
    """All shards of the media that can be read."""
    finished: np.ndarray
    """Whether a medium has a ledger entry, by row: then all of its shards are done."""
    open: np.ndarray
    """Whether a shard has neither a part nor its medium an entry; by its place in ``shards``."""

    @cached_property
    def missing(self) -> Shards:
        """Shards to work on; those of the longest media come first, so that none is left alone at the end."""
        return self.shards.where(self.open)

    @property
    def store(self) -> Store:
        return Store(self.settings.out)

    @property
    def parts(self) -> PartStore:
        return PartStore(self.store, self.recipe.fingerprint)

    @cached_property
    def readable(self) -> np.ndarray:
        """Whether a medium can be worked on, by row."""
        return self.media.column("failure").is_null().to_numpy()

    def reread(self) -> JobPlan:
        """The same plan against the ledger as it is now."""
        finished, still_open = _ledger(self.parts, self.shards)
        return replace(self, finished=finished, open=still_open)

    @property
    def shard_count(self) -> int:
        return len(self.shards)

    @property
    def audio_s(self) -> float:
        return self.shards.seconds

    @property
    def missing_s(self) -> float:
        return self.missing.seconds


def plan_job(
    settings: Settings, feedback: Feedback, accelerator: Accelerator | None = None, *, keep: bool = False
) -> JobPlan:
    """Read the archive and the ledger.

    ``accelerator`` is what the actors will run on; None: this machine's. ``keep``: what is opened of a large archive is
    written down for a later plan, in case that this run is killed meanwhile.

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
        keep=partial(keep_probed, Store(settings.out), recipe.fingerprint) if keep else None,
    )
    media, sources = _with_languages(manifest, settings, checkpoint)
    _warn_of_tags(media, settings, checkpoint, feedback)
    lengths = media.column("duration_s").to_pylist()
    counts = np.array([shard_count(seconds, settings.windows.shard_s) for seconds in lengths], np.int32)
    counts[media.failed] = 0
    shards = Shards.all_of(media, counts, sources, settings.targets)
    finished, still_open = _ledger(PartStore(Store(settings.out), recipe.fingerprint), shards)
    return JobPlan(
        settings=settings,
        recipe=recipe,
        checkpoint=checkpoint,
        media=media,
        shards=shards,
        finished=finished,
        open=still_open,
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
        before = Recipe.model_validate(newest_record(Store(settings.out)).settings.get("recipe"))
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


def _known(settings: Settings, recipe: Recipe) -> Media | None:
    """Media that an earlier run with the same fingerprint opened, also one that was killed before its manifest."""
    store = Store(settings.out)
    opened = probed(store, recipe.fingerprint)
    try:
        before = load_run(store, recipe.fingerprint).media
    except RunError:
        return opened if len(opened) else None
    return Media(pa.concat_tables([opened.table, before.table])).first_of_each() if len(opened) else before


def _ledger(parts: PartStore, shards: Shards) -> tuple[np.ndarray, np.ndarray]:
    """Which media have an entry, by row, and which shards are still to be done, by place."""
    media, done = shards.media, parts.done()  # before the entries, which take the parts' place
    finished = np.zeros(len(media), bool)
    entries = media.rows_of(list(parts.finished()))
    finished[entries[entries >= 0]] = True
    still_open = ~finished[shards.rows]
    for medium_id, indices in done.items():
        row = media.row_of(medium_id)
        if row is not None:
            there = [index for index in indices if index < shards.counts[row]]
            still_open[shards.first[row] + np.array(there, np.int64)] = False
    return finished, still_open


def _warn_of_tags(media: Media, settings: Settings, checkpoint: Checkpoint, feedback: Feedback) -> None:
    """Once for each pair that the media's own languages make, and that the checkpoint does not declare."""
    if settings.source is None:
        spoken, targets, failures = (media.column(name).to_pylist() for name in ("language", "targets", "failure"))
        wanted = {
            (language, tuple(own))
            for language, own, failure in zip(spoken, targets, failures, strict=True)
            if language and failure is None
        }
        pairs = {(language, target) for language, own in wanted for target in own or settings.targets}
        for source, target in sorted(pairs):
            warn_of_pair(checkpoint, source, target, feedback)


def _with_languages(media: Media, settings: Settings, checkpoint: Checkpoint) -> tuple[Media, list[str]]:
    """The media, with a failure where their own language is one that the checkpoint refuses; and the language of each,
    ``auto`` where it has to be found out.
    """
    names = ("language", "listed_language", "targets", "failure")
    sources, refused, refusals = [], {}, dict[tuple[str, tuple[str, ...]], Failure | None]()
    columns = (media.column(name).to_pylist() for name in names)
    for row, (language, listed, targets, failure) in enumerate(zip(*columns, strict=True)):
        source = _source(language, listed, settings, checkpoint) or TO_IDENTIFY
        sources.append(source)
        pair = source, tuple(targets or settings.targets)
        if pair not in refusals:
            refusals[pair] = _refusal(*pair, checkpoint)
        if failure is None and (refusal := refusals[pair]) is not None:
            refused[row] = refusal.model_dump()
    if refused:
        failures = media.column("failure").to_pylist()
        for row, told in refused.items():
            failures[row] = told
        media = media.with_column("failure", pa.array(failures, SCHEMA.field("failure").type))
    return media, sources


def _refusal(source: str, targets: tuple[str, ...], checkpoint: Checkpoint) -> Failure | None:
    """Why the checkpoint does not translate from a language that is known."""
    try:
        for target in targets:
            if source not in (target, TO_IDENTIFY):
                check_pair(checkpoint.capabilities, source, target)
    except UnsupportedPair as error:
        return Failure(kind="language", detail=str(error), permanent=True)
    return None


def _source(language: str | None, listed: bool, settings: Settings, checkpoint: Checkpoint) -> str | None:
    """The spoken language: a list's word goes before the run's, that before the medium's tag, that before the only
    language that the model knows; None where it has to be found out.
    """
    if listed:
        return language
    return settings.source or language or checkpoint.capabilities.only_language
