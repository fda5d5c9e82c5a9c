"""Compile one spec for one target and say what came out, as JSON: a program, since a compiler may crash.

    python -m tests.triton.compile_one NAME TARGET

The disassembler is the one of ``nvidia-cuda-nvdisasm``: Triton's own does not know sm_103a.
"""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import nvidia
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from tests.triton import specs

_NVDISASM = Path(next(iter(nvidia.__path__))) / "cu13" / "bin" / "nvdisasm"
_CUOBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
_OPCODE = re.compile(r"^\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)", re.MULTILINE)


def compile_spec(spec: specs.Spec, capability: int) -> Any:
    """The compiled kernel, with the hints that a launch would derive."""
    module, _, name = spec.kernel.partition(":")
    kernel = getattr(importlib.import_module(module), name)
    constants = {**spec.constants, **{key: getattr(tl, value) for key, value in spec.types.items()}}
    signature = {key: kind.partition(":")[0] for key, kind in spec.signature.items()}
    hints = {
        (kernel.arg_names.index(key),): [["tt.divisibility", 16]]
        for key, kind in spec.signature.items()
        if kind.endswith(":16")
    }
    source = ASTSource(
        fn=kernel,
        signature={**signature, **dict.fromkeys(constants, "constexpr")},
        constexprs=constants,
        attrs=hints,
    )
    options = {"num_warps": spec.warps, "num_stages": spec.stages}
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)


def inspect(cubin: bytes) -> dict[str, Any]:
    """Opcodes with their modifiers and counts, registers, and bytes of stack."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        sass = _output(_NVDISASM, "-c", file.name)
        usage = _output(_CUOBJDUMP, "-res-usage", file.name)
    found = re.search(r"REG:(\d+)\s+STACK:(\d+)", usage)
    if found is None:
        raise ValueError(f"no resource usage in {usage!r}")
    return {"opcodes": dict(Counter(_OPCODE.findall(sass))), "registers": int(found[1]), "stack": int(found[2])}


def _output(*command: object) -> str:
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def main(name: str, target: str) -> None:
    """Compile, inspect, write to standard output."""
    spec = next(spec for spec in (*specs.SPECS, specs.TRAP) if spec.name == name)
    began = time.monotonic()
    compiled = compile_spec(spec, specs.TARGETS[target])
    seconds = time.monotonic() - began
    report = {"seconds": seconds, "shared": compiled.metadata.shared, **inspect(compiled.asm["cubin"])}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
