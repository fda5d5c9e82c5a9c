"""The batch job: an archive in, subtitles and tables out, over Ray Data.

    manifest ─▶ shards ─▶ Listen (CPU tasks) ─▶ VoxtralTranslator (actors) ─▶ Record (the part) ─▶ assemble a medium

One row in and one row out at every stage. The parts are the ledger: what they hold is done, whatever died. It knows
the order of things and what to try again; what each thing does is said in ``pipelines``, ``stages``, ``translator``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict

import ray

from cluster.feedback import Feedback
from cluster.resources import ResourcePlan
from cluster.resources import plan as plan_resources
from pipelines.ledger.assemble import MediumReport, assemble
from pipelines.ledger.output_names import OutputNames
from pipelines.ledger.parts import PartStore
from pipelines.ledger.runs import Run, mark_assembled, save_run
from pipelines.ledger.tables import write_summary, write_tables
from pipelines.records import Medium, Shard
from ray_apps.plan import CLUSTER_GPU, JobPlan, plan_job
from ray_apps.ray_session import bounded_actor_retries, configure_data, ray_session
from ray_apps.rows import ShardRow
from ray_apps.settings import Settings
from ray_apps.stages import Ledger, Listen, Record
from ray_apps.summary import RunSummary, Tally
from ray_apps.translator import TranslatorSettings, VoxtralTranslator

SHARDS_PER_ACTOR = 2
"""Shards that an actor works on together: while the last windows of one are answered, the next one's are under way."""

PAUSES_S = (2.0, 10.0, 30.0)
"""Between passes over shards that failed for a passing reason: a store that is away for half a minute comes back."""


def run_job(settings: Settings, feedback: Feedback) -> RunSummary:
    """Do what is missing of an archive; running it again does what is still missing, and nothing else.

    Returns the summary, also after Ctrl-C (``interrupted``).

    Raises:
        ConnectionError: no cluster answers at the address.
        StoreError: the output folder cannot be written.
        NoInput, CheckpointError, UnsupportedPair: see :func:`ray_apps.plan.plan_job`.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        accelerator = None
        if settings.address:
            # The cluster's hardware decides, so it is joined first; a local Ray starts when the plan is known.
            stack.enter_context(ray_session(settings.address))
            accelerator = CLUSTER_GPU if ray.cluster_resources().get("GPU") else None
        job = _Job(_mended(plan_job(settings, feedback, accelerator), feedback), feedback)
        interrupted = False
        try:
            stack.enter_context(ray_session(settings.address))
            job.tally.begin(time.monotonic() - began)
            job.run()
        except KeyboardInterrupt:
            interrupted = True
        return job.finish(interrupted, time.monotonic() - began)


def _mended(plan: JobPlan, feedback: Feedback) -> JobPlan:
    """The plan against a ledger whose listings tell the truth, errors reopened where the user wants it."""
    for sentence in plan.parts.repair(entries=False):
        feedback.warning(sentence)
    if plan.settings.retry_errors and (reopened := plan.parts.reopen_errors()):
        feedback.info(f"{reopened} failed shards are tried again")
    return plan.reread()


class _Job:
    """A run under way: what is done, what is open, which media wait for their last shard."""

    def __init__(self, plan: JobPlan, feedback: Feedback) -> None:
        self.plan, self.feedback = plan, feedback
        self.run_record = save_run(
            plan.store,
            plan.recipe.fingerprint,
            plan.settings.model_dump(mode="json"),
            plan.media,
            plan.counts,
            targets=plan.settings.targets,
            cue_settings=plan.settings.cue_settings,
        )
        self.names = OutputNames(plan.store, self.run_record.media)
        self.done = {medium: set(plan.done.get(medium, ())) for medium in plan.shards}
        self.media = {medium.id: medium for medium in plan.media}
        self.tally = Tally(plan)
        self.assembling: list[ray.ObjectRef] = []

    def run(self) -> None:
        """Passes over what is missing, until nothing is left that another try could mend."""
        self.resources = cluster_resources(self.plan)
        for note in self.resources.notes:
            self.feedback.warning(note)
        self._assemble_again()
        missing: Sequence[Shard] = self.plan.missing
        for pause in (0.0, *PAUSES_S):
            if not missing:
                break
            if pause:
                self.feedback.warning(f"{len(missing)} shards failed for a passing reason; again in {pause:.0f} s")
                time.sleep(pause)
            missing = self._pass_over(missing)
        self._collect(wait=True)
        mark_assembled(self.plan.store, self.run_record)

    def _assemble_again(self) -> None:
        """Media that need no model any more but whose files are not there, or look as other settings wanted them."""
        alike = self.run_record.assembled == self.run_record.cues
        present = set(self.plan.store.list())
        for medium_id in self.plan.shards:
            done = medium_id in self.plan.finished
            if not done or not alike or not self._expected(medium_id) <= present:
                self._assemble_if_complete(medium_id)

    def _expected(self, medium_id: str) -> set[str]:
        """Paths of a medium's files; one that was never claimed is never present."""
        medium, run = self.media[medium_id], self.run_record
        languages = medium.targets or run.targets
        paths = [self.names.find(medium, run.fingerprint, language) for language in languages]
        return {f"{path}.{fmt}" for path in paths for fmt in run.cues.formats}

    def _pass_over(self, shards: Sequence[Shard]) -> list[Shard]:
        """Work on these shards; those that stay open are returned."""
        still_open: list[Shard] = []
        for row in results(self.plan, shards, self.resources):
            self.tally.shard(row)
            if row.part is None:
                still_open.append(row.shard)
            else:
                self.done[row.shard.medium.id].add(row.shard.index)
                self._assemble_if_complete(row.shard.medium.id)
            self._collect(wait=False)
            self.feedback.progress(**self.tally.figures())
        return still_open

    def _assemble_if_complete(self, medium_id: str) -> None:
        finished = medium_id in self.plan.finished
        if not finished and len(self.done[medium_id]) < len(self.plan.shards[medium_id]):
            return
        task = _assemble_medium.options(num_cpus=self.resources.light_cpus).remote(
            self.plan.parts,
            self.media[medium_id],
            self.plan.counts[medium_id],
            self.run_record,
            self.names,
        )
        self.assembling.append(task)

    def _collect(self, wait: bool) -> None:
        """Take in the reports of the media that have been assembled."""
        if not self.assembling:
            return
        waited = len(self.assembling)
        ready, self.assembling = ray.wait(self.assembling, num_returns=waited, timeout=None if wait else 0)
        for report in ray.get(ready):
            if report is not None:
                self.tally.medium(report)

    def finish(self, interrupted: bool, wall_s: float) -> RunSummary:
        """The tables and the summary, from the ledger."""
        totals = write_tables(self.plan.store, self.run_record, self.tally.open_failures())
        for sentence in totals.damaged:
            self.feedback.warning(sentence)
        summary = self.tally.summary(totals, interrupted, wall_s)
        write_summary(self.plan.store, asdict(summary))
        return summary


def results(plan: JobPlan, shards: Sequence[Shard], resources: ResourcePlan) -> Iterator[ShardRow]:
    """Shards through all stages on the cluster that Ray is joined to; rows come back as they are done."""
    configure_data()
    settings, recipe = plan.settings, plan.recipe
    ledger = Ledger(settings.out, recipe.fingerprint, settings.max_attempts)
    translator = TranslatorSettings(
        model=plan.checkpoint.name,
        gate=settings.gate,
        dtype=recipe.dtype,
        threads=resources.torch_threads,
        max_attempts=settings.max_attempts,
        ledger_url=settings.out,
        fingerprint=recipe.fingerprint,
    )
    rows = ray.data.from_items([ShardRow(s).encode() for s in shards], override_num_blocks=len(shards))
    heard = rows.map(
        Listen(ledger, settings.media, settings.vad, settings.windows, recipe.window_s),
        compute=ray.data.TaskPoolStrategy(size=resources.listen_tasks),
        num_cpus=resources.listen_cpus,
    )
    translated = heard.map_batches(
        VoxtralTranslator,
        batch_size=1,
        batch_format="pyarrow",
        fn_constructor_args=(translator,),
        compute=ray.data.ActorPoolStrategy(
            min_size=resources.min_actors,
            max_size=resources.max_actors,
            max_tasks_in_flight_per_actor=2 * SHARDS_PER_ACTOR,
            max_concurrent_calls_per_actor=SHARDS_PER_ACTOR,
        ),
        num_cpus=resources.actor_cpus,
        num_gpus=resources.actor_gpus or None,
        **bounded_actor_retries(settings.max_attempts),
    )
    for row in translated.map(Record(ledger), num_cpus=resources.light_cpus).iter_rows():
        yield ShardRow.decode(row)


def cluster_resources(plan: JobPlan) -> ResourcePlan:
    """How the cluster that Ray is joined to is shared between the stages."""
    total = ray.cluster_resources()
    return plan_resources(
        cpus=total.get("CPU", 1.0),
        gpus=int(total.get("GPU", 0)),
        memory_gb=total.get("memory", 0.0) / 2**30,
        min_actors=plan.settings.min_actors,
        max_actors=plan.settings.max_actors,
        shards=len(plan.missing),
    )


@ray.remote
def _assemble_medium(
    parts: PartStore, medium: Medium, shards: int, run: Run, names: OutputNames
) -> MediumReport | None:
    """Write a medium's subtitles from its parts, then put the parts together in one ledger entry.

    None when a part turns out to be damaged: its shard is not done after all, and the next run does it again.
    """
    found = parts.read_medium(medium.id)
    if len(found) < shards:
        return None
    report = assemble(medium, found, run.fingerprint, run.cues, parts.store, names=names, targets=run.targets)
    parts.compact(medium.id, found, shards)
    return report
