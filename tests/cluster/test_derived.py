from __future__ import annotations

from dataclasses import replace

import pytest

from b200_kernels.benchmark.limits import limit
from b200_kernels.compiled.needs import needs_of
from b200_kernels.compiled.shape import MINI_3B, SMALL_24B
from cluster.chips import CHIPS, chip_named
from cluster.derived import Machine, audio_rate, cores_to_feed, derive, media_rate, most_rows, rows_in_flight
from cluster.model_needs import VOXTRAL_MINI

B200 = Machine(24, 256 * 2**30, "NVIDIA B200", 1, int(179.1 * 2**30), 148, (10, 0))
H100_SLICE = Machine(8, 64 * 2**30, "NVIDIA H100 80GB HBM3 MIG 2g.20gb", 1, int(19.5 * 2**30), 32, (9, 0))


def value(machine, name, needs=VOXTRAL_MINI):
    return derive(machine, needs).settings[name].value


def test_the_default_needs_are_the_default_models():
    assert needs_of(MINI_3B) == VOXTRAL_MINI


def test_the_docstrings_arithmetic():
    assert audio_rate(chip_named("B200"), VOXTRAL_MINI, 256) == pytest.approx(6390, abs=2)
    assert cores_to_feed("NVIDIA B200") == 19


def test_the_rate_is_the_benchmarks_limit_at_the_chips_peaks():
    chip = chip_named("H200")
    best = limit(
        MINI_3B,
        prompts=(15, 15),
        tokens=240,
        batch=256,
        bytes_a_number=2,
        flops_a_second=chip.tflops["bfloat16"] * 1e12,
        bytes_a_second=chip.bandwidth_gb_s * 1e9,
    )
    assert audio_rate(chip, VOXTRAL_MINI, 256) == pytest.approx(30 / best.window_s, rel=0.01)


@pytest.mark.parametrize(
    ("name", "rows"), [("GB200", 256), ("B200", 256), ("H200", 256), ("H100", 256), ("A100", 128), (None, 256)]
)
def test_rows_by_chip(name, rows):
    assert most_rows(chip_named(name)) == rows


@pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: chip.name)
def test_more_rows_never_make_a_chip_slower_and_a_slice_never_faster(chip):
    rates = [audio_rate(chip, VOXTRAL_MINI, rows) for rows in (1, 16, 64, 256)]
    assert rates == sorted(rates)
    assert audio_rate(chip, VOXTRAL_MINI, 64, 0.5) == pytest.approx(rates[2] / 2)


def test_a_b200_has_room_for_all_its_rows():
    assert (value(B200, "rows"), value(B200, "batch_size"), value(B200, "kv_pages")) == (256, 128, 256 * 40 + 1)
    assert derive(B200).notes == ()


def test_enough_shards_to_fill_the_batch():
    assert value(B200, "actor_shards") == 7
    assert value(Machine(8, 2**35), "actor_shards") == 1
    assert value(H100_SLICE, "actor_shards") * 20 >= value(H100_SLICE, "batch_size")


def test_a_machine_is_as_fast_as_its_gpus_or_as_the_cores_that_listen():
    assert media_rate(B200, VOXTRAL_MINI) == pytest.approx(0.75 * 6389, abs=1)
    assert media_rate(replace(B200, cores=11), VOXTRAL_MINI) == 10 * 260
    eight = replace(B200, gpus=8, cores=192)
    assert media_rate(eight, VOXTRAL_MINI) == pytest.approx(8 * 0.75 * 6389, abs=4)
    with pytest.raises(ValueError, match="nothing is known"):
        media_rate(Machine(2, 2**34), VOXTRAL_MINI)


def test_a_large_model_leaves_less_room_than_a_small_one():
    h100 = replace(B200, gpu="NVIDIA H100 80GB HBM3", gpu_bytes=80 * 2**30, capability=(9, 0))
    assert value(h100, "rows", needs_of(SMALL_24B)) < value(h100, "rows") == 256
    too_small = replace(h100, gpu_bytes=40 * 2**30)
    assert value(too_small, "rows", needs_of(SMALL_24B)) == 0
    assert any("43 GB, the model's weights take 48.5" in note for note in derive(too_small, needs_of(SMALL_24B)).notes)


def test_a_slice_is_fed_by_fewer_cores_and_says_that_it_is_one():
    whole = replace(H100_SLICE, gpu="NVIDIA H100 80GB HBM3", gpu_processors=132)
    assert value(H100_SLICE, "cores_to_feed_gpu") < value(whole, "cores_to_feed_gpu")
    assert "24% of one H100" in derive(H100_SLICE).settings["cores_to_feed_gpu"].reason


def test_too_few_cores_are_told():
    assert any("19 should listen" in note for note in derive(replace(B200, cores=4)).notes)


def test_an_unknown_gpu_is_called_a_guess():
    found = derive(replace(B200, gpu="NVIDIA RTX PRO 6000")).settings
    assert found["rows"].value == 256
    assert "a guess" in found["rows"].reason
    assert "a guess" in found["cores_to_feed_gpu"].reason


def test_without_a_gpu_nothing_is_said_of_one():
    found = derive(Machine(8, 32 * 2**30)).settings
    assert (found["device"].value, found["dtype"].value, found["cores_to_feed_gpu"].value) == ("cpu", "float32", 0)
    assert found["actors"].value == 8


def test_no_memory_left_is_no_row():
    assert rows_in_flight(-5, VOXTRAL_MINI.sequence_bytes, None) == 0


@pytest.mark.parametrize("machine", [B200, H100_SLICE, Machine(2, 2**34)])
def test_every_setting_has_a_reason(machine):
    assert all(setting.reason for setting in derive(machine).settings.values())
