"""Fitting the omission model: logistic regression on clean pairs against shortened ones."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from quality.bench.corpus import Pair
from quality.bench.corruptions import dropped_last_third, dropped_run, dropped_third, truncated_to_half
from quality.omission import signs

_SHORTENED = (truncated_to_half, dropped_third, dropped_last_third, dropped_run)
_RIDGE, _STEPS = 1e-3, 30


def fit_omission(pairs: Sequence[Pair]) -> list[float]:
    """Weights of the signs in log odds, by Newton's method; each kind of pair (clean, shortened) counts half."""
    rng = random.Random(4)
    clean = [signs(pair.source, pair.target, "tr", "fr") for pair in pairs]
    short = [
        signs(pair.source, spoilt, "tr", "fr")
        for pair in pairs
        if (spoilt := rng.choice(_SHORTENED)(pair, rng)) is not None
    ]
    x, y = np.array(clean + short), np.array([0.0] * len(clean) + [1.0] * len(short))
    share = np.where(y > 0, 0.5 / len(short), 0.5 / len(clean))
    weights = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-(x @ weights)))
        gradient = x.T @ (share * (y - p)) - _RIDGE * weights
        curvature = (x * (share * p * (1 - p))[:, None]).T @ x + _RIDGE * np.eye(len(weights))
        weights += np.linalg.solve(curvature, gradient)
    return [round(float(weight), 2) for weight in weights]
