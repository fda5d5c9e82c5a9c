"""The service, bound from ``serve_config.yaml``: an ingress without a model, media preparation on CPUs, translators.

    voxtral serve                     (or: serve run serve_config.yaml)

One file for a laptop and for a GPU node: the builder shares out what the cluster has
(:mod:`cluster.resources`, as the batch job does). It knows Serve's options; what a request does is said in ``serving``.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from fastapi import FastAPI
from ray import serve
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy, BackpressureConfig
from ray.serve.handle import DeploymentHandle

from b200_kernels.checkpoints import Checkpoint, check_pair, default_model, open_checkpoint
from b200_kernels.engines import check_installed
from cluster.derived import MOST_ROWS
from cluster.model_needs import VOXTRAL_MINI
from cluster.profile.ray_book import open_lasting_book
from cluster.resources import ResourcePlan
from cluster.resources import plan as plan_resources
from pipelines.archive.storage import Store
from ray_apps.plan import CLUSTER_CPU, CLUSTER_GPU, Accelerator, actor_memory_gb, resolve, this_machine
from ray_apps.profiled import SERVICE
from ray_apps.ray_session import Share, cluster_share, share_nodes
from ray_apps.serving.admission import Admission
from ray_apps.serving.app import Served, make_app
from ray_apps.serving.autoscaling import WaitingAudio
from ray_apps.serving.jobs.driver import Drivers
from ray_apps.serving.jobs.folder import JobFolder
from ray_apps.serving.jobs.keeper import Keeper
from ray_apps.serving.settings import ServeSettings
from ray_apps.serving.uploads import sweep_now_and_then
from ray_apps.serving.workers import MOST_IN_A_CALL, MediaPreparation, Replicas, Translator
from ray_apps.settings import Recipe
from ray_apps.translator import TranslatorSettings

APP, INGRESS, MEDIA, TRANSLATOR = "voxtral", "Ingress", "MediaPreparation", "VoxtralTranslator"

_WINDOWS_A_TRANSLATOR = {"gpu": MOST_ROWS // VOXTRAL_MINI.texts, "cpu": 16}
"""Calls in flight in one replica: what fills its batch when each has a window, as where media are few; so that the rest
goes to others. Calls of many media have up to four windows each.
"""
_MEDIA_CALLS = 4
"""At a time in one media replica: decoding is in children, and a probe must not wait for an hour's decoding."""
_HEAD = {"node:__internal_head__": 0.001}
"""A resource that Ray gives to the head node alone."""
_SPARE_REQUESTS = 64
"""What the ingress answers beside those that are let in: health, models, the page, and refusals."""


class Ingress:
    """The HTTP side of the service."""

    def __init__(
        self,
        settings: ServeSettings,
        served: Served,
        drivers: Drivers | None,
        media: DeploymentHandle,
        translator: DeploymentHandle,
    ) -> None:
        """``drivers`` do the jobs; None: there are none."""
        self.settings, self.served, self.workers = settings, served, Replicas(media, translator)
        self.spool = Path(settings.spool or tempfile.gettempdir())
        self.spool.mkdir(parents=True, exist_ok=True)
        sweep_now_and_then(self.spool, 2 * settings.door.deadline_s)
        if drivers:
            Keeper(JobFolder(drivers.folder_url), settings.jobs, drivers, drivers.build).start()

    def __serve_build_asgi_app__(self) -> FastAPI:
        self._app = make_app(self.settings, self.served, self.workers, self.spool)
        return self._app

    async def close_door(self) -> int:
        """Let no request in any more; returns how many are open."""
        admission: Admission = self._app.state.service.admission
        admission.close()
        return admission.open


def build(args: dict[str, Any]) -> serve.Application:
    """The application of serve_config.yaml: resources by the hardware, settings from ``args``.

    Raises:
        ValidationError: an argument that there is not, or that does not fit.
        CheckpointError, UnsupportedPair, UnknownLanguage: what is asked for cannot be served.
        StoreError, NoRoomForJobs: jobs cannot be kept, or not be worked on.
    """
    settings = _with_jobs_folder(ServeSettings.model_validate(args))
    checkpoint, recipe, resources = planned(settings)
    if settings.profiling:
        open_lasting_book(SERVICE)
    media = _media(settings, recipe, resources)
    translator = _translator(settings, checkpoint, recipe, resources)
    return _ingress(settings, checkpoint, resources, media, translator)


def planned(settings: ServeSettings) -> tuple[Checkpoint, Recipe, ResourcePlan]:
    """What is served, how it runs, and how the cluster is shared for it. Raises as :func:`build`."""
    accelerator = _accelerator(settings)
    checkpoint = open_checkpoint(settings.model or default_model(accelerator.has_gpu))
    if settings.source_code:
        check_pair(checkpoint.capabilities, settings.source_code, settings.target_code)
    recipe = resolve(settings.job(checkpoint.name), checkpoint, accelerator)
    check_installed(recipe.engine)
    return checkpoint, recipe, _resources(settings, checkpoint, recipe)


def _with_jobs_folder(settings: ServeSettings) -> ServeSettings:
    """The folder of jobs, by a name that is the same in every process; a new one is for its owner alone.

    Raises StoreError where it cannot be written.
    """
    if settings.jobs.folder is None:
        return settings
    store = Store(settings.jobs.folder)
    if store.local:
        with contextlib.suppress(OSError):  # the next line says why not
            Path(store.url).mkdir(mode=0o700, parents=True, exist_ok=True)
    store.write_bytes("writable", b"")
    store.delete("writable")
    return settings.model_copy(update={"jobs": settings.jobs.model_copy(update={"folder": store.url})})


def _drivers(settings: ServeSettings, model: str) -> Drivers | None:
    """Of the service's jobs, with the model that its translators open. Raises StoreError."""
    folder = settings.jobs.folder
    return Drivers(folder, settings, model, JobFolder(folder).new_build()) if folder else None


def _accelerator(settings: ServeSettings) -> Accelerator:
    """What the translators will run on: this machine's, unless Ray has others."""
    machine = this_machine()
    if cluster_share(settings.nodes).gpus:
        return machine if machine.has_gpu else CLUSTER_GPU
    alone = sum(node["Alive"] for node in ray.nodes()) == 1
    return machine if alone and not machine.has_gpu else CLUSTER_CPU


def _resources(settings: ServeSettings, checkpoint: Checkpoint, recipe: Recipe) -> ResourcePlan:
    share = cluster_share(settings.nodes)
    if share.cpus <= 0:
        raise ConnectionError(f"no node of the cluster has the labels {settings.nodes}")
    if settings.jobs.folder and share_nodes(settings.jobs.nodes, settings.nodes):
        share = _beside_jobs(share, settings.jobs.share)
    return plan_resources(
        cpus=share.cpus,
        gpus=share.gpus,
        memory_gb=share.memory_gb,
        min_actors=settings.min_replicas,
        max_actors=settings.max_replicas,
        actor_memory_gb=actor_memory_gb(checkpoint, recipe.dtype),
        node_cpus=share.node_cpus,
        feed_cores=share.feed_cores,
    )


class NoRoomForJobs(ValueError):
    """The service's nodes have nothing that could be left to jobs."""


def _beside_jobs(share: Share, of_jobs: float) -> Share:
    """What the service may use of nodes where jobs work too."""
    left = share.part(1 - of_jobs)
    gpus = share.gpus - share.part(of_jobs).gpus
    if share.gpus and not gpus:
        raise NoRoomForJobs(
            "jobs and the service cannot share one GPU: give `jobs: {nodes: ...}` nodes of their own, or leave out "
            "`jobs: {folder: ...}`"
        )
    return replace(left, gpus=gpus)


def _media(settings: ServeSettings, recipe: Recipe, resources: ResourcePlan) -> serve.Application:
    return serve.deployment(
        name=MEDIA,
        max_ongoing_requests=_MEDIA_CALLS,
        autoscaling_config=AutoscalingConfig(min_replicas=1, max_replicas=resources.listen_tasks),
        graceful_shutdown_timeout_s=settings.media.wall_s,
        ray_actor_options={"num_cpus": resources.listen_cpus, **_placed(settings)},
    )(MediaPreparation).bind(settings.vad, settings.windows, recipe.window_s, SERVICE if settings.profiling else None)


def _translator(
    settings: ServeSettings, checkpoint: Checkpoint, recipe: Recipe, resources: ResourcePlan
) -> serve.Application:
    policy = AutoscalingPolicy(
        policy_function=WaitingAudio,
        policy_kwargs={"waiting_audio_s": settings.waiting_audio_s, "call_s": recipe.window_s},
    )
    in_flight = _in_flight(resources)
    told = {"profile": SERVICE if settings.profiling else None}
    actor = translator_settings(settings, checkpoint, recipe, resources).model_copy(update=told)
    return serve.deployment(
        name=TRANSLATOR,
        max_ongoing_requests=in_flight,
        autoscaling_config=AutoscalingConfig(
            min_replicas=resources.min_actors,
            max_replicas=max(resources.min_actors, resources.max_actors),
            target_ongoing_requests=in_flight,
            policy=policy,
        ),
        graceful_shutdown_timeout_s=MOST_IN_A_CALL * actor.window_deadline_s,
        ray_actor_options={
            "num_cpus": resources.actor_cpus,
            "num_gpus": resources.actor_gpus,
            "label_selector": settings.nodes,
        },
    )(Translator).bind(actor)


def translator_settings(
    settings: ServeSettings, checkpoint: Checkpoint, recipe: Recipe, resources: ResourcePlan
) -> TranslatorSettings:
    """What every translator is told, but for the service's profile."""
    return TranslatorSettings(
        model=checkpoint.name,
        gate=settings.gate,
        engine=recipe.engine,
        dtype=recipe.dtype,
        kv_cache=recipe.kv_cache,
        deterministic=recipe.deterministic,
        threads=resources.torch_threads,
        fingerprint=recipe.fingerprint,
    )


def _ingress(
    settings: ServeSettings,
    checkpoint: Checkpoint,
    resources: ResourcePlan,
    media: serve.Application,
    translator: serve.Application,
) -> serve.Application:
    door = settings.door
    served = Served(
        name=settings.served_as or checkpoint.name,
        capabilities=checkpoint.capabilities,
        translators=resources.max_actors,
        windows_in_flight=settings.windows_in_flight or 2 * resources.max_actors * _in_flight(resources),
    )
    open_requests = door.working + door.waiting + _SPARE_REQUESTS
    return serve.deployment(
        name=INGRESS,
        max_ongoing_requests=open_requests,
        max_queued_requests=_SPARE_REQUESTS,
        backpressure_config=BackpressureConfig(status_code=503, retry_after_s=door.retry_after_s),
        graceful_shutdown_timeout_s=door.deadline_s,
        ray_actor_options={"num_cpus": resources.light_cpus, **_placed(settings)},
    )(serve.ingress()(Ingress)).bind(settings, served, _drivers(settings, checkpoint.name), media, translator)


def _in_flight(resources: ResourcePlan) -> int:
    return _WINDOWS_A_TRANSLATOR["gpu" if resources.actor_gpus else "cpu"] * (
        1 if resources.actor_gpus else resources.torch_threads
    )


def _placed(settings: ServeSettings) -> dict[str, Any]:
    """Where those who share the folder of uploads run."""
    return {"label_selector": settings.nodes} if settings.spool else {"resources": _HEAD}
