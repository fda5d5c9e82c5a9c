"""The one actor class: it owns an engine, asks it about windows, has the gate judge, and tries again.

:class:`VoxtralTranslator` is what the batch job gives to ``map_batches`` and what a Serve deployment wraps; it is a
plain class that a test calls directly. It knows no files and no subtitles.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from b200_kernels.checkpoints import open_checkpoint
from b200_kernels.engine import CacheName, DtypeName, EngineError, EngineName, SpeechEngine, SpeechRequest, TaskResult
from b200_kernels.engines import AUTO, open_engine
from b200_kernels.prompts import Task, Transcribe, Translate, TranslateText
from pipelines.archive.storage import Store
from pipelines.ledger.parts import PartStore, ShardAttempt
from pipelines.records import UNIDENTIFIED, Failure, Part, PartWindow, Text, TokenTime, Window
from quality.gate import LIKELY_LANGUAGES, Judgement, judge_transcript, judge_translation
from quality.ladder import Step, best, ladder
from quality.language_id import identify
from quality.settings import GateSettings
from ray_apps.rows import ShardRow, error_row

ENOUGH_LETTERS = 120
"""Transcribed letters after which the spoken language is identified."""
SURE = 0.5
"""Below this an identified language is a guess: a stray word must not decide for a film."""
LANGUAGE_UNKNOWN = "language_unknown"
"""Kind of failure of a shard that waits until the rest of its medium tells the language."""


class TranslatorSettings(BaseModel):
    """What an actor needs to know: which model, how it runs, and when a text is good enough."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None
    gate: GateSettings = GateSettings()
    engine: EngineName = AUTO
    dtype: DtypeName = "auto"
    kv_cache: CacheName = "auto"
    deterministic: bool = False
    fallback_source: str = "en"
    """The spoken language where nobody named one and the first transcripts do not tell."""
    threads: int | None = None
    window_deadline_s: float = 300.0
    """Longest time that a shard may take, for each of its windows."""
    max_attempts: int = 5
    """A shard whose worker has died this often is not tried again."""
    run: str = "alone"
    """Names the run among all that work on the ledger."""
    ledger_url: str | None = None
    fingerprint: str = ""


@dataclass(frozen=True)
class Translation:
    """What became of some windows. ``source`` is the spoken language, or :data:`UNIDENTIFIED`."""

    source: str
    windows: tuple[PartWindow, ...]


@dataclass(frozen=True)
class Attempt:
    """One answer of the model and what the gate thinks of it."""

    answer: TaskResult
    judgement: Judgement


class Evidence(TypedDict):
    """What the gate is told of an answer, besides its text."""

    speech_s: float
    confidence: float
    logprob: float
    finish_reason: str
    settings: GateSettings


class VoxtralTranslator:
    """A Voxtral that is asked, judged and asked again.

    Raises (from the constructor):
        CheckpointError: the model is not there or not usable; the message says what to do.
    """

    def __init__(self, settings: TranslatorSettings, engine: SpeechEngine | None = None) -> None:
        self.settings = settings
        if engine is None:
            engine = open_engine(
                settings.engine,
                open_checkpoint(settings.model),
                dtype=settings.dtype,
                kv_cache=settings.kv_cache,
                threads=settings.threads,
                deterministic=settings.deterministic,
            )
        self.engine = engine
        self.steps = ladder(settings.gate.quality)

    async def translate(self, windows: Sequence[Window], source: str, targets: Sequence[str], name: str) -> Translation:
        """Texts of the windows in every target language, in the windows' order.

        ``source`` is an ISO 639-1 code or ``auto``; ``name`` seeds sampled retries, so that the same window asked
        again gives the same text.
        """
        spoken = await self._identify(windows) if source == "auto" else source
        used = self.settings.fallback_source if spoken == UNIDENTIFIED else spoken
        asked = [self._window(window, used, targets, f"{name}/{i}") for i, window in enumerate(windows)]
        return Translation(spoken, tuple(await asyncio.gather(*asked)))

    async def _identify(self, windows: Sequence[Window]) -> str:
        """The language of the first transcripts, judged together."""
        if self.engine.capabilities.only_language:
            return self.engine.capabilities.only_language
        texts: list[str] = []
        for window in windows:
            request = SpeechRequest(window.samples, (Transcribe(None),), window.speech_s)
            texts.append((await self.engine.generate(request)).results[0].text)
            if sum(map(len, texts)) >= ENOUGH_LETTERS:
                break
        # Not only the declared ones: Turkish is not among them, and is this product's first source.
        code, sure = identify(texts, sorted(self.engine.capabilities.languages.union(LIKELY_LANGUAGES)))
        return code if sure >= SURE else UNIDENTIFIED

    async def _window(self, window: Window, source: str, targets: Sequence[str], name: str) -> PartWindow:
        foreign = [t for t in targets if t != source]
        tasks: list[Task] = [Transcribe(source), *(Translate(source, target) for target in foreign)]
        results = (await self.engine.generate(SpeechRequest(window.samples, tuple(tasks), window.speech_s))).results
        transcript = await self._transcript(window, source, results[0], name)
        texts = {source: transcript}
        for target, result in zip(foreign, results[1:], strict=True):
            texts[target] = await self._translation(window, transcript, source, target, result, name)
        return PartWindow(
            start_s=window.start_s,
            end_s=window.end_s,
            segments=window.segments,
            source=transcript,
            targets=tuple(texts[target] for target in targets),
        )

    async def _transcript(self, window: Window, source: str, first: TaskResult, name: str) -> Text:
        def judge(answer: TaskResult) -> Judgement:
            return judge_transcript(answer.text, language=source, **self._evidence(window, answer))

        def retry(step: Step) -> Task | None:
            return Transcribe(source) if step == "sample" else None

        return await self._climb(window, source, first, name, judge, retry)

    async def _translation(
        self, window: Window, transcript: Text, source: str, target: str, first: TaskResult, name: str
    ) -> Text:
        if transcript.verdict == "no_speech":
            # Nobody speaks, says the transcript: whatever was "translated" is invented.
            return Text(language=target, text="", logprob=0.0, score=transcript.score, verdict="no_speech")

        def judge(answer: TaskResult) -> Judgement:
            evidence = self._evidence(window, answer)
            return judge_translation(transcript.text, answer.text, source_lang=source, target_lang=target, **evidence)

        def retry(step: Step) -> Task | None:
            return _retry_task(step, source, target, transcript.text)

        return await self._climb(window, target, first, name, judge, retry)

    async def _climb(
        self,
        window: Window,
        language: str,
        first: TaskResult,
        name: str,
        judge: Callable[[TaskResult], Judgement],
        retry: Callable[[Step], Task | None],
    ) -> Text:
        """Up the ladder until the gate accepts an answer; a step for which ``retry`` has no task is passed over."""
        attempts = [Attempt(first, judge(first))]
        for step in self.steps:
            if attempts[-1].judgement.accepted:
                break
            task = retry(step)
            if task is not None:
                answer = await self._ask(window, task, name, len(attempts), sampled=step == "sample")
                attempts.append(Attempt(answer, judge(answer)))
        return _text(language, attempts)

    def _evidence(self, window: Window, answer: TaskResult) -> Evidence:
        return {
            "speech_s": window.speech_s,
            "confidence": _confidence(window),
            "logprob": answer.logprob,
            "finish_reason": answer.finish_reason,
            "settings": self.settings.gate,
        }

    async def _ask(self, window: Window, task: Task, name: str, attempt: int, sampled: bool) -> TaskResult:
        samples = None if isinstance(task, TranslateText) else window.samples
        request = SpeechRequest(
            samples,
            (task,),
            window.speech_s,
            temperature=min(1.0, 0.2 * attempt) if sampled else 0.0,
            seed=_seed(name, attempt),
        )
        return (await self.engine.generate(request)).results[0]

    async def __call__(self, batch: pa.Table) -> pa.Table:
        """Rows of shards with windows to rows of shards with parts; an error is a row, never an exception."""
        rows = [ShardRow.decode(row) for row in batch.to_pylist()]
        done = await asyncio.gather(*(self._shard(row) for row in rows))
        return pa.Table.from_pylist([row.encode() for row in done])

    async def _shard(self, row: ShardRow) -> ShardRow:
        if row.part is not None or row.failure is not None:
            return row
        try:
            attempt = self._begin(row.shard.name)
        except OSError as error:
            return ShardRow(row.shard, failure=Failure(kind="store", detail=str(error), permanent=False))
        if attempt is not None and attempt.died >= self.settings.max_attempts:
            detail = f"its worker died {attempt.died} times; try it alone with --retry-errors"
            done = error_row(row, Failure(kind="worker_died", detail=detail, permanent=True), self.settings.fingerprint)
        else:
            done = await self._tried(row)
        self._end(attempt)
        return done

    async def _tried(self, row: ShardRow) -> ShardRow:
        """The row with a part, or with the failure that keeps it open."""
        shard = row.shard
        started = time.monotonic()
        deadline_s = self.settings.window_deadline_s * max(1, len(row.windows))
        source = shard.source
        try:
            async with asyncio.timeout(deadline_s):
                if source == "auto":
                    source = await self._identify(row.windows)
                    if source == UNIDENTIFIED and row.windows:
                        detail = "its transcripts do not tell the spoken language"
                        failure = Failure(kind=LANGUAGE_UNKNOWN, detail=detail, permanent=False)
                        return ShardRow(shard, failure=failure)
                translation = await self.translate(row.windows, source, shard.targets, shard.name)
        except TimeoutError:
            detail = f"no answer from the engine within {deadline_s:.0f} s"
            return ShardRow(shard, failure=Failure(kind="deadline", detail=detail, permanent=False))
        except ValueError as error:
            failure = Failure(kind="refused", detail=f"the engine refused it: {error}", permanent=True)
            return error_row(row, failure, self.settings.fingerprint)
        except EngineError:
            # A broken accelerator stays broken: leave, so that Ray starts a fresh actor and tries the shard again.
            # Not exit_actor(): that is an intended exit, which Ray does not retry.
            os._exit(1)
        seconds = row.seconds | {"engine": time.monotonic() - started}
        part = Part(
            shard=shard.name,
            medium_id=shard.medium.id,
            index=shard.index,
            fingerprint=self.settings.fingerprint,
            source=translation.source,
            demo_model=self.engine.capabilities.demo_model,
            windows=translation.windows,
            seconds=seconds,
        )
        return ShardRow(shard, seconds=seconds, part=part)

    def _begin(self, shard_name: str) -> ShardAttempt | None:
        """Note that this shard is tried; the note outlives every process. Raises StoreError."""
        if self.settings.ledger_url is None:
            return None
        return self._parts(self.settings.ledger_url).begin_attempt(shard_name, self.settings.run)

    def _end(self, attempt: ShardAttempt | None) -> None:
        if attempt is not None and self.settings.ledger_url is not None:
            # A store that is away must not cost the answer: the note then counts as one death too many.
            with contextlib.suppress(OSError):
                self._parts(self.settings.ledger_url).end_attempt(attempt)

    def _parts(self, url: str) -> PartStore:
        return PartStore(Store(url), self.settings.fingerprint)


def _retry_task(step: Step, source: str, target: str, transcript: str) -> Task | None:
    match step:
        case "strict":
            return Translate(source, target, "strict")
        case "cascade":
            return TranslateText(source, target, transcript) if transcript else None
        case "sample":
            return Translate(source, target)


def _confidence(window: Window) -> float:
    """Speech probability of the window, the segments weighted by their length."""
    total = window.speech_s
    return sum(s.confidence * (s.end - s.start) for s in window.segments) / total if total else 0.0


def _seed(name: str, attempt: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{name}#{attempt}".encode()).digest()[:4], "big")


def _text(language: str, attempts: Sequence[Attempt]) -> Text:
    """The attempt that ships: the first accepted one, else the best scored, marked for review."""
    shipped = attempts[best([a.judgement for a in attempts])]
    judgement = shipped.judgement
    return Text(
        language=language,
        text="" if judgement.no_speech else shipped.answer.text,
        # JSON has no NaN, and a model may give one.
        logprob=shipped.answer.logprob if math.isfinite(shipped.answer.logprob) else -99.0,
        score=judgement.score,
        verdict="no_speech" if judgement.no_speech else "accepted" if judgement.accepted else "needs_review",
        reasons=judgement.reasons,
        attempts=len(attempts),
        tokens=tuple(TokenTime(text=t, start=a, end=b) for t, a, b in shipped.answer.timings),
    )
