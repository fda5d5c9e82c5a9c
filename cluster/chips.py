"""The GPUs that this project names: what their makers promise, each figure with its source.

Rates are dense (NVIDIA's tables mostly print twice as much, for matrices of which half is zero) and peaks: what a
program gets is less, and is measured by :mod:`b200_kernels.machine_rates`. It knows names; it looks at no device.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Format = Literal["bfloat16", "fp8", "nvfp4"]


@dataclass(frozen=True)
class Chip:
    """One GPU.

    ``memory_gb`` and ``bandwidth_gb_s`` count in 10^9 bytes, as data sheets do; drivers keep some of the memory for
    themselves. ``tflops`` maps the formats that its matrix cores know to 10^12 dense operations a second (a
    multiply-add counts as two). ``processors`` are its SMs, by which a MIG slice is told from the whole.
    """

    name: str
    memory_gb: float
    bandwidth_gb_s: float
    tflops: Mapping[Format, float]
    processors: int
    source: str


_BLACKWELL = "glennklockwood.com/garden/processors/B200 after NVIDIA's architecture brief (FP4, FP8, BF16 by power)"
_HOPPER = "NVIDIA H100 data sheet, half of its sparse figures; glennklockwood.com/garden/processors/h100"
_H200 = "NVIDIA H200 data sheet, half of its sparse figures"
_A100 = "NVIDIA A100 data sheet"

CHIPS = (
    Chip(
        "GB200", 186, 8000, {"bfloat16": 2500, "fp8": 5000, "nvfp4": 10_000}, 148,
        f"{_BLACKWELL}, 1,200 W; 186 GB: MLPerf inference 6.1, GB200 NVL72 systems; 8 TB/s: NVIDIA GB200 NVL72",
    ),
    Chip(
        "B200", 180, 8000, {"bfloat16": 2250, "fp8": 4500, "nvfp4": 9000}, 148,
        f"{_BLACKWELL}, 1,000 W; 180 GB and 8 TB/s: NVIDIA DGX B200, 1,440 GB and 64 TB/s for eight",
    ),
    Chip("H200 NVL", 141, 4800, {"bfloat16": 835, "fp8": 1670}, 132, _H200),
    Chip("H200", 141, 4800, {"bfloat16": 989, "fp8": 1979}, 132, _H200),
    Chip("H100 NVL", 94, 3900, {"bfloat16": 835, "fp8": 1670}, 132, _HOPPER),
    Chip("H100 PCIe", 80, 2000, {"bfloat16": 756, "fp8": 1513}, 114, _HOPPER),
    Chip("H100", 80, 3350, {"bfloat16": 989, "fp8": 1979}, 132, f"{_HOPPER} (SXM)"),
    Chip("A100 40GB", 40, 1555, {"bfloat16": 312}, 108, _A100),
    Chip("A100 80GB PCIe", 80, 1935, {"bfloat16": 312}, 108, _A100),
    Chip("A100", 80, 2039, {"bfloat16": 312}, 108, f"{_A100} (SXM, 80 GB)"),
)  # fmt: skip
"""Narrower names before wider ones."""


def chip_named(name: str | None) -> Chip | None:
    """The chip of a device's name as the driver tells it (``NVIDIA A100-SXM4-40GB``, also of a MIG slice) or of Ray's
    accelerator type (``A100``, ``A100-80G``); None for all others: a GH200 is no H200, a B300 no B200.
    """
    words = {"40GB" if word == "40G" else word for word in re.split(r"[\s-]+", (name or "").upper())}
    return next((chip for chip in CHIPS if set(chip.name.upper().split()) <= words), None)
