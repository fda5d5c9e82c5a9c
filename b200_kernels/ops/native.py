"""C kernels for CPUs, compiled where they run: no wheel to build, and the machine's own instructions.

The compiler of the machine (``cc``, ``gcc`` or ``clang``) makes a library for its own processor in the user's cache,
once. Without a compiler there is none, and an operation's plain torch form serves. It does not know what kernels do.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch

_FLAGS = ("-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC")
_COMPILE_S = 60.0
_log = logging.getLogger(__name__)


@functools.cache
def library(source: Path) -> ctypes.CDLL | None:
    """The compiled kernels of a C file, or None where this machine cannot make them (said once in the log)."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        _log.info("no C compiler: %s runs in plain torch", source.stem)
        return None
    try:
        return ctypes.CDLL(str(_compiled(source, compiler)))
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("%s was not compiled, it runs in plain torch: %s", source.name, error)
        return None


def address(tensor: torch.Tensor | None) -> ctypes.c_void_p:
    """Where a tensor's numbers lie; NULL for None."""
    return ctypes.c_void_p(tensor.data_ptr() if tensor is not None else None)


def _compiled(source: Path, compiler: str) -> Path:
    """The library's file; processes that make it at the same time each put a whole one in its place."""
    texts = [path.read_text() for path in (source, *sorted(Path(__file__).parent.glob("*.h")))]
    key = hashlib.sha256("\0".join((*texts, compiler, *_FLAGS, _processor())).encode()).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voxtral-b200"
    path = cache / f"{source.stem}-{key[:16]}.so"
    if path.exists():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        made = Path(folder) / path.name
        command = [compiler, *_FLAGS, "-o", str(made), str(source), "-lm"]
        subprocess.run(command, check=True, capture_output=True, timeout=_COMPILE_S)
        made.replace(path)
    return path


def _processor() -> str:
    """What tells processors apart that share a cache: a library made for one may not run on another."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())
