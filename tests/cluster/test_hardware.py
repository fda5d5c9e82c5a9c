from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from cluster import hardware
from cluster.hardware import detect_hardware, get_optimal_config

SEED_TYPES = {
    "device": str,
    "has_gpu": bool,
    "gpu_memory_gb": float,
    "cpu_count": int,
    "total_ram_gb": float,
    "is_b200": bool,
}


def fake_torch(name="NVIDIA B200", memory=int(179.1 * 2**30), capability=(10, 0), count=1, processors=148):
    cuda = SimpleNamespace(
        is_available=lambda: count > 0,
        device_count=lambda: count,
        get_device_properties=lambda index: SimpleNamespace(
            name=name, total_memory=memory, multi_processor_count=processors
        ),
        get_device_capability=lambda index: capability,
    )
    return SimpleNamespace(cuda=cuda)


@pytest.fixture
def with_torch(monkeypatch):
    def install(torch):
        monkeypatch.setattr(hardware, "_torch", lambda: torch)

    return install


def test_the_seeds_keys_and_types_here():
    found = detect_hardware()
    assert set(found) == {*SEED_TYPES, "gpu_name"}
    assert all(type(found[key]) is kind for key, kind in SEED_TYPES.items())
    assert found["cpu_count"] >= 1
    assert found["total_ram_gb"] > 0
    assert (found["gpu_name"] is not None) == found["has_gpu"] == found["device"].startswith("cuda")


def test_a_b200(with_torch):
    with_torch(fake_torch())
    found = detect_hardware()
    assert found["device"] == "cuda:0"
    assert found["has_gpu"] is True
    assert found["gpu_name"] == "NVIDIA B200"
    assert found["gpu_memory_gb"] == 179.1
    assert found["is_b200"] is True


@pytest.mark.parametrize(
    ("name", "is_b200"),
    [
        ("NVIDIA GB200", True),
        ("NVIDIA B200 MIG 1g.23gb", True),
        ("NVIDIA H200", False),
        ("NVIDIA GH200 480GB", False),
        ("NVIDIA B300", False),
        ("NVIDIA A100-SXM4-80GB", False),
    ],
)
def test_which_gpus_are_b200s(with_torch, name, is_b200):
    with_torch(fake_torch(name))
    assert detect_hardware()["is_b200"] is is_b200


@pytest.mark.parametrize("torch", [None, fake_torch(count=0)])
def test_no_gpu_that_torch_can_use(with_torch, torch):
    with_torch(torch)
    found = detect_hardware()
    assert (found["device"], found["has_gpu"], found["gpu_name"]) == ("cpu", False, None)
    assert (found["gpu_memory_gb"], found["is_b200"], get_optimal_config()["actor_gpus"]) == (0.0, False, 0)


@pytest.mark.parametrize(("limit", "count"), [(0.5, 1), (1.9, 1), (2.0, 2), (28.0, 28)])
def test_fractions_of_cores_are_cut_but_one_stays(monkeypatch, limit, count):
    monkeypatch.setattr(hardware, "cpu_limit", lambda: limit)
    assert detect_hardware()["cpu_count"] == count


def test_a_torch_that_does_not_load_is_no_gpu(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert detect_hardware()["has_gpu"] is False


def test_importing_does_not_import_torch():
    code = "import sys, cluster.hardware; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_slice_of_a_gpu_has_its_own_memory(with_torch):
    with_torch(fake_torch("NVIDIA H100 80GB HBM3 MIG 1g.10gb", int(9.5 * 2**30), (9, 0), processors=16))
    assert detect_hardware()["gpu_memory_gb"] == 9.5
    assert get_optimal_config()["rows"] < 8


@pytest.mark.parametrize(
    ("torch", "dtype", "batch_size"),
    [
        (fake_torch(), "bfloat16", 128),
        (fake_torch("NVIDIA A100-SXM4-80GB", 79 * 2**30, (8, 0)), "bfloat16", 64),
        (fake_torch("Tesla T4", 15 * 2**30, (7, 5)), "float16", 18),
        (None, "float32", 1),
    ],
)
def test_settings_follow_the_hardware(with_torch, torch, dtype, batch_size):
    with_torch(torch)
    config = get_optimal_config()
    assert (config["dtype"], config["batch_size"]) == (dtype, batch_size)
    assert config["device"] == detect_hardware()["device"]
    assert config["actor_gpus"] == (0 if torch is None else 1)


def test_every_documented_key_is_there(with_torch):
    with_torch(fake_torch(count=8))
    config = get_optimal_config()
    assert config["actors"] == 8
    assert all(f"``{key}``" in get_optimal_config.__doc__ for key in config)
