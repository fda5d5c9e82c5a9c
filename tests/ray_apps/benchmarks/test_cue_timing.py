"""The short version of ``make cue-timing``: cues start when their words do."""

from __future__ import annotations

from ray_apps.benchmarks.cue_timing import measure


def test_cues_start_with_their_first_word():
    (figures,) = measure(16, noisy=False).values()
    for text in ("transcript", "translation"):
        timed, alone = figures[f"{text}, token timings"]["aligned"], figures[f"{text}, segments alone"]["aligned"]
        assert min(timed["cues"], alone["cues"]) >= 8
        assert timed["median ms"] <= 200
        assert timed["p95 ms"] <= 600
        assert alone["median ms"] <= 400
        assert alone["p95 ms"] <= 1200
