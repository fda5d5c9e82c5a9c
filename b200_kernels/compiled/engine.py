"""The compiled engine: requests from any event loop to lanes that compute, and their tokens to texts.

It knows requests, prompts and texts; :mod:`lane` and :mod:`batch` know how they are computed.
"""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
from concurrent.futures import Future
from dataclasses import replace

import torch
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

from b200_kernels import prompts
from b200_kernels.checkpoints import Checkpoint, CheckpointError
from b200_kernels.compiled import weights
from b200_kernels.compiled.batch import Batch, Job, Writing
from b200_kernels.compiled.decoder import Listening
from b200_kernels.compiled.formats import Formats, resolve_formats
from b200_kernels.compiled.lane import Asked, Inbox, Lane
from b200_kernels.compiled.pages import Pages, bytes_a_page, whole_pages
from b200_kernels.compiled.shape import DecoderShape
from b200_kernels.compiled.timings import Alignment, read_alignment, spelled, token_times
from b200_kernels.engine import CacheName, DtypeName, EngineError, EngineStats, SpeechRequest, SpeechResult, TaskResult
from b200_kernels.generation import Answer
from b200_kernels.mel import SAMPLE_RATE
from b200_kernels.oom import is_out_of_memory
from b200_kernels.precision import detect_device
from b200_kernels.requests import check_request, counted, is_spoken, padded, token_budget, told
from cluster.chips import chip_named
from cluster.derived import rows_in_flight

_POSITIONS = 2560
"""Longest sequence: a chunk's audio and the longest answer about it need 1,200, its text translated again 2,400."""
USUAL_POSITIONS = 1280
"""What a sequence of speech reserves at most; memory is planned with it."""
_LEAST_ROWS = 4
_CPU_ROWS = 64
_CPU_LEAST_ROWS = 16
"""MKL's fp32 products of 16 rows and more gave a row the same bits here whatever their number, of fewer rows others."""
_GPU_CHUNKS, _CPU_CHUNKS = 16, 1
"""Chunks encoded at once: a core is busy with one."""
_GPU_CHECK, _CPU_CHECK = 8, 1
"""Steps between looks at the answers: a look costs a GPU a round trip, and a CPU nothing."""


class CompiledEngine:
    """A Voxtral of our own, many windows in flight at once.

    Same texts as the reference engine; ``device``, ``dtype`` and ``threads`` as there: on a CPU as many lanes, of one
    thread each. ``rows`` are the sequences in flight a lane (None: by the device's memory). ``deterministic`` makes
    answers independent of each other to the last bit. ``dtype`` may also be ``bf16x3``: float32 by three bf16 products,
    on a CPU with AMX, where ``auto`` takes it; elsewhere it is float32. ``fp8``, ``mxfp8`` and ``nvfp4`` are forms of
    the linear layers' weights (:mod:`weight_forms`), ``kv_cache="fp8"`` is one of keys and values.

    Raises CheckpointError when the checkpoint cannot be loaded, or the device is too small or too old for it.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: str = "auto",
        dtype: DtypeName = "auto",
        kv_cache: CacheName = "auto",
        threads: int | None = None,
        rows: int | None = None,
        deterministic: bool = False,
    ) -> None:
        self.device = detect_device(device)
        self.formats = resolve_formats(dtype, kv_cache, self.device)
        self._chunk = round(checkpoint.capabilities.chunk_s * SAMPLE_RATE)
        self._tokenizer = Tekkenizer.from_file(checkpoint.folder / "tekken.json")
        voxtral = _loaded(checkpoint, self.device, self.formats)
        self._audio_tokens = voxtral.shape.encoder.tokens
        self._seconds_a_token = checkpoint.capabilities.chunk_s / self._audio_tokens
        self._alignment = read_alignment(checkpoint.folder)
        self.capabilities = replace(checkpoint.capabilities, token_timings=self._alignment is not None)
        self._positions = min(voxtral.shape.decoder.positions, _POSITIONS)
        self._lock = threading.Lock()
        self._stats = EngineStats(requests=0, windows=0, audio_s=0.0, tokens=0, busy_s=0.0)
        self._inbox: Inbox = queue.SimpleQueue()
        self._closed = False
        gpu = self.device.type == "cuda"
        lanes = 1 if gpu else threads or torch.get_num_threads()
        batches = [self._made_batch(voxtral, rows, deterministic) for _ in range(lanes)]
        for batch in batches:
            batch.warm_up()
        self._lanes = [Lane(batch, self._inbox, self._tell, threads=None if gpu else 1) for batch in batches]

    async def generate(self, request: SpeechRequest) -> SpeechResult:
        """Answer every task of the request.

        Raises ValueError for a request that cannot be answered, EngineError when the model or its device fails.
        """
        check_request(request, self._chunk)
        asked = Asked(request, self._job(request), Future())
        with self._lock:  # so that nothing arrives behind the lanes' end
            if self._closed:
                raise EngineError("the engine is closed: make a new one")
            if not self._lanes[0].batch.holds(asked.job):
                raise ValueError(f"{len(request.tasks)} tasks of this length are more than fit at once: ask in parts")
            self._inbox.put(asked)
        return await asyncio.wrap_future(asked.future)

    def stats(self) -> EngineStats:
        with self._lock:
            return replace(self._stats, busy_s=max((lane.busy_s for lane in self._lanes), default=0.0))

    def stage_seconds(self) -> dict[str, float]:
        """Seconds in each stage since the engine was made, over all lanes; a GPU's are those of launching."""
        found: dict[str, float] = {}
        for lane in self._lanes:
            for stage, seconds in lane.batch.stopwatch.seconds.items():
                found[stage] = found.get(stage, 0.0) + seconds
        return found

    def close(self) -> None:
        """Finish what is in work and free the model; later requests raise EngineError."""
        with self._lock:
            if not self._closed:
                for _ in self._lanes:
                    self._inbox.put(None)
            self._closed = True
        for lane in self._lanes:
            lane.join()
        self._stats = self.stats()
        self._lanes.clear()
        if self.device.type == "cuda":
            gc.collect()  # recordings and compiled layers hold themselves
            torch.cuda.empty_cache()

    def _made_batch(self, voxtral: weights.Voxtral, rows: int | None, deterministic: bool) -> Batch:
        gpu = self.device.type == "cuda"
        check = _GPU_CHECK if gpu else _CPU_CHECK
        shape, longest = voxtral.shape.decoder, self._positions + check
        count = rows or _rows(shape, self.device, self.formats.cache)
        pages = 1 + max(whole_pages(longest), count * whole_pages(min(USUAL_POSITIONS, longest)))
        heads = self._alignment.heads if self._alignment else ()
        return Batch(
            voxtral,
            Pages(shape, pages, self.device, self.formats.cache),
            count,
            longest,
            Listening.to(heads, len(prompts.SPEECH_PREFIX), self._audio_tokens, self.device) if heads else None,
            encode_at_once=_GPU_CHUNKS if gpu and not deterministic else _CPU_CHUNKS,
            check_every=check,
            least_rows=count if deterministic else 1 if gpu else _CPU_LEAST_ROWS,
        )

    def _job(self, request: SpeechRequest) -> Job:
        writings = []
        for task in request.tasks:
            ids = prompts.prompt_ids(task, self._tokenizer, self._audio_tokens)
            writings.append(
                Writing(
                    prompt=ids,
                    answer=Answer(token_budget(request, task, ids, self._positions, self._tokenizer)),
                    temperature=request.temperature,
                    generator=self._generator(request),
                    listen=isinstance(task, prompts.Transcribe),
                )
            )
        spoken = request.samples if any(map(is_spoken, request.tasks)) else None
        return Job(None if spoken is None else padded(spoken, self._chunk), writings)

    def _generator(self, request: SpeechRequest) -> torch.Generator | None:
        if request.temperature == 0:
            return None
        return torch.Generator(self.device).manual_seed(request.seed % 2**63)

    def _tell(self, asked: Asked) -> SpeechResult:
        """A finished request's texts; the totals grow."""
        request, writings = asked.request, asked.job.writings
        seconds = 0.0 if request.samples is None else len(request.samples) / SAMPLE_RATE
        with self._lock:
            self._stats = counted(self._stats, request, sum(len(writing.answer.tokens) for writing in writings))
        pairs = zip(request.tasks, writings, strict=True)
        return SpeechResult(tuple(self._told(task, writing, seconds) for task, writing in pairs))

    def _told(self, task: prompts.Task, writing: Writing, seconds: float) -> TaskResult:
        result = told(task, writing.answer, self._tokenizer)
        if self._alignment is None or not writing.heard or not result.tokens:
            return result
        return replace(result, timings=self._timings(self._alignment, writing, seconds))

    def _timings(self, alignment: Alignment, writing: Writing, seconds: float) -> tuple[tuple[str, float, float], ...]:
        tokens = writing.answer.tokens
        heard = torch.stack(writing.heard[: len(tokens)]).float().cpu().numpy()
        times = token_times(heard, alignment, seconds, self._seconds_a_token)
        pieces = spelled([self._tokenizer.id_to_byte_piece(token) for token in tokens])
        return tuple((piece, start, end) for piece, (start, end) in zip(pieces, times, strict=True))


def _loaded(checkpoint: Checkpoint, device: torch.device, formats: Formats) -> weights.Voxtral:
    try:
        voxtral = weights.load(checkpoint, device, formats.wide, formats.form)
        return voxtral.fused() if device.type == "cuda" else voxtral
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        dtype = str(formats.wide).removeprefix("torch.")
        raise CheckpointError(
            f"{checkpoint.name} needs {checkpoint.memory_gb(dtype):.0f} GB in {dtype}, which {device} does not have "
            "free: take a smaller model, or a larger GPU"
        ) from error


def _rows(shape: DecoderShape, device: torch.device, dtype: torch.dtype) -> int:
    """Sequences in flight. Raises CheckpointError for a GPU on which too few of them fit."""
    if device.type != "cuda":
        return _CPU_ROWS
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(device)
    sequence = whole_pages(USUAL_POSITIONS) * bytes_a_page(shape, dtype)
    rows = rows_in_flight(free, sequence, chip_named(torch.cuda.get_device_name(device)))
    if rows < _LEAST_ROWS:
        raise CheckpointError(
            f"{free / 2**30:.1f} GB are left on {device} beside the weights, too little for {_LEAST_ROWS} answers at "
            "once: take a smaller model, or a larger GPU"
        )
    return rows
