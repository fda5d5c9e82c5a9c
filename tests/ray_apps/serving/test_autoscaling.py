"""Translators are asked for by the seconds of audio that wait."""

from __future__ import annotations

import pytest
from ray.serve.config import AutoscalingContext

from ray_apps.serving.autoscaling import WaitingAudio


def context(requests: float, queued: float, told: dict[str, float]) -> AutoscalingContext:
    return AutoscalingContext(
        deployment_id=None,
        deployment_name="VoxtralTranslator",
        app_name="voxtral",
        current_num_replicas=1,
        target_num_replicas=1,
        running_replicas=[],
        total_num_requests=requests,
        total_queued_requests=queued,
        aggregated_metrics={"audio_s": told},
        raw_metrics=None,
        capacity_adjusted_min_replicas=1,
        capacity_adjusted_max_replicas=8,
        policy_state={},
        last_scale_up_time=None,
        last_scale_down_time=None,
        current_time=None,
        config=None,
    )


@pytest.mark.parametrize(
    ("requests", "queued", "told", "replicas"),
    [
        (0, 0, {}, 1),
        (4, 0, {"a": 110.0}, 2),  # 110 s inside
        (4, 0, {}, 2),  # nobody tells yet: four calls of 30 s
        (12, 8, {"a": 20.0, "b": 20.0}, 2),  # 40 s inside, eight queued of 10 s each as these
        (12, 8, {"a": 60.0, "b": 60.0}, 6),  # the same number of calls, three times as long
        (100, 90, {"a": 300.0}, 8),  # never more than may be
    ],
)
def test_replicas_follow_the_audio_and_not_the_number_of_requests(requests, queued, told, replicas):
    assert WaitingAudio(waiting_audio_s=60.0, call_s=30.0)(context(requests, queued, told))[0] == replicas
