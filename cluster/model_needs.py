"""What a model asks of a machine: bytes and operations, and nothing about what it computes with them.

A model's package works its own out (:func:`b200_kernels.compiled.needs.needs_of`); the default here is the model that
runs where nobody names one and there is a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelNeeds:
    """Of weights and cache in two bytes a number.

    ``weights_bytes``: all weights. ``sequence_bytes``, ``sequence_pages``: keys and values that a text in flight
    reserves. ``window_s``: seconds of sound in a full window; ``texts``: texts written about one (what was said, and
    its translation), of ``tokens`` tokens together. ``listen_flops``: operations before a window's first token.
    ``token_flops``: of one more token. ``step_bytes``: weights that a step reads for all texts in flight;
    ``keys_bytes``: keys and values that it reads for each.
    """

    weights_bytes: int
    sequence_bytes: int
    sequence_pages: int
    window_s: float
    texts: int
    tokens: int
    listen_flops: float
    token_flops: float
    step_bytes: float
    keys_bytes: float


VOXTRAL_MINI = ModelNeeds(
    weights_bytes=9_347_334_144,
    sequence_bytes=157_286_400,
    sequence_pages=40,
    window_s=30.0,
    texts=2,
    tokens=240,
    listen_flops=4_928_971_161_600.0,
    token_flops=7_443_775_488.0,
    step_bytes=7_222_591_488.0,
    keys_bytes=55_296_000.0,
)
"""Voxtral-Mini-3B-2507, as ``needs_of(MINI_3B)`` works it out; a test holds the two together."""
