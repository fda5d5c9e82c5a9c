"""Every kernel, compiled for chips that are not here: that it compiles proves little, so its machine code is read."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.triton.specs import BLACKWELL, SPECS, TRAP, Spec

if os.environ.get("TRITON_INTERPRET") == "1":
    pytest.skip("the interpreter compiles nothing", allow_module_level=True)

_ROOT = Path(__file__).parents[2]
_LIMIT_S = 150.0
_SHARED_BYTES = 227 * 1024
"""What a block may have on all three targets."""
CASES = [(spec, target) for spec in SPECS for target in spec.opcodes]
TRAP_TARGET = "sm_100a"


def compile_apart(spec: Spec, target: str, cache: Path) -> dict:
    """In a process of its own and without Triton's cache, for a compiler may crash, and has to be timed."""
    command = [sys.executable, "-m", "tests.triton.compile_one", spec.name, target]
    environment = {**os.environ, "TRITON_CACHE_DIR": str(cache)}
    done = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=_LIMIT_S)
    if done.returncode:
        return {"crash": done.stderr[-2000:]}
    return json.loads(done.stdout)


def faults(spec: Spec, target: str, report: dict) -> list[str]:
    """What is wrong with a compiled kernel, in words."""
    if "crash" in report:
        return [f"the compiler crashed: {report['crash']}"]
    opcodes = report["opcodes"]
    found = [f"no {wanted}" for wanted in spec.opcodes[target] if not any(o.startswith(wanted) for o in opcodes)]
    if not any(opcode.startswith("STG") for opcode in opcodes):
        found.append("it stores nothing")
    allowed = 0 if target in BLACKWELL else spec.stack
    if report["stack"] > allowed or (not allowed and any(o.startswith(("LDL", "STL")) for o in opcodes)):
        found.append(f"it spills {report['stack']} bytes a thread")
    if report["shared"] > _SHARED_BYTES:
        found.append(f"{report['shared']} bytes of shared memory")
    if report["seconds"] > spec.seconds:
        found.append(f"it took {report['seconds']:.0f} s to compile")
    return found


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Future]]:
    """All of them under way at once, as many at a time as there are cores."""
    cache = tmp_path_factory.mktemp("triton")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        cases = [*CASES, (TRAP, TRAP_TARGET)]
        yield {(spec.name, target): pool.submit(compile_apart, spec, target, cache) for spec, target in cases}


@pytest.mark.parametrize(("spec", "target"), CASES, ids=[f"{spec.name} {target}" for spec, target in CASES])
def test_compiles_to_what_it_should(spec, target, reports):
    assert faults(spec, target, reports[spec.name, target].result()) == []


def test_a_kernel_that_compiles_to_a_trap_does_not_pass(reports):
    report = reports[TRAP.name, TRAP_TARGET].result()
    assert "crash" not in report  # the compiler said nothing
    assert "it stores nothing" in faults(TRAP, TRAP_TARGET, report)


def test_a_spill_a_crash_and_a_slow_compiler_do_not_pass():
    spec, target = CASES[0]
    good = {"opcodes": {"HGMMA.64": 1, "STG.E": 1}, "stack": 0, "shared": 0, "seconds": 1.0}
    assert faults(spec, target, good) == []
    assert faults(spec, target, {**good, "stack": 8}) == ["it spills 8 bytes a thread"]
    assert faults(spec, target, {**good, "seconds": 1e3}) == ["it took 1000 s to compile"]
    assert faults(spec, target, {**good, "opcodes": {"STG.E": 1}}) == ["no HGMMA"]
    assert "crashed" in faults(spec, target, {"crash": "Segmentation fault"})[0]
