"""All settings of a run, as one tree, and the fingerprint of those that can change the model's text.

Made from command line flags, a YAML file or Serve's ``args``. Hardware, pool sizes, formats, paths and how cues look
never enter the fingerprint: another machine or another subtitle profile goes on with the same parts.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from b200_kernels.engine import CacheName, DtypeName, EngineName
from pipelines.settings import CueSettings, MediaLimits, VadSettings, WindowSettings
from quality.glossary import Term
from quality.settings import GateSettings


class Settings(BaseModel):
    """What a run does (languages are ISO 639-1 codes) and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: tuple[str, ...] = Field(min_length=1, description="folders, globs, files, lists or URLs")
    out: str = Field("subtitles", min_length=1, description="output folder, local or any fsspec URL")
    source: str | None = Field(None, description="spoken language; None: from the medium, else identified")
    targets: tuple[str, ...] = Field(min_length=1)
    model: str | None = Field(None, description="Hub id, folder or URL; None: by the hardware")
    engine: Literal["auto"] | EngineName = "auto"
    dtype: DtypeName = Field("auto", description="number format of the model; auto: by the hardware")
    kv_cache: CacheName = Field("auto", description="number format of keys and values; auto: the model's")
    deterministic: bool = Field(False, description="answers do not depend on their neighbours, to the last bit; slower")
    formats: tuple[str, ...] = ("srt", "vtt", "json")
    address: str | None = Field(None, description="an existing Ray cluster; None: one on this machine")
    nodes: dict[str, str] = Field({}, description="labels of the nodes to work on, as Ray selects: `value` or `!value`")
    share: float = Field(1.0, gt=0, le=1, description="of these nodes' CPUs, GPUs and memory, where others work too")
    min_actors: int | None = Field(None, ge=1)
    max_actors: int | None = Field(None, ge=1)
    max_attempts: int = Field(5, ge=1, description="tries of a shard that fails or dies with its worker, over all runs")
    window_deadline_s: float = Field(300.0, gt=0, description="longest time in the engine, for each window of a shard")
    audio_stream: int | None = Field(None, ge=0, description="index of the audio stream, where there are several")
    retry_errors: bool = False
    profiling: bool = Field(True, description="whether the run keeps a profile, which `voxtral profile` shows")
    media: MediaLimits = MediaLimits()
    vad: VadSettings = VadSettings()
    windows: WindowSettings = WindowSettings()
    cues: CueSettings = CueSettings()
    gate: GateSettings = GateSettings()
    glossary: tuple[Term, ...] = Field((), description="terms and what the target languages call them")

    @property
    def cue_settings(self) -> CueSettings:
        return self.cues.model_copy(update={"formats": self.formats})


class Recipe(BaseModel):
    """What can change the model's text, with every ``auto`` resolved. It names the parts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint: str
    """Digest of the checkpoint's files."""
    engine: EngineName
    dtype: DtypeName
    kv_cache: CacheName
    deterministic: bool
    prompts: str
    """Digest of the prompts file's wordings."""
    source: str | None
    targets: tuple[str, ...]
    audio_stream: int | None
    window_s: float
    vad: VadSettings
    windows: WindowSettings
    gate: GateSettings
    ladder: tuple[str, ...]
    """The retries of a rejected window, in order."""
    glossary: str
    """Digest of the glossary's terms; empty without one."""

    @property
    def fingerprint(self) -> str:
        """16 hex characters of a SHA-256."""
        return digest(self.model_dump(mode="json"))


def digest(value: Any) -> str:
    """16 hex characters that name a JSON value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
