"""Settings of the gate. They change which text ships, so they enter the run's fingerprint."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Quality = Literal["low", "medium", "high", "max"]


class GateSettings(BaseModel):
    """How much the gate may spend on retries, and where it draws its lines."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quality: Quality = Field(default="high", description="how far the ladder of retries goes")
    short_speech_s: float = Field(default=1.0, ge=0, description="no text for less speech than this is silence")
    low_confidence: float = Field(
        default=0.6, ge=0, le=1, description="no text for speech less sure than this is silence"
    )
    min_letters_per_s: float = Field(
        default=2.0, ge=0, description="letters a second of speech below which text was lost"
    )
    sparse_after_s: float = Field(default=4.0, gt=0, description="speech that it takes to judge sparse text")
    silence_letters_per_s: float = Field(default=0.6, ge=0, description="stock phrases thinner than this were invented")
    silence_after_s: float = Field(default=8.0, gt=0, description="speech that it takes to judge invented phrases")
    max_letters_per_s: float = Field(default=30.0, gt=0, description="letters a second that nobody can speak")
    dense_letters: int = Field(default=30, gt=0, description="letters that it takes to judge dense text")
    language_letters: int = Field(
        default=22, gt=0, description="letters, without names and loans, that it takes to judge the language"
    )
    language_probability: float = Field(
        default=0.4, gt=0, lt=1, description="probability at which another language is believed"
    )
    short_language_doubt: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="probability of the right language that lets a text of fewer than 30 letters pass",
    )
    stray_probability: float = Field(
        default=0.6, gt=0, lt=1, description="the same for a part of a translation, in a third language"
    )
    untranslated_probability: float = Field(
        default=0.9, gt=0, lt=1, description="the same for half of a text, between source and target language alone"
    )
    length_z: float = Field(default=3.6, gt=0, description="deviations from the expected length of a translation")
    omission: float = Field(default=2.9, description="log odds at which something is believed to be left out")
    meaning: bool = Field(default=False, description="compare the meaning of source and translation, by a small model")
    similarity: float = Field(
        default=0.27, ge=-1, le=1, description="cosine of meaning, where measured, below which a text is another one"
    )
    copied_share: float = Field(default=0.5, gt=0, le=1, description="share of words left in the source language")
    copied_run: int = Field(default=3, gt=0, description="words in a row left in the source language")
    compression_ratio: float = Field(
        default=2.4, gt=1, description="how well only a loop compresses (Whisper's figure)"
    )
    min_logprob: float = Field(default=-1.0, lt=0, description="mean log-probability of a token (Whisper's figure)")
    sure_logprob: float = Field(
        default=-0.02,
        le=0,
        description="mean log-probability below which a transcript is asked for twice, and compared",
    )
    agreement: float = Field(
        default=0.7, ge=0, le=1, description="overlap of two listenings below which they heard different things"
    )
    agreement_letters: int = Field(default=12, gt=0, description="letters that it takes to judge agreement")
    unheard_s: float = Field(default=2.0, gt=0, description="speech without any token that a transcript has lost")
