"""How many translators there should be: by the seconds of audio that wait, not by the number of requests.

A request here is a call with one to four windows, and windows differ: Serve knows how many are queued at its handles
and in the replicas, and the replicas tell how many seconds those inside them have. What is queued is taken to be as
long on average. Serve applies its own factors and delays to what this says, as to its own policy's answers.
"""

from __future__ import annotations

import math
from typing import Any

from ray.serve.config import AutoscalingContext


class WaitingAudio:
    """Ray makes one from ``policy_kwargs`` and asks it again and again.

    ``waiting_audio_s``: seconds of audio that one translator may have before it; ``call_s``: what a call is taken to
    have while no replica tells.
    """

    def __init__(self, waiting_audio_s: float, call_s: float) -> None:
        self.waiting_audio_s, self.call_s = waiting_audio_s, call_s

    def __call__(self, context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
        told = (context.aggregated_metrics or {}).get("audio_s", {})
        queued = float(context.total_queued_requests or 0.0)
        inside = max(0.0, float(context.total_num_requests) - queued)
        inside_s = sum(told.values())
        call_s = inside_s / inside if inside and inside_s else self.call_s
        waiting_s = (inside_s or inside * self.call_s) + queued * call_s
        wanted = math.ceil(waiting_s / self.waiting_audio_s)
        bounds = context.capacity_adjusted_min_replicas, context.capacity_adjusted_max_replicas
        return max(bounds[0], min(bounds[1], wanted)), {}
