"""Starts vLLM for a Voxtral on this machine and keeps it in an event loop of its own.

The one place that knows vLLM's arguments and environment variables. It does not know prompts, tasks or answers.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import logging
import os
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
import transformers.utils.logging

from b200_kernels.engine import EngineError
from b200_kernels.mistral_format import PARAMS
from b200_kernels.vllm_worker import EndsWithItsParent

T = TypeVar("T")

_POSITIONS = 4096
"""Most positions that a request may take. A chunk, its prompt and the longest answer about it need 1,200, its text
translated again 2,400; vLLM reserves memory for the most that it is told."""
_CPU_BLOCK = 32
"""Positions that share their keys and values, or do not: 352 of an audio's 378 are shared."""
_CPU_KV_POSITIONS, _CPU_SEQUENCES, _CPU_STEP_TOKENS = 16_384, 64, 2_048

_QUIET = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TRANSFORMERS_VERBOSITY": "error",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TORCH_LOGS": "-torch._library",
    "PYTHONWARNINGS": "ignore",
}
"""Two hundred lines at every start otherwise, none of which a person can do anything about."""


def installed() -> bool:
    """Whether a vLLM is there to be imported (under whatever distribution name)."""
    return importlib.util.find_spec("vllm") is not None


class Runtime:
    """An ``AsyncLLM`` over a folder in Mistral's format, and the thread whose event loop it lives in.

    vLLM ties itself to the loop that it is first used in; ours may be asked from any thread and any loop.
    ``threads`` are the CPU threads of an engine without a GPU (None: all that this process may use). Raises
    EngineError when vLLM is not installed or does not start.
    """

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype, threads: int | None) -> None:
        if not installed():
            raise EngineError("vLLM is not installed: run `pip install 'voxtral-b200[vllm]'`, or use another engine")
        params = json.loads((folder / PARAMS).read_text(encoding="utf-8"))
        self.positions: int = min(params.get("max_position_embeddings", _POSITIONS), _POSITIONS)
        arguments = engine_arguments(folder, device, dtype, self.positions, params)
        self._asked: set[Future[Any]] = set()
        self._closing, self._lock = False, threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vllm-engine", daemon=True)
        self._thread.start()
        try:
            with _environment(device, threads), _quiet():
                _import()
                self._llm: Any = asyncio.run_coroutine_threadsafe(_start(arguments), self._loop).result()
        except BaseException:
            self._stop_loop()
            raise

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine in vLLM's loop. Raises EngineError once it is being closed."""
        with self._lock:
            if self._closing:
                coroutine.close()
                raise EngineError("the engine is closed: make a new one")
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._asked.add(future)
        future.add_done_callback(self._asked.discard)
        return future

    async def stream(
        self, prompt: Mapping[str, Any], sampling: Mapping[str, Any], name: str
    ) -> AsyncGenerator[Any, None]:
        """vLLM's outputs, each with the tokens that are new; only inside a submitted coroutine.

        ``sampling`` are arguments of vLLM's ``SamplingParams``. The log-probabilities are the model's own,
        before any sampling. Leaving the iteration early aborts the request. Raises EngineError when vLLM
        fails, ValueError when it refuses the request.
        """
        from vllm import SamplingParams
        from vllm.exceptions import VLLMClientError, VLLMError
        from vllm.sampling_params import RequestOutputKind

        try:
            parameters = SamplingParams(**sampling, logprobs=0, detokenize=False, output_kind=RequestOutputKind.DELTA)
            async with aclosing(self._llm.generate(dict(prompt), parameters, name)) as outputs:
                async for output in outputs:
                    yield output
        except VLLMClientError as error:
            raise ValueError(f"vLLM refuses the request: {error}") from error
        except VLLMError as error:
            raise EngineError(f"vLLM failed: {error.__cause__ or error}") from error

    def close(self) -> None:
        """Let the requests in work finish, then end vLLM's process and the thread. Closing twice is once."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        wait(set(self._asked))
        asyncio.run_coroutine_threadsafe(self._shut_down(), self._loop).result()
        self._stop_loop()
        gc.collect()  # AsyncLLM holds itself; its end at the interpreter's would print an error

    async def _shut_down(self) -> None:
        llm, self._llm = self._llm, None
        llm.shutdown()
        await asyncio.sleep(0)  # the output handler that it cancelled ends here

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _import() -> None:
    """By itself, before anything is started: a frame of the import is kept for ever, with all that called it."""
    try:
        import vllm.v1.engine.async_llm  # noqa: F401
    except ImportError as error:
        raise EngineError(f"vLLM is installed but cannot be imported: {error}") from error


async def _start(arguments: Mapping[str, Any]) -> Any:
    """Start vLLM; its output handler attaches itself to the running loop."""
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.exceptions import VLLMError
    from vllm.v1.engine.async_llm import AsyncLLM

    try:
        llm = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))
        await llm.collective_rpc("end_with_parent")
    except (RuntimeError, ValueError, OSError, VLLMError) as error:
        raise EngineError(f"vLLM did not start: {error}") from error
    return llm


def engine_arguments(
    folder: Path, device: torch.device, dtype: torch.dtype, positions: int, params: Mapping[str, Any]
) -> dict[str, Any]:
    """What vLLM is told. A GPU gets vLLM's own choices; a CPU what starts fast and fits a small machine."""
    arguments: dict[str, Any] = {
        "model": str(folder),
        "tokenizer_mode": "mistral",
        "config_format": "mistral",
        "load_format": "mistral",
        "generation_config": "vllm",  # the checkpoint's own wishes about sampling are dropped
        "dtype": str(dtype).removeprefix("torch."),
        "max_model_len": positions,
        "limit_mm_per_prompt": {"audio": 1},
        "enable_prefix_caching": True,
        "mm_processor_cache_gb": 0,  # every window is new, and its two halves, in two processes, can disagree
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
        "worker_extension_cls": f"{EndsWithItsParent.__module__}.{EndsWithItsParent.__name__}",
    }
    if device.type == "cpu":
        numbers = 2 * params["n_layers"] * params["n_kv_heads"] * params["head_dim"]
        arguments |= {
            "enforce_eager": True,
            "skip_mm_profiling": True,
            "block_size": _CPU_BLOCK,
            "kv_cache_memory_bytes": _CPU_KV_POSITIONS * numbers * dtype.itemsize,
            "max_num_seqs": _CPU_SEQUENCES,
            "max_num_batched_tokens": _CPU_STEP_TOKENS,
        }
    return arguments


@contextmanager
def _quiet() -> Iterator[None]:
    """In our own process, what :data:`_QUIET` does in vLLM's."""
    before = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()
    torchs = logging.getLogger("torch._library")
    level = torchs.level
    torchs.setLevel(logging.ERROR)
    try:
        yield
    finally:
        torchs.setLevel(level)
        transformers.utils.logging.set_verbosity(before)


@contextmanager
def _environment(device: torch.device, threads: int | None) -> Iterator[None]:
    """The environment that vLLM and its process start in; ours is as before afterwards.

    vLLM itself leaves settings behind, such as LD_PRELOAD, that no other child of ours should inherit. Only
    the wish not to report home stays.
    """
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    before = dict(os.environ)
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if device.type == "cpu":
        # Threads that wait for each other spin for milliseconds by default: ruin where another process has the core.
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
        os.environ |= {
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the worker computes in the engine's process: one less to start
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "OMP_NUM_THREADS": str(threads or len(os.sched_getaffinity(0))),
            "TORCHDYNAMO_DISABLE": "1",  # else a small sampling function is compiled for 20 s at the first answer
        }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
