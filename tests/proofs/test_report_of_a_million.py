"""The short version of ``make report-scale``: ten times the media, and neither page nor memory grows with them."""

from __future__ import annotations

from tests.proofs.report_of_a_million import prove


def test_a_report_does_not_grow_with_its_archive(tmp_path):
    small, large = (prove(media, tmp_path / str(media)) for media in (4_000, 40_000))
    assert large["page_bytes"] < 1.05 * small["page_bytes"] < 60_000
    assert large["peak_mb"] < small["peak_mb"] + 150
