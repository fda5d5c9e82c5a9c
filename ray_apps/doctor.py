"""``voxtral doctor``: what this machine has, what would run on it, and what stands in the way.

It looks and starts nothing: no Ray, no download, no model in memory. *Problems* keep a job from running;
*warnings* are what a person should know before a long one.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console

from b200_kernels.checkpoint_sources import CheckpointError
from b200_kernels.checkpoints import Checkpoint, default_model, open_checkpoint
from b200_kernels.engines import AUTO
from cluster.derived import Setting, derive
from cluster.feedback import Feedback
from cluster.hardware import as_hardware, detect_machine
from cluster.model_needs import VOXTRAL_MINI, ModelNeeds
from ray_apps.cli_report import show_rows
from ray_apps.plan import actor_memory_gb, this_machine

NEEDED = (
    "ray", "torch", "transformers", "mistral-common", "av", "silero-vad", "onnxruntime", "pysubs2", "pyarrow",
    "fsspec",
)  # fmt: skip
OPTIONAL = ("vllm", "s3fs", "huggingface-hub")
GIB = 2**30
LOW_DISK_GB, LOW_SHARED_MEMORY_GB, LOW_MEMORY_GB = 5.0, 1.0, 3.0
FIRST_SAFE_RAY = (2, 56)
"""Older ones have known holes through which others can run code."""


@dataclass(frozen=True)
class Report:
    """What was found. ``packages`` maps names to versions (None: missing), ``disk_free_gb`` folders to GiB;
    ``settings`` are what would be derived from the hardware, with reasons.
    """

    python: str
    platform: str
    cores: float
    hardware: dict[str, Any]
    packages: dict[str, str | None]
    checkpoint: str
    checkpoint_state: str
    demo_model: bool
    engine: str
    settings: dict[str, Setting]
    disk_free_gb: dict[str, float]
    telemetry: dict[str, bool]
    warnings: tuple[str, ...]
    problems: tuple[str, ...]
    usable: bool


def examine(model: str | None = None, out: str = "subtitles") -> Report:
    """Look at this machine, for the given model and output folder."""
    machine = detect_machine()
    hardware = as_hardware(machine)
    packages = {name: _version(name) for name in (*NEEDED, *OPTIONAL)}
    name = model or default_model(bool(hardware["has_gpu"]))
    found, state, broken = _checkpoint(name)
    demo = found is not None and found.demo_model
    derived = derive(machine, _needs(found, name), **_actor_memory(found))
    disk = _disk(out)
    telemetry = {  # what the product itself sets is off
        "ray": os.environ.get("RAY_USAGE_STATS_ENABLED", "0") == "1",
        "hugging face": os.environ.get("HF_HUB_DISABLE_TELEMETRY", "1").lower() in ("0", "false", "no", "off"),
    }
    problems = (*_package_problems(packages), *broken, *_output_problems(out))
    warnings = (
        *_hardware_warnings(hardware),
        *derived.notes,
        *_ray_warnings(packages["ray"]),
        *(f"{folder} has only {free:.1f} GB free" for folder, free in disk.items() if free < _enough(folder)),
        *(f"{who} would report its usage over the network" for who, on in telemetry.items() if on),
        *(["demo-model: the embedded checkpoint would run, which knows a small world"] if demo else []),
    )
    return Report(
        python=platform.python_version(),
        platform=platform.platform(),
        cores=machine.cores,
        hardware=hardware,
        packages=packages,
        checkpoint=name,
        checkpoint_state=state,
        demo_model=demo,
        engine=AUTO,
        settings=derived.settings,
        disk_free_gb=disk,
        telemetry=telemetry,
        warnings=warnings,
        problems=problems,
        usable=not problems,
    )


def show(report: Report, console: Console, feedback: Feedback) -> None:
    """The findings as a table, warnings and problems as messages."""
    hardware = report.hardware
    gpu = f"{hardware['gpu_name']}, {hardware['gpu_memory_gb']} GB" if hardware["has_gpu"] else "none"
    show_rows(
        [
            ("Python", f"{report.python} on {report.platform}"),
            ("cores", f"{report.cores:g}"),
            ("memory", f"{hardware['total_ram_gb']} GB"),
            ("GPU", gpu),
            *((name, version) for name, version in report.packages.items() if version),
            ("model", f"{report.checkpoint}: {report.checkpoint_state}"),
            ("engine", report.engine),
            *((f"free in {folder}", f"{free:.1f} GB") for folder, free in report.disk_free_gb.items()),
            (
                "usage reports",
                ", ".join(f"{who} {'on' if on else 'off'}" for who, on in report.telemetry.items()),
            ),
        ],
        console,
    )
    console.print()
    show_rows(
        [(setting.name, f"{setting.value}: {setting.reason}") for setting in report.settings.values()],
        console,
    )
    for warning in report.warnings:
        feedback.warning(warning)
    for problem in report.problems:
        feedback.error(problem)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _package_problems(packages: dict[str, str | None]) -> list[str]:
    missing = [name for name in NEEDED if packages[name] is None]
    problems = [f"not installed: {', '.join(missing)}; install voxtral-b200 again"] if missing else []
    for name in ("torch", "torchvision"):
        if importlib.util.find_spec(name) and (error := _import_error(name)):
            # transformers imports a torchvision that is there, and fails with it.
            problems.append(f"{name} is installed but does not load ({error}); install it again, or uninstall it")
    return problems


def _import_error(name: str) -> str | None:
    try:
        importlib.import_module(name)
    except (ImportError, OSError, RuntimeError) as error:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    return None


def _checkpoint(name: str) -> tuple[Checkpoint | None, str, list[str]]:
    """(what is on this disk, its state in words, problems). What is not here yet is not fetched."""
    from_hub = name.count("/") == 1 and not Path(name).expanduser().exists()
    if "://" in name:
        return None, "fetched when a job begins", []
    if from_hub and not _in_hub_cache(name):
        return None, "not downloaded yet, fetched when a job begins", []
    try:
        checkpoint = open_checkpoint(name)
    except CheckpointError as error:
        return None, "not usable", [str(error)]
    size = sum(f.stat().st_size for f in checkpoint.folder.glob("model*.safetensors"))
    return checkpoint, f"on this disk, {size / 1e6:.0f} MB of weights", []


def _needs(found: Checkpoint | None, name: str) -> ModelNeeds:
    """What the model asks of a machine; of one that is not here yet, by its name."""
    # Imported late: torch and the engine take seconds.
    from b200_kernels.compiled.needs import needs_of
    from b200_kernels.compiled.shape import SMALL_24B, read_shape

    if found is not None:
        return needs_of(read_shape(found.folder))
    return needs_of(SMALL_24B) if "small-24b" in name.lower() else VOXTRAL_MINI


def _actor_memory(found: Checkpoint | None) -> dict[str, float]:
    """As the job reckons it; where the model is not here yet, what is usual."""
    return {} if found is None else {"actor_memory_gb": actor_memory_gb(found, this_machine().dtype)}


def _in_hub_cache(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(name, "config.json"), str)
    except HFValidationError:
        return False


def _disk(out: str) -> dict[str, float]:
    """Free GiB where output, Ray's session and Ray's shared memory go."""
    folders = [Path(os.environ.get("RAY_TMPDIR") or "/tmp"), Path("/dev/shm")]
    if "://" not in out:
        folders.insert(0, _existing(Path(out)))
    return {str(f): round(shutil.disk_usage(f).free / GIB, 1) for f in folders if f.is_dir()}


def _enough(folder: str) -> float:
    return LOW_SHARED_MEMORY_GB if folder == "/dev/shm" else LOW_DISK_GB


def _output_problems(out: str) -> list[str]:
    if "://" in out:
        return []
    folder = _existing(Path(out))
    writable = folder.is_dir() and os.access(folder, os.W_OK)
    return [] if writable else [f"{folder} is no folder that you may write to; choose another --out"]


def _existing(path: Path) -> Path:
    """The path, or the nearest above it that exists."""
    path = path.expanduser().absolute()
    return next(p for p in (path, *path.parents) if p.exists())


def _hardware_warnings(hardware: dict[str, Any]) -> list[str]:
    found = []
    if Path("/dev/nvidia0").exists() and not hardware["has_gpu"]:
        found.append(
            "torch cannot use this machine's NVIDIA GPU; install a torch for its CUDA version, or, where it is cut "
            "into MIG slices, give this process one (CUDA_VISIBLE_DEVICES=MIG-...)"
        )
    if hardware["total_ram_gb"] < LOW_MEMORY_GB:
        found.append(f"{hardware['total_ram_gb']} GB of memory is little for Ray and a model")
    return found


def _ray_warnings(version: str | None) -> list[str]:
    if version is None or tuple(int(x) for x in version.split(".")[:2]) >= FIRST_SAFE_RAY:
        return []
    return [f"Ray {version} has known security holes; install 2.56 or newer"]
