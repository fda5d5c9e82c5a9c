"""Settings of the way from media to windows and from texts to cues.

Those that can change the model's text enter the fingerprint that names the parts: :class:`VadSettings` and
:class:`WindowSettings`. The others never do.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipelines.archive.url_rules import UrlRules
from quality.subtitle_profiles import DEFAULT, PROFILE_NAMES, profile_for
from quality.subtitle_rules import Profile

Quotes = Literal["guillemets", "curly", "straight", "keep"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MediaLimits(_Settings):
    """What one decoding child may use before it is killed. A forged header must hit one of these."""

    decoded_s: float = Field(24 * 3600.0, gt=0, description="longest medium, seconds")
    decoded_bytes: int = Field(
        16 * 2**30, gt=0, description="bytes of samples that a decoder may give, before resampling"
    )
    channels: int = Field(32, gt=0)
    sample_rate: int = Field(768_000, gt=0)
    streams: int = Field(256, gt=0)
    memory_bytes: int = Field(1536 * 2**20, gt=0, description="address space of the child")
    cpu_s: float = Field(600.0, gt=0, description="CPU time of the child, for one shard")
    wall_s: float = Field(900.0, gt=0, description="wall clock of the child, for one shard")
    urls: UrlRules | None = Field(None, description="the only addresses that it may open; None: what it is told to")


class VadSettings(_Settings):
    """Generous on purpose: speech that is lost here is lost for good, and the gate can drop what is no speech."""

    onset: float = Field(0.4, gt=0, lt=1, description="speech probability at which speech begins")
    offset: float = Field(0.25, gt=0, lt=1, description="speech probability below which it ends")
    min_speech_s: float = Field(0.2, ge=0, description="shorter stretches are dropped")
    min_silence_s: float = Field(0.3, gt=0, description="shorter gaps are bridged")
    pad_s: float = Field(0.12, ge=0, description="kept on both sides, never past the middle of a gap")


class WindowSettings(_Settings):
    """``window_s`` is read from the checkpoint when None."""

    shard_s: float = Field(600.0, gt=0)
    window_s: float | None = Field(None, gt=0)
    max_gap_s: float = Field(4.0, gt=0, description="a longer silence is never inside a window")


class CueSettings(_Settings):
    """How subtitles look: a profile, by the language of the text, and what of it is to be otherwise.

    None of it enters the fingerprint: cues are made from parts alone.
    """

    profile: str = Field(DEFAULT, description=f"one of {', '.join(PROFILE_NAMES)}")
    max_line_chars: int | None = Field(None, gt=0, description="this and the next five: None is the profile's")
    max_lines: int | None = Field(None, gt=0)
    max_cps: float | None = Field(None, gt=0, description="characters a second")
    min_duration_s: float | None = Field(None, gt=0)
    max_duration_s: float | None = Field(None, gt=0)
    min_gap_s: float | None = Field(None, ge=0)
    quotes: Quotes = Field("guillemets", description="quotation marks in French text; keep: as the model wrote them")
    bilingual: bool = Field(False, description="each cue shows the transcript beneath the translation")
    formats: tuple[str, ...] = ("srt", "vtt", "json")
    ass_style: str = Field("", description="content of an ASS file whose styles ass and ssa files take")
    mux: bool = Field(False, description="also a copy of each medium with its subtitles as soft tracks")

    @field_validator("profile")
    @classmethod
    def _known(cls, name: str) -> str:
        profile_for(name, "fr")
        return name

    def limits(self, language: str) -> Profile:
        """The limits of text in ``language``: the profile's, but for those that are set here."""
        profile = profile_for(self.profile, language)
        numbers = {field.name: getattr(self, field.name, None) for field in fields(Profile)}
        return replace(profile, **{name: value for name, value in numbers.items() if value is not None})
