from __future__ import annotations

import pytest

from cluster.chips import CHIPS, chip_named


@pytest.mark.parametrize(
    ("told", "chip"),
    [
        ("NVIDIA B200", "B200"),
        ("NVIDIA GB200", "GB200"),
        ("NVIDIA B200 MIG 3g.90gb", "B200"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA H200 NVL", "H200 NVL"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA A100-SXM4-80GB", "A100"),
        ("NVIDIA A100-SXM4-40GB", "A100 40GB"),
        ("NVIDIA A100 80GB PCIe", "A100 80GB PCIe"),
        ("NVIDIA A100-SXM4-80GB MIG 3g.40gb", "A100"),
        ("A100-40G", "A100 40GB"),
        ("B200", "B200"),
        ("NVIDIA GH200 480GB", None),
        ("NVIDIA B300 SXM6 AC", None),
        ("Tesla T4", None),
        (None, None),
    ],
)
def test_which_chip_a_name_means(told, chip):
    found = chip_named(told)
    assert (found and found.name) == chip


def test_every_chip_has_a_source_and_faster_formats_in_fewer_bits():
    for chip in CHIPS:
        rates = [chip.tflops[name] for name in ("bfloat16", "fp8", "nvfp4") if name in chip.tflops]
        assert chip.source
        assert rates == sorted(rates)
        assert "bfloat16" in chip.tflops
