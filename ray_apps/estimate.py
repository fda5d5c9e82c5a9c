"""How long a job may take: from the last run into the same folder, else a guess by the kind of machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b200_kernels.compiled.needs import needs_of
from b200_kernels.compiled.shape import read_shape
from cluster.derived import media_rate
from cluster.hardware import detect_machine
from pipelines.archive.storage import Store

if TYPE_CHECKING:
    from ray_apps.plan import JobPlan

# Seconds of audio a second. Demo model: an hour of media took 62 s on two cores (docs/log.md, compiled engine). The
# others are orders of magnitude, and the user is told so; GPUs that we know are cluster.derived's.
DEMO_PER_CORE, VOXTRAL_PER_CORE, VOXTRAL_PER_UNKNOWN_GPU = 25.0, 0.05, 30.0


@dataclass(frozen=True)
class Estimate:
    """Seconds of work, start-up left out, and what the figure rests on."""

    seconds: float
    basis: str


def estimate(plan: JobPlan) -> Estimate:
    """The time for what is missing of a job."""
    measured = _last_speed(plan)
    if measured:
        return Estimate(plan.missing_s / measured, f"{measured:.1f} × real time, as the last run here")
    machine = detect_machine()
    cores = max(1, int(machine.cores))
    if plan.checkpoint.demo_model:
        return Estimate(plan.missing_s / (DEMO_PER_CORE * cores), f"a guess: demo model on {cores} cores")
    if machine.chip is not None:
        rate = media_rate(machine, needs_of(read_shape(plan.checkpoint.folder)))
        return Estimate(plan.missing_s / rate, f"a guess, nothing measured: {machine.gpus} × {machine.gpu}")
    if machine.gpus:
        return Estimate(plan.missing_s / VOXTRAL_PER_UNKNOWN_GPU, f"a guess: one {machine.gpu}")
    return Estimate(plan.missing_s / (VOXTRAL_PER_CORE * cores), f"a guess: large model on {cores} CPU cores")


def _last_speed(plan: JobPlan) -> float | None:
    """Of the last run with the same fingerprint, where it did anything."""
    store = Store(plan.settings.out)
    if not store.exists("summary.json"):
        return None
    try:
        last = json.loads(store.read_bytes("summary.json"))
        speed = float(last["realtime_factor"]) if last["fingerprint"] == plan.recipe.fingerprint else 0.0
    except (ValueError, KeyError, TypeError):
        return None  # not a summary that this version wrote: a guess is as good
    return speed if speed > 0 else None
