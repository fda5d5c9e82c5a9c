"""Settings of the way from media to windows and from texts to cues.

Those that can change the model's text enter the fingerprint that names the parts: :class:`VadSettings` and
:class:`WindowSettings`. The others never do.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


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
    """How subtitles look. Numbers: Netflix timed text style guide, general requirements and French."""

    max_line_chars: int = Field(42, gt=0)
    max_lines: int = Field(2, gt=0)
    max_cps: float = Field(17.0, gt=0, description="characters a second")
    min_duration_s: float = Field(5 / 6, gt=0)
    max_duration_s: float = Field(7.0, gt=0)
    min_gap_s: float = Field(2 / 24, ge=0, description="two frames at 24 a second")
    formats: tuple[str, ...] = ("srt", "vtt", "json")
