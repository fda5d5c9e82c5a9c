"""Turkish sentences read aloud by espeak-ng, in many voices.

Drives the shared library that the ``espeakng-loader`` wheel carries, so the recipe needs no system package.
It knows voices and audio samples; it does not know what is said or what a model is.
"""

from __future__ import annotations

import ctypes
import functools
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import espeakng_loader
import numpy as np
import soxr

SAMPLE_RATE = 16_000

# espeak-ng's speak_lib.h
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_CHARS_UTF8 = 1
_END_PAUSE = 0x1000
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_END_OF_EVENTS, _WORD = 0, 1

# Whispers, echoes, jokes and robots: nobody would take them for a person.
_STRANGE = re.compile(
    r"whisper|fast|shelby|zac|travis|robosoft|Storm|UniRobot|klatt|Robot|Demonic|Tweaky|Anxious|iven|RicishayMax|croak"
)
HELD_OUT = ("Andy", "Henrique", "Mr serious", "anika", "caleb", "f3", "m4", "miguel", "robert", "sandro")
"""Variants that training never hears."""


@dataclass(frozen=True)
class Voice:
    """How a sentence is read: an espeak-ng variant, words a minute, pitch and pitch range (both 0 to 99)."""

    variant: str
    rate: int
    pitch: int
    range: int


@functools.cache
def _library() -> tuple[ctypes.CDLL, int]:
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = str(Path(espeakng_loader.get_data_path()).parent).encode()
    rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data, 0)
    if rate <= 0:
        raise RuntimeError("espeak-ng did not start: reinstall the wheel espeakng-loader")
    return library, rate


def variants() -> list[str]:
    """Names of the voice variants used for training and evaluation, in a stable order."""
    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    return sorted(p.name for p in folder.iterdir() if not _STRANGE.search(p.name))


def is_held_out(variant: str) -> bool:
    """Whether training never hears this variant."""
    return variant in HELD_OUT


def draw_voice(rng: random.Random, held_out: bool) -> Voice:
    """A voice from the training set, or from the set that training never hears."""
    choices = [v for v in variants() if is_held_out(v) == held_out]
    return Voice(rng.choice(choices), rng.randint(130, 210), rng.randint(25, 75), rng.randint(30, 70))


class _Event(ctypes.Structure):
    """``espeak_EVENT`` of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


def speak(text: str, voice: Voice, language: str = "tr") -> np.ndarray:
    """The sentence as float32 samples at 16 kHz, shape (n,), in [-1, 1], without silence at either end."""
    return speak_timed(text, voice, language)[0]


def speak_timed(text: str, voice: Voice, language: str = "tr") -> tuple[np.ndarray, list[float]]:
    """As :func:`speak`, with the second at which each of the text's words (between blanks) begins."""
    library, rate = _library()
    chunks: list[np.ndarray] = []
    begun: dict[int, float] = {}

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
    def collect(wav: Any, count: int, events: Any) -> int:
        if wav and count > 0:
            chunks.append(np.ctypeslib.as_array(wav, (count,)).copy())
        i = 0
        while events and events[i].type != _END_OF_EVENTS:
            if events[i].type == _WORD:
                begun.setdefault(events[i].text_position - 1, events[i].audio_position / 1000)
            i += 1
        return 0

    library.espeak_SetSynthCallback(collect)
    name = f"{language}+{voice.variant}".encode()
    if library.espeak_SetVoiceByName(name) != 0:
        raise ValueError(f"espeak-ng has no voice {name.decode()}")
    for parameter, value in (
        (_RATE, voice.rate),
        (_PITCH, voice.pitch),
        (_RANGE, voice.range),
        (_VOLUME, 90),
    ):
        library.espeak_SetParameter(parameter, value, 0)
    data = text.encode() + b"\0"
    library.espeak_Synth(data, len(data), 0, 1, 0, _CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    if not chunks:
        raise ValueError(f"espeak-ng read nothing aloud for {text!r}")
    samples = np.concatenate(chunks).astype(np.float32) / 32768.0
    resampled = soxr.resample(samples, rate, SAMPLE_RATE)
    trimmed, skipped = _trim(resampled)
    return trimmed, [max(0.0, second - skipped) for second in _word_starts(text, begun)]


def _word_starts(text: str, begun: dict[int, float]) -> list[float]:
    """Of the words between blanks; espeak may begin several inside one (a number, a hyphen)."""
    starts: list[float] = []
    for match in re.finditer(r"\S+", text):
        inside = [second for at, second in begun.items() if match.start() <= at < match.end()]
        starts.append(min(inside) if inside else (starts[-1] if starts else 0.0))
    return starts


def _trim(samples: np.ndarray, floor: float = 0.003) -> tuple[np.ndarray, float]:
    """What is loud, and the seconds before it."""
    loud = np.flatnonzero(np.abs(samples) > floor)
    if not len(loud):
        return samples, 0.0
    return samples[loud[0] : loud[-1] + 1], float(loud[0]) / SAMPLE_RATE
