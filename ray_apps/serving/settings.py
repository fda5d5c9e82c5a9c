"""``args`` of serve_config.yaml: what is served, and how much of it at a time."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from b200_kernels.engine import CacheName, DtypeName, EngineName
from pipelines.archive.url_rules import UrlRules
from pipelines.languages import language_code
from pipelines.records import TO_IDENTIFY
from pipelines.settings import CueSettings, MediaLimits, VadSettings, WindowSettings
from quality.settings import GateSettings
from ray_apps.settings import Settings


class DoorLimits(BaseModel):
    """What a request may send, and how many there may be. The media's own limits are :class:`MediaLimits`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    upload_bytes: int = Field(2 * 2**30, gt=0, description="of a request's body")
    field_bytes: int = Field(64 * 2**10, gt=0, description="of one form field that is no file")
    parts: int = Field(64, gt=0, description="of a form")
    working: int = Field(32, gt=0, description="requests whose medium is worked on at a time, each ingress replica")
    waiting: int = Field(0, ge=0, description="requests beyond these that may be open; the next is answered 429")
    stalled_s: float = Field(60.0, gt=0, description="longest pause in an upload; then 408")
    deadline_s: float = Field(3600.0, gt=0, description="from a request's first byte to its answer's last; then 504")
    retry_after_s: int = Field(10, gt=0, description="what a 429 or 503 asks a client to wait")


class JobSettings(BaseModel):
    """Jobs for archives, which the batch job does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str | None = Field(
        None, min_length=1, description="remembers jobs and holds their results; every node reaches it; None: no jobs"
    )
    urls: tuple[str, ...] = Field((), description="beginnings of the addresses that a job may name")
    networks: tuple[str, ...] = Field((), description="networks beyond the public ones that those may lead to, as CIDR")
    running: int = Field(1, gt=0, description="jobs at work at a time")
    open: int = Field(16, gt=0, description="jobs at work or waiting; the next is answered 429")
    open_a_key: int = Field(8, gt=0, description="of these, of one key")
    media: int = Field(10_000, gt=0, description="of one job")
    keep_days: float = Field(30.0, gt=0, description="after which an ended job goes, with its files")
    nodes: dict[str, str] = Field({}, description="labels of the nodes to work on, as Ray selects: `value` or `!value`")
    share: float = Field(
        0.5, gt=0, lt=1, description="of the nodes that the service uses too, what is kept free for the jobs"
    )

    @model_validator(mode="after")
    def _check_rules(self) -> JobSettings:
        UrlRules(self.urls, self.networks)
        return self

    @property
    def rules(self) -> UrlRules:
        """What the addresses of a job must keep to."""
        return UrlRules(self.urls, self.networks)


class ServeSettings(BaseModel):
    """Languages are names or codes; everything that is None goes by the hardware or the checkpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str | None = Field("Turkish", description="spoken language where a request names none; None: identified")
    target: str = Field("French", description="language of translations where a request names none")
    model: str | None = None
    served_as: str | None = Field(None, description="name of the model in requests; None: the model's own")
    engine: Literal["auto"] | EngineName = "auto"
    dtype: DtypeName = "auto"
    kv_cache: CacheName = "auto"
    deterministic: bool = False
    nodes: dict[str, str] = Field({}, description="labels of the nodes to run on, as Ray selects: `value` or `!value`")
    min_replicas: int | None = Field(None, ge=1, description="translators; fewer than max: Serve scales them")
    max_replicas: int | None = Field(None, ge=1)
    waiting_audio_s: float = Field(60.0, gt=0, description="audio waiting for a translator at which another is started")
    windows_in_flight: int | None = Field(
        None, ge=1, description="of all requests together, of each eight at least; None: by the translators"
    )
    spool: str | None = Field(
        None, description="folder for uploads that ingress and media replicas share; None: both run on the head node"
    )
    keys_file: str | None = Field(None, description="API keys, as `voxtral serve-key` writes them; None: no keys")
    hosts: tuple[str, ...] = Field(
        (), description="names under which the service is reached; without keys, only these, localhost and addresses"
    )
    profiling: bool = Field(True, description="whether the replicas keep a profile, which `voxtral profile` shows")
    door: DoorLimits = DoorLimits()
    jobs: JobSettings = JobSettings()
    media: MediaLimits = MediaLimits()
    vad: VadSettings = VadSettings()
    windows: WindowSettings = WindowSettings()
    cues: CueSettings = CueSettings()
    gate: GateSettings = GateSettings()

    @property
    def source_code(self) -> str | None:
        """ISO 639-1 code. Raises UnknownLanguage."""
        return None if self.source in (None, TO_IDENTIFY) else language_code(str(self.source))

    @property
    def target_code(self) -> str:
        """ISO 639-1 code. Raises UnknownLanguage."""
        return language_code(self.target)

    def job(self, model: str) -> Settings:
        """The batch job's settings with the same model and texts."""
        same = ("engine", "dtype", "kv_cache", "deterministic", "media", "vad", "windows", "cues", "gate")
        values = {name: getattr(self, name) for name in same}
        return Settings(inputs=("upload",), source=self.source_code, targets=(self.target_code,), model=model, **values)
