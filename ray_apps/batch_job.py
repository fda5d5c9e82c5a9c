"""The batch job: an archive in, subtitles and tables out, over Ray Data.

    manifest ─▶ shards ─▶ Listen (CPU tasks) ─▶ VoxtralTranslator (actors; writes the part) ─▶ assemble a medium

One row in and one row out at every stage. The parts are the ledger: what they hold is done, whatever died. It knows
the order of things and what to try again; what each thing does is said in ``pipelines``, ``stages``, ``translator``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import ray

from cluster.derived import shards_to_fill
from cluster.feedback import Feedback
from cluster.profile.ray_book import Keeper
from cluster.resources import ResourcePlan
from cluster.resources import plan as plan_resources
from pipelines.archive.storage import Store
from pipelines.ledger.assemble import MediumReport, assemble
from pipelines.ledger.lease import Lease, LeaseHeld
from pipelines.ledger.muxed import ChangedCopy, mux
from pipelines.ledger.output_names import OutputNames
from pipelines.ledger.parts import PartStore, read_ahead
from pipelines.ledger.probed import forget_probed
from pipelines.ledger.runs import ManifestRows, Run, save_run, with_rows
from pipelines.ledger.tables import write_summary, write_tables
from pipelines.media.media_error import MediaError
from pipelines.records import TO_IDENTIFY, UNIDENTIFIED, Failure, Medium, Shard
from pipelines.settings import MediaLimits
from ray_apps import metered, profiled
from ray_apps.plan import CLUSTER_CPU, CLUSTER_GPU, JobPlan, actor_memory_gb, plan_job, warn_of_pair
from ray_apps.ray_session import (
    bounded_actor_retries,
    cluster_address,
    cluster_hardware,
    cluster_share,
    configure_data,
    ray_session,
    terminated_as_interrupted,
)
from ray_apps.rows import ShardRow, error_row
from ray_apps.settings import Settings
from ray_apps.shards import Shards
from ray_apps.spoken_language import SpokenLanguages
from ray_apps.stages import Listen, deal
from ray_apps.summary import RunSummary, Tally
from ray_apps.translator import LANGUAGE_UNKNOWN, TranslatorSettings, VoxtralTranslator

DATASET = "voxtral"
"""What Ray's dashboard and metrics call the stages together."""
_ASSEMBLED_AT_ONCE = 1_000
"""Media that wait for their assembly at the same time, at most."""
PAUSES_S = (2.0, 10.0, 30.0)
"""Between passes over shards that failed for a passing reason: a store that is away for half a minute comes back."""


def run_job(settings: Settings, feedback: Feedback) -> RunSummary:
    """Do what is missing of an archive; running it again does what is still missing, and nothing else.

    Returns the summary, also after Ctrl-C or SIGTERM (``interrupted``). Whatever else ends it, the tables are written
    before the error goes on.

    Raises:
        ConnectionError: no cluster answers at the address.
        LeaseHeld: another run works on this output.
        StoreError: the output folder cannot be written.
        NoInput, CheckpointError, UnsupportedPair: see :func:`ray_apps.plan.plan_job`.
    """
    began = time.monotonic()
    _check_writable(Store(settings.out))
    with ExitStack() as stack:
        plan = _plan(settings, feedback, stack, keep=True)
        lease = stack.enter_context(Lease(plan.store, plan.recipe.fingerprint))
        job = _Job(_mended(plan, feedback), feedback, lease)
        interrupted = False
        try:
            stack.enter_context(ray_session(settings.address, _shown(settings)))
            stack.enter_context(terminated_as_interrupted())
            stack.callback(job.end_profile)
            job.tally.begin(time.monotonic() - began)
            job.run()
        except KeyboardInterrupt:
            interrupted = True
        except LeaseHeld:
            raise  # whoever holds it now writes the tables
        except BaseException:
            job.finish(interrupted, time.monotonic() - began)
            raise
        return job.finish(interrupted, time.monotonic() - began)


def dry_run(settings: Settings, feedback: Feedback) -> JobPlan:
    """What :func:`run_job` would do, on the same hardware; nothing is written."""
    with ExitStack() as stack:
        return _plan(settings, feedback, stack)


def _check_writable(store: Store) -> None:
    """Before an archive is looked through, not after. Raises StoreError."""
    store.write_bytes("_voxtral/writable", b"")
    store.delete("_voxtral/writable")


def _plan(settings: Settings, feedback: Feedback, stack: ExitStack, *, keep: bool = False) -> JobPlan:
    """The plan. A cluster is joined first, for its hardware decides; a local Ray starts when the plan is known."""
    if cluster_address(settings.address) is None and not ray.is_initialized():
        return plan_job(settings, feedback, keep=keep)
    stack.enter_context(ray_session(settings.address, _shown(settings)))
    if _is_this_machine_alone():
        return plan_job(settings, feedback, keep=keep)
    return plan_job(settings, feedback, CLUSTER_GPU if cluster_share(settings.nodes).gpus else CLUSTER_CPU, keep=keep)


def _shown(settings: Settings) -> dict[str, str]:
    """What Ray's dashboard says of the job."""
    return {
        "program": "voxtral translate",
        "out": _without_secrets(settings.out),
        "source": settings.source or TO_IDENTIFY,
        "targets": ",".join(settings.targets),
        "model": _without_secrets(settings.model or "by the hardware"),
    }


def _without_secrets(url: str) -> str:
    """Without a password, and without the query, where stores put signatures."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _is_this_machine_alone() -> bool:
    """Whether the cluster is this machine: then it need not be guessed at."""
    alive = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    return alive == [ray.get_runtime_context().get_node_id()]


def _mended(plan: JobPlan, feedback: Feedback) -> JobPlan:
    """The plan against a ledger whose listings tell the truth, errors reopened where the user wants it."""
    for sentence in plan.parts.repair(entries=False):
        feedback.warning(sentence)
    if plan.settings.retry_errors and (reopened := plan.parts.reopen_errors(set(plan.media.column("id").to_pylist()))):
        feedback.info(f"{reopened} failed shards are tried again")
    return plan.reread()


class _Job:
    """A run under way: what is done, what is open, which media wait for their last shard."""

    def __init__(self, plan: JobPlan, feedback: Feedback, lease: Lease) -> None:
        self.plan, self.feedback, self.lease = plan, feedback, lease
        run = save_run(
            plan.store,
            plan.recipe.fingerprint,
            plan.settings.model_dump(mode="json") | {"recipe": plan.recipe.model_dump(mode="json")},
            plan.media,
            plan.shards.counts,
            targets=plan.settings.targets,
            cue_settings=plan.settings.cue_settings,
        )
        forget_probed(plan.store, plan.recipe.fingerprint)  # the manifest holds them now
        self.names = OutputNames(plan.store, run.media)
        self.run_record = run.model_copy(update={"rows": ManifestRows.none()})  # they are in the plan, and in the store
        self.open = plan.open.copy()
        # How many shards of each medium are open, by its row.
        self.left = np.bincount(plan.shards.rows[plan.open], minlength=len(plan.media))
        self.tally = Tally(plan)
        self.languages = SpokenLanguages(plan.media)
        self.identified: set[str] = set()
        self.assembling: dict[ray.ObjectRef, str] = {}
        self.not_muxed = 0
        self.profile: Keeper | None = None
        self.hardware = ""

    def run(self) -> None:
        """Passes over what is missing, until nothing is left that another try could mend."""
        metered.unreadable(self.plan.media.take(self.plan.media.failed))
        self._tell_progress()
        self.resources = cluster_resources(self.plan)
        self.hardware = cluster_hardware(self.plan.settings.nodes)
        for note in self.resources.notes:
            self.feedback.warning(note)
        self.feedback.progress(**self.tally.figures())
        # What every assembly needs is put on the cluster once, without the manifest's rows.
        if self.plan.settings.profiling and len(self.plan.missing):
            where = self.plan.store, self.plan.recipe.fingerprint, self.lease.token
            self.profile = Keeper(profiled.book_of(self.lease.token), partial(profiled.save_profile, *where))
        self.shared = ray.put(self.run_record)
        for row in np.flatnonzero(self.plan.readable & ~self.plan.finished & (self.left == 0)):
            self._assemble(int(row))
        missing = self.plan.missing
        rows = np.unique(missing.rows[missing.auto])
        begun = self.plan.media.take(rows[self.left[rows] < self.plan.shards.counts[rows]])  # the others have no parts
        for _, parts in read_ahead(self.plan.parts.read_medium, begun.column("id").to_pylist()):
            self.languages.recall(parts)
        for pause in (0.0, *PAUSES_S):
            if not len(missing):
                break
            self.lease.check()
            if pause:
                self.feedback.warning(f"{len(missing)} shards failed for a passing reason; again in {pause:.0f} s")
                time.sleep(pause)
            missing = self._pass_over(missing)
        self._give_up(missing)
        self._collect(wait_s=None)
        if self.plan.settings.cue_settings.mux:
            self._mux()

    def _give_up(self, shards: Shards) -> None:
        """Count this run's failure of each; one that failed in as many runs as are allowed becomes an error part."""
        for shard in shards:
            row = self.tally.still_open.get(shard.name)
            failure = row.failure if row else None
            if failure and self.plan.parts.record_failure(shard.name) >= self.plan.settings.max_attempts:
                detail = f"{failure.detail} (in {self.plan.settings.max_attempts} runs; --retry-errors tries again)"
                lasting = Failure(kind=failure.kind, detail=detail, permanent=True)
                done = error_row(ShardRow(shard), lasting, self.plan.recipe.fingerprint)
                if done.part:
                    self.plan.parts.write(done.part)
                    self._done(done)

    def _done(self, row: ShardRow) -> None:
        self.tally.shard(row)
        if self.profile and row.part:
            self.profile.finished(row.part.seconds)
        at = self._row(row.shard)
        place = self.plan.shards.first[at] + row.shard.index
        if self.open[place]:
            self.open[place] = False
            self.left[at] -= 1
            if not self.left[at]:
                self._assemble(at)

    def _row(self, shard: Shard) -> int:
        row = self.plan.media.row_of(shard.medium.id)
        assert row is not None, shard.name
        return row

    def _pass_over(self, shards: Shards) -> Shards:
        """Work on these shards, those that wait for their medium's language after those that tell it; returns those
        that stay open.
        """
        waiting = shards
        untold = np.zeros(len(self.plan.shards), bool)
        while len(waiting):
            begin, waiting = self.languages.ready(waiting)
            untold[self._work_on(begin)] = True
        if untold.any():
            self._work_on(self.languages.settle(self._still_open(shards, untold)))
        return self._still_open(shards)

    def _still_open(self, shards: Shards, chosen: np.ndarray | None = None) -> Shards:
        """Those of some shards that are not done, or of them those that are chosen by their place in the plan."""
        places = self.plan.shards.first[shards.rows] + shards.indices
        return shards.where(self.open[places] if chosen is None else chosen[places])

    def _work_on(self, shards: Shards) -> list[int]:
        """Returns the places in the plan of those that wait until the rest of their medium tells its language."""
        untold: list[int] = []
        for row in results(self.plan, shards, self.resources, self.lease.token, self._book):
            self.lease.check()
            if row.part is None:
                self.tally.shard(row)
                if row.failure is not None and row.failure.kind == LANGUAGE_UNKNOWN:
                    untold.append(int(self.plan.shards.first[self._row(row.shard)]) + row.shard.index)
            else:
                self.languages.learn([row.part])
                self._warn_of_language(row)
                self._done(row)
            self._collect(wait_s=0)
            self._tell_progress()
        return untold

    def _tell_progress(self) -> None:
        figures = self.tally.figures()
        metered.progress(figures)
        self.feedback.progress(**figures)

    def _warn_of_language(self, row: ShardRow) -> None:
        """Once for each identified language that the checkpoint does not declare: of named ones the plan warned."""
        if row.shard.source != TO_IDENTIFY or row.part is None or row.part.source in (*self.identified, UNIDENTIFIED):
            return
        self.identified.add(row.part.source)
        for target in row.shard.targets:
            warn_of_pair(self.plan.checkpoint, row.part.source, target, self.feedback)

    def _assemble(self, row: int) -> None:
        while len(self.assembling) >= _ASSEMBLED_AT_ONCE:
            self._collect(wait_s=None, enough=1)
        medium, shards = self.plan.media[row], int(self.plan.shards.counts[row])
        task = _assemble_medium.options(name="assemble", **self._light()).remote(
            self.plan.parts, medium, shards, self.shared, self.names.only(medium), self._book
        )
        self.assembling[task] = medium.name

    @property
    def _book(self) -> str | None:
        return self.profile.name if self.profile else None

    def _light(self) -> dict[str, Any]:
        """Where a light task runs, and what it asks for."""
        return {"num_cpus": self.resources.light_cpus, "label_selector": self.plan.settings.nodes or None}

    def _collect(self, wait_s: float | None, enough: int | None = None) -> None:
        """Take in the reports of the media that have been assembled; None waits for all of them, or ``enough``."""
        if not self.assembling:
            return
        waiting = list(self.assembling)
        ready, _ = ray.wait(waiting, num_returns=enough or len(waiting), timeout=wait_s)
        for task in ready:
            name = self.assembling.pop(task)
            try:
                report = ray.get(task)
            except ray.exceptions.RayError as error:
                report = str(error).strip().splitlines()[-1]
            if isinstance(report, MediumReport):
                self.tally.medium(report)
                for sentence in report.kept_edits:
                    self.feedback.warning(sentence)
            else:
                self.feedback.warning(f"{name}: not assembled, the next run does it: {report}")

    def _mux(self) -> None:
        """A copy with soft subtitles of every medium that is done, of earlier runs too; one that fails is told."""
        limits = self.plan.settings.media
        task = _mux_medium.options(name="mux", **self._light())
        names: dict[ray.ObjectRef, str] = {}
        for row in np.flatnonzero(self.plan.readable & (self.left == 0)):
            medium = self.plan.media[int(row)]
            names[task.remote(self.plan.parts, medium, self.shared, self.names.only(medium), limits)] = medium.name
            if len(names) >= _ASSEMBLED_AT_ONCE:
                self._muxed(names)
        while names:
            self._muxed(names)

    def _muxed(self, names: dict[ray.ObjectRef, str]) -> None:
        """Wait for one copy, and tell of it if it failed."""
        for ended in ray.wait(list(names))[0]:
            name = names.pop(ended)
            try:
                problem = ray.get(ended)
            except ray.exceptions.RayError as error:
                problem = str(error).strip().splitlines()[-1]
            if problem:
                self.not_muxed += 1
                self.feedback.warning(f"{name}: no copy with subtitles: {problem}")

    def end_profile(self) -> None:
        """Save what the profile knows, and end its book."""
        if self.profile:
            self.profile.close({"assemble": self.tally.assembled})

    def finish(self, interrupted: bool, wall_s: float) -> RunSummary:
        """The tables and the summary, from the ledger."""
        metered.ended()
        if ray.is_initialized():
            # Media that are being assembled right now would look open to the tables.
            self._collect(wait_s=30)
        run = with_rows(self.plan.store, self.run_record)
        totals = write_tables(self.plan.store, run, self.tally.open_failures())
        for sentence in (*totals.damaged, *totals.kept_edits, *totals.lost_corrections):
            self.feedback.warning(sentence)
        summary = replace(
            self.tally.summary(totals, interrupted, wall_s),
            not_muxed=self.not_muxed,
            began=self.run_record.saved_at,
            hardware=self.hardware,
        )
        write_summary(self.plan.store, asdict(summary))
        return summary


def results(
    plan: JobPlan, shards: Shards, resources: ResourcePlan, run: str, profile: str | None = None
) -> Iterator[ShardRow]:
    """Shards through all stages on the cluster that Ray is joined to; rows come back as they are done.

    ``run`` is a word that names this run, ``profile`` the book of its profile.
    """
    settings, recipe = plan.settings, plan.recipe
    configure_data(settings.nodes)
    translator = TranslatorSettings(
        model=plan.checkpoint.name,
        gate=settings.gate,
        glossary=settings.glossary,
        engine=recipe.engine,
        dtype=recipe.dtype,
        kv_cache=recipe.kv_cache,
        deterministic=recipe.deterministic,
        threads=resources.torch_threads,
        window_deadline_s=settings.window_deadline_s,
        max_attempts=settings.max_attempts,
        run=run,
        ledger_url=plan.store.url,  # absolute, where a worker's folder is not the driver's
        fingerprint=recipe.fingerprint,
        profile=profile,
    )
    slices = [{"slice": packed} for packed in shards.slices()]
    rows = ray.data.from_items(slices, override_num_blocks=len(slices))
    rows.set_name(DATASET)
    # One task deals out all slices in turn, so the order stays; how far it is ahead, says ray_apps/queue_limit.py.
    dealt = rows.flat_map(deal, compute=ray.data.TaskPoolStrategy(size=1), num_cpus=resources.light_cpus)
    heard = dealt.map(
        Listen(recipe.fingerprint, settings.media, settings.vad, settings.windows, recipe.window_s, profile),
        compute=ray.data.TaskPoolStrategy(size=resources.listen_tasks),
        num_cpus=resources.listen_cpus,
    )
    for row in translated(heard, translator, resources).iter_rows():
        yield ShardRow.decode(row)


def translated(heard: ray.data.Dataset, translator: TranslatorSettings, resources: ResourcePlan) -> ray.data.Dataset:
    """Rows with windows through the actor pool."""
    return heard.map_batches(
        VoxtralTranslator,
        batch_size=1,
        batch_format="pyarrow",
        fn_constructor_args=(translator,),
        compute=ray.data.ActorPoolStrategy(
            min_size=resources.min_actors,
            max_size=resources.max_actors,
            # As many waiting as at work; below 1.75 times, a pool never grows. Who was beside a shard that kills its
            # worker is tried again alone (ray_apps/company.py).
            max_tasks_in_flight_per_actor=2 * resources.actor_shards,
            max_concurrent_calls_per_actor=resources.actor_shards,
        ),
        num_cpus=resources.actor_cpus,
        num_gpus=resources.actor_gpus or None,
        **bounded_actor_retries(),
    )


def cluster_resources(plan: JobPlan) -> ResourcePlan:
    """How the cluster that Ray is joined to is shared between the stages."""
    share = cluster_share(plan.settings.nodes)
    if share.cpus <= 0:
        raise ConnectionError(f"no node of the cluster has the labels {plan.settings.nodes}")
    share = share.part(plan.settings.share)
    return plan_resources(
        cpus=share.cpus,
        gpus=share.gpus,
        memory_gb=share.memory_gb,
        min_actors=plan.settings.min_actors,
        max_actors=plan.settings.max_actors,
        actor_memory_gb=actor_memory_gb(plan.checkpoint, plan.recipe.dtype),
        node_cpus=share.node_cpus,
        feed_cores=share.feed_cores,
        gpu_shards=shards_to_fill(windows_a_shard=plan.settings.windows.shard_s / plan.recipe.window_s),
        shards=len(plan.missing),
    )


@ray.remote
def _assemble_medium(
    parts: PartStore, medium: Medium, shards: int, run: Run, names: OutputNames, profile: str | None
) -> MediumReport | str:
    """Write a medium's subtitles from its parts, then put the parts together in one ledger entry.

    Returns why not, where a part turns out to be damaged or the store fails: the next run does it.
    """
    try:
        found = parts.read_medium(medium.id)
        if len(found) < shards:
            return "a part is damaged or gone"
        with metered.stage("assemble"), profiled.timed_stage(profile, "assemble", medium.id):
            report = assemble(medium, found, run.fingerprint, run.cues, parts.store, names=names, targets=run.targets)
            parts.compact(medium.id, found, shards)
    except (OSError, ValueError) as error:
        return str(error)
    return report


@ray.remote
def _mux_medium(parts: PartStore, medium: Medium, run: Run, names: OutputNames, limits: MediaLimits) -> str | None:
    """Copy a medium that is done, with its subtitles in it, unless its copy is there; returns why not."""
    try:
        mux(medium, parts.read_medium(medium.id), run, parts.store, names, limits)
    except (OSError, ValueError, MediaError, ChangedCopy) as error:
        return str(error)
    return None
