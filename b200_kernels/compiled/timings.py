"""When each token of a transcript is said, from the attention that the decoder paid to the audio while writing it.

Some heads of a speech model look at the sound of the word that they are about to write (Whisper's word timings rest
on that). Which ones, and how far off they look, is found once a checkpoint by
:mod:`b200_kernels.compiled.calibrate` and kept beside it in ``alignment.json``, which changes no text and so is no
part of the checkpoint's digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from b200_kernels.checkpoints import CheckpointError

ALIGNMENT = "alignment.json"
_FLOOR = 1e-4
"""Attention below this is none: one frame must not outweigh a whole sentence."""
_COMMON = 0.1
"""Added to what all tokens together paid to a frame, so that a frame nobody looks at does not come out on top, and
an answer of one token keeps its order of frames."""
_NEAR = 2
"""Frames to each side of the chosen one that say where between frames a token looked."""


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
    looked = looked_at(heard, seconds, seconds_a_token)
    starts = np.clip(looked + alignment.offset_s, 0.0, seconds)
    ends = np.append(starts[1:], seconds)
    return [(round(float(a), 3), round(float(b), 3)) for a, b in zip(starts, ends, strict=True)]


def looked_at(heard: np.ndarray, seconds: float, seconds_a_token: float) -> np.ndarray:
    """The second at which every token looked, (tokens,), never going back; arguments as :func:`token_times`'s.

    A frame counts by the share of all its attention that one token paid: frames that every token glances at (the
    window's first, pauses) say nothing about any of them.
    """
    frames = max(1, min(heard.shape[2], round(seconds / seconds_a_token)))
    attention = heard.mean(axis=1)[:, :frames]
    own = np.maximum(attention / (attention.sum(axis=0) + _COMMON), _FLOOR)
    between = _centres(own, monotone_path(np.log(own)))
    return (np.maximum.accumulate(between) + 0.5) * seconds_a_token


def spelled(pieces: Sequence[bytes]) -> list[str]:
    """Tokens' bytes as text that joins to the whole; a letter whose bytes several tokens share is the first one's."""
    texts = [""] * len(pieces)
    owners = [index for index, piece in enumerate(pieces) for _ in piece]
    at = 0
    # What is no UTF-8 stays as one surrogate a byte, so that positions hold, and then is shown as U+FFFD.
    for letter in b"".join(pieces).decode("utf-8", "surrogateescape"):
        texts[owners[at]] += "\ufffd" if "\udc80" <= letter <= "\udcff" else letter
        at += len(letter.encode("utf-8", "surrogateescape"))
    return texts


def first_tokens(pieces: Sequence[str]) -> list[int]:
    """Index of the token in which each word (between blanks) of the joined ``pieces`` begins."""
    found: list[int] = []
    inside = False
    for index, piece in enumerate(pieces):
        for letter in piece:
            if not letter.isspace() and not inside:
                found.append(index)
            inside = not letter.isspace()
    return found


def _centres(scores: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Each row's mean column around ``path`` (rows,), weighted by ``scores`` (rows, columns), all above 0."""
    near = path[:, None] + np.arange(-_NEAR, _NEAR + 1)
    there = (near >= 0) & (near < scores.shape[1])
    near = np.clip(near, 0, scores.shape[1] - 1)
    weights = np.take_along_axis(scores, near, axis=1) * there
    centres: np.ndarray = (weights * near).sum(axis=1) / weights.sum(axis=1)
    return centres


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
