"""The same numbers again: seeds and deterministic settings for Python, numpy and torch.

Torch is seeded where it is installed. Two things are outside a running process's reach: the order of hashes
(``PYTHONHASHSEED`` is read at start-up, so it is only reported), and kernels that have no deterministic form,
of which torch warns.
"""

from __future__ import annotations

import os
import platform
import random
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


def ensure_reproducible_environment(seed: int = 42, validate: bool = False) -> dict[str, Any]:
    """Seed every generator and ask torch for deterministic kernels.

    Args:
        seed: 0 to 2**32 - 1 (numpy's range).
        validate: draw and compute twice from the same seed, and compare.

    Returns:
        ``seed``; versions ``python``, ``numpy``, ``torch`` (None without it); ``deterministic_algorithms``,
        ``cudnn_deterministic`` (None without torch); ``hash_seed``: the environment's PYTHONHASHSEED or None;
        ``validated``: per generator whether the same came twice, empty unless asked.

    Raises:
        ValueError: the seed is out of range.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed {seed} is not between 0 and 4294967295")
    torch = _torch()
    _seed_all(seed, torch)
    _set_deterministic(torch)
    validated = _validate(seed, torch) if validate else {}
    return {
        "seed": seed,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": None if torch is None else str(torch.__version__),
        "deterministic_algorithms": None if torch is None else torch.are_deterministic_algorithms_enabled(),
        "cudnn_deterministic": None if torch is None else torch.backends.cudnn.deterministic,
        "hash_seed": os.environ.get("PYTHONHASHSEED"),
        "validated": validated,
    }


class ReproducibleSession:
    """Deterministic inside ``with``; afterwards all generators and settings are as they were before."""

    def __init__(self, seed: int = 42) -> None:
        self.seed = seed
        self.environment: dict[str, Any] = {}
        self._restore: list[Callable[[], None]] = []

    def __enter__(self) -> ReproducibleSession:
        self._restore.append(_remember(_torch()))
        try:
            self.environment = ensure_reproducible_environment(self.seed)
        except ValueError:
            self._restore.pop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore.pop()()


def _torch() -> Any | None:
    try:
        import torch
    except (ImportError, OSError):
        return None
    return torch


def _seed_all(seed: int, torch: Any | None) -> None:
    random.seed(seed)
    np.random.seed(seed)  # the global generator is what other people's code draws from
    if torch is not None:
        torch.manual_seed(seed)  # every GPU as well


def _set_deterministic(torch: Any | None) -> None:
    os.environ.setdefault(_WORKSPACE, ":4096:8")
    if torch is not None:
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False


def _validate(seed: int, torch: Any | None) -> dict[str, bool]:
    """Leaves the generators freshly seeded."""
    first, second = (_draw(seed, torch) for _ in range(2))
    _seed_all(seed, torch)
    return {name: first[name] == second[name] for name in first}


def _draw(seed: int, torch: Any | None) -> dict[str, bytes]:
    _seed_all(seed, torch)
    drawn = {"random": repr(random.random()).encode(), "numpy": np.random.rand(64).tobytes()}
    if torch is not None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        matrix = torch.randn(64, 64, device=device)
        drawn["torch"] = (matrix @ matrix).cpu().numpy().tobytes()
    return drawn


def _remember(torch: Any | None) -> Callable[[], None]:
    """A function that puts back what is set now."""
    state, numpy_state = random.getstate(), np.random.get_state()
    workspace = os.environ.get(_WORKSPACE)
    restore_torch = _remember_torch(torch) if torch is not None else None

    def restore() -> None:
        random.setstate(state)
        np.random.set_state(numpy_state)
        if workspace is None:
            os.environ.pop(_WORKSPACE, None)
        else:
            os.environ[_WORKSPACE] = workspace
        if restore_torch is not None:
            restore_torch()

    return restore


def _remember_torch(torch: Any) -> Callable[[], None]:
    cudnn = torch.backends.cudnn
    state = torch.get_rng_state()
    gpu_states = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    algorithms = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    flags = (cudnn.deterministic, cudnn.benchmark)

    def restore() -> None:
        torch.set_rng_state(state)
        if gpu_states:
            torch.cuda.set_rng_state_all(gpu_states)
        torch.use_deterministic_algorithms(algorithms, warn_only=warn_only)
        cudnn.deterministic, cudnn.benchmark = flags

    return restore
