"""The same speech under a little noise: what a second, independent listening hears.

It knows samples only. Whoever understood the speech understands it still; whoever guessed guesses something else.
"""

from __future__ import annotations

import numpy as np

BELOW_DB = 20.0
"""What it is as loud as, below the speech: a quiet room's. A person would not notice it in a phone call."""


def under_noise(samples: np.ndarray) -> np.ndarray:
    """int16 samples (any number) with white noise 20 dB below their mean power; the same samples give the same."""
    loudness = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    noise = np.random.default_rng(0).normal(0.0, loudness * 10 ** (-BELOW_DB / 20), len(samples))
    return np.clip(np.rint(samples + noise), -32768, 32767).astype(np.int16)
