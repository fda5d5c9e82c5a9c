"""How long each stage of the engine took. It costs two looks at the clock a stage, so it always runs."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Stopwatch:
    """``seconds`` by stage. A GPU works on while we go on: ``exact`` waits for it, which costs overlap."""

    def __init__(self, device: torch.device, exact: bool = False) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._device = device
        self.exact = exact

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        if self.exact and self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self.seconds[stage] += time.perf_counter() - began
