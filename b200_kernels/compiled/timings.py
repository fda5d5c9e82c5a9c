"""When each token of a transcript is said, from the attention that the decoder paid to the audio while writing it.

Some heads of a speech model look at the sound of the word that they are about to write (Whisper's word timings rest
on that). Which ones, and how far off they look, is measured once a checkpoint by
:mod:`b200_kernels.compiled.calibrate` and kept beside it in ``alignment.json``, which changes no text and so is no
part of the checkpoint's digest.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from b200_kernels.checkpoints import CheckpointError

ALIGNMENT = "alignment.json"
_FLOOR = 1e-4
"""Attention below this is none: one frame must not outweigh a whole sentence."""


class Alignment(BaseModel):
    """``heads`` are (layer, head); ``offset_s`` is what has to be added to where they look to get a token's start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    heads: tuple[tuple[int, int], ...] = Field(min_length=1)
    offset_s: float


def read_alignment(folder: Path) -> Alignment | None:
    """A checkpoint's alignment; None where it was never calibrated. Raises CheckpointError for a damaged file."""
    path = folder / ALIGNMENT
    if not path.exists():
        return None
    try:
        return Alignment.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise CheckpointError(f"{path} is damaged: calibrate again, or delete it") from error


def token_times(
    heard: np.ndarray, alignment: Alignment, seconds: float, seconds_a_token: float
) -> list[tuple[float, float]]:
    """Start and end in seconds of every token; ends are the next one's start.

    ``heard`` is (tokens, heads, audio tokens): attention, over the audio, of the position that wrote each token.
    ``seconds`` is the window's length, and ``seconds_a_token`` an audio token's (0.08).
    """
    frames = max(1, min(heard.shape[2], round(seconds / seconds_a_token)))
    looked = monotone_path(np.log(np.maximum(heard.mean(axis=1)[:, :frames], _FLOOR)))
    starts = np.clip((looked + 0.5) * seconds_a_token + alignment.offset_s, 0.0, seconds)
    ends = np.append(starts[1:], seconds)
    return [(round(float(a), 3), round(float(b), 3)) for a, b in zip(starts, ends, strict=True)]


def monotone_path(scores: np.ndarray) -> np.ndarray:
    """One column for every row, never going back, with the largest sum: (rows, columns) to (rows,).

    Viterbi over ``best[i, j] = scores[i, j] + max(best[i - 1, :j + 1])``.
    """
    rows, columns = scores.shape
    came_from = np.zeros((rows, columns), np.int64)
    best = scores[0].astype(np.float64)
    for i in range(1, rows):
        highest = np.maximum.accumulate(best)
        is_new = best >= highest
        came_from[i] = np.maximum.accumulate(np.where(is_new, np.arange(columns), 0))
        best = highest + scores[i]
    path = np.empty(rows, np.int64)
    path[-1] = int(best.argmax())
    for i in range(rows - 1, 0, -1):
        path[i - 1] = came_from[i, path[i]]
    return path
