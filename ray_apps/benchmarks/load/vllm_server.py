"""vLLM's own OpenAI server with the embedded checkpoint, in a process of its own. It knows no load."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from b200_kernels.checkpoints import EMBEDDED, open_checkpoint
from b200_kernels.mistral_format import PARAMS, mistral_folder
from ray_apps.benchmarks.load.service import free_port

_STARTS_WITHIN_S = 300.0
_KV_GIB = "1"
"""More than all users' requests together need."""


@contextlib.contextmanager
def vllm_server(log: Path, dtype: str) -> Iterator[str]:
    """URL of the server, which computes in ``dtype`` and writes into ``log``.

    Raises RuntimeError if it does not start.
    """
    url = f"http://127.0.0.1:{(port := free_port())}"
    with log.open("w") as output:
        server = subprocess.Popen(
            _command(port, dtype),
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | _environment(),
            start_new_session=True,
        )
        try:
            _wait(server, url, log)
            yield url
        finally:
            # With the process that it computes in.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def _command(port: int, dtype: str) -> list[str]:
    folder = mistral_folder(open_checkpoint(EMBEDDED))
    positions = json.loads((folder / PARAMS).read_text(encoding="utf-8"))["max_position_embeddings"]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--model", str(folder), "--served-model-name", EMBEDDED, "--generation-config", "vllm"]
    command += ["--tokenizer-mode", "mistral", "--config-format", "mistral", "--load-format", "mistral"]
    command += ["--dtype", dtype]
    return [*command, "--max-model-len", str(min(positions, 4096)), "--limit-mm-per-prompt", '{"audio": 1}']


def _environment() -> Mapping[str, str]:
    """All cores, and no report home. Threads that wait for each other would spin where another process has the core."""
    cores = len(os.sched_getaffinity(0))
    return {
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_CPU_KVCACHE_SPACE": _KV_GIB,
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": str(cores),
        "GOMP_SPINCOUNT": "10000",
    }


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < until and server.poll() is None:
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError),
            urllib.request.urlopen(f"{url}/health", timeout=2),
        ):
            return
        time.sleep(0.2)
    raise RuntimeError(f"vLLM's server did not start; its words are in {log}")
