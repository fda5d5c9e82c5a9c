"""The one actor class: it owns an engine, and makes shards' windows into parts, which it puts into the ledger.

How a window is asked about, judged and asked again is :mod:`ray_apps.window_texts`.
:class:`VoxtralTranslator` is what the batch job gives to ``map_batches`` and what a Serve deployment wraps; it is a
plain class that a test calls directly. It knows no media files and no subtitles.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from b200_kernels.checkpoints import open_checkpoint
from b200_kernels.engine import CacheName, DtypeName, EngineError, EngineName, SpeechEngine, SpeechRequest
from b200_kernels.engines import AUTO, open_engine
from b200_kernels.prompts import Transcribe
from pipelines.archive.storage import Store
from pipelines.ledger.parts import PartStore, ShardAttempt
from pipelines.records import TO_IDENTIFY, UNIDENTIFIED, Failure, Part, PartWindow, Window
from quality.gate import LIKELY_LANGUAGES
from quality.glossary import Term
from quality.language_id import identify
from quality.settings import GateSettings
from quality.similarity import require
from ray_apps import profiled
from ray_apps.company import Company
from ray_apps.metered import TranslatorMeter
from ray_apps.recording import record
from ray_apps.rows import ShardRow, error_row
from ray_apps.window_texts import WindowTexts

ENOUGH_LETTERS = 120
"""Transcribed letters after which the spoken language is identified."""
SURE = 0.5
"""Below this an identified language is a guess: a stray word must not decide for a film."""
T = TypeVar("T")
LANGUAGE_UNKNOWN = "language_unknown"
"""Kind of failure of a shard that waits until the rest of its medium tells the language."""


class TranslatorSettings(BaseModel):
    """What an actor needs to know: which model, how it runs, and when a text is good enough."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None
    gate: GateSettings = GateSettings()
    glossary: tuple[Term, ...] = ()
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
    """Where parts go; None: a row keeps its part, and nothing is written."""
    fingerprint: str = ""
    profile: str | None = None
    """The book of the run's profile, if there is one."""


@dataclass(frozen=True)
class Translation:
    """What became of some windows. ``source`` is the spoken language, or :data:`UNIDENTIFIED`."""

    source: str
    windows: tuple[PartWindow, ...]


@dataclass(frozen=True)
class Wishes:
    """What one request wants beside the settings: above ``temperature`` 0 first answers are sampled; ``terms`` are
    added to the glossary.
    """

    temperature: float = 0.0
    terms: tuple[Term, ...] = ()


NO_WISHES = Wishes()


class VoxtralTranslator:
    """A Voxtral that is asked, judged and asked again.

    Raises (from the constructor):
        SimilarityUnavailableError: the gate is to compare meaning, and cannot here.
        CheckpointError: the model is not there or not usable; the message says what to do.
    """

    def __init__(self, settings: TranslatorSettings, engine: SpeechEngine | None = None) -> None:
        self.settings = settings
        self._company = Company()
        if settings.gate.meaning:
            require()
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
        self._told = 0
        self._meter = TranslatorMeter(engine)

    async def translate(
        self,
        windows: Sequence[Window],
        source: str,
        targets: Sequence[str],
        wishes: Wishes = NO_WISHES,
    ) -> Translation:
        """Texts of the windows in every target language, in the windows' order.

        ``source`` is an ISO 639-1 code or ``auto``. The same window asked again gives the same text.
        """
        spoken = await self._identify(windows) if source == TO_IDENTIFY else source
        used = self.settings.fallback_source if spoken == UNIDENTIFIED else spoken
        gate, glossary = self.settings.gate, (*self.settings.glossary, *wishes.terms)
        asked = (
            WindowTexts(self.engine, gate, glossary, window, used, wishes.temperature).texts(targets)
            for window in windows
        )
        with self._meter.translating(windows) as told:
            texts = await _all_or_none(asked)
            told(texts)
        return Translation(spoken, texts)

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

    async def __call__(self, batch: pa.Table) -> pa.Table:
        """Rows of shards with windows to rows of shards with parts; an error is a row, never an exception."""
        rows = [ShardRow.decode(row) for row in batch.to_pylist()]
        done = await asyncio.gather(*(self._shard(row) for row in rows))
        return pa.Table.from_pylist([row.encode() for row in done])

    async def _shard(self, row: ShardRow) -> ShardRow:
        if row.failure is not None:
            return row
        if row.part is not None:
            return await self._recorded(row)
        async with self._company.joined(lambda: self._begin(row.shard.name), _has_died) as attempt:
            if isinstance(attempt, Failure):
                return ShardRow(row.shard, failure=attempt)
            if attempt is not None and attempt.died >= self.settings.max_attempts:
                detail = f"its worker died {attempt.died} times; try it alone with --retry-errors"
                failure = Failure(kind="worker_died", detail=detail, permanent=True)
                done = error_row(row, failure, self.settings.fingerprint)
            else:
                with profiled.stage(self.settings.profile, "translate", row.shard.name) as costs:
                    done = await self._tried(row)
                    if done.part is not None and "engine" in done.seconds:
                        shard_s = row.shard.end_s - row.shard.start_s
                        self.tell(costs, row.windows, done.seconds["engine"], shard_s)
            recorded = await self._recorded(done)
            self._end(attempt)
            return recorded

    async def _tried(self, row: ShardRow) -> ShardRow:
        """The row with a part, or with the failure that keeps it open."""
        shard = row.shard
        started = time.monotonic()
        deadline_s = self.settings.window_deadline_s * max(1, len(row.windows))
        source = shard.source
        try:
            async with asyncio.timeout(deadline_s):
                if source == TO_IDENTIFY:
                    source = await self._identify(row.windows)
                    if source == UNIDENTIFIED and row.windows:
                        detail = "its transcripts do not tell the spoken language"
                        failure = Failure(kind=LANGUAGE_UNKNOWN, detail=detail, permanent=False)
                        return ShardRow(shard, failure=failure)
                translation = await self.translate(row.windows, source, shard.targets)
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
            done_at=time.time(),
        )
        return ShardRow(shard, seconds=seconds, part=part)

    async def _recorded(self, done: ShardRow) -> ShardRow:
        """The row once its part is in the ledger, if there is one."""
        if self.settings.ledger_url is None:
            return done
        return await asyncio.to_thread(record, done, self._parts(self.settings.ledger_url), self.settings.profile)

    def tell(self, costs: profiled.Costs, windows: Sequence[Window], seconds: float, audio_s: float) -> None:
        """What some windows' texts cost the engine, for the profile. Tokens are all since this was last told."""
        told, self._told = self._told, self.engine.stats().tokens
        costs.seconds, costs.audio_s = {"engine": seconds}, audio_s
        costs.items, costs.tokens = max(1, len(windows)), self._told - told
        if windows:
            heard_s = sum(window.end_s - window.start_s for window in windows)
            costs.fill = heard_s / (len(windows) * self.engine.capabilities.chunk_s)

    def _begin(self, shard_name: str) -> ShardAttempt | Failure | None:
        """Note that this shard is tried; the note outlives every process. A Failure where the store takes no note."""
        if self.settings.ledger_url is None:
            return None
        try:
            return self._parts(self.settings.ledger_url).begin_attempt(shard_name, self.settings.run)
        except OSError as error:
            return Failure(kind="store", detail=str(error), permanent=False)

    def _end(self, attempt: ShardAttempt | None) -> None:
        if attempt is not None and self.settings.ledger_url is not None:
            # A store that is away must not cost the answer: the note then counts as one death too many.
            with contextlib.suppress(OSError):
                self._parts(self.settings.ledger_url).end_attempt(attempt)

    def _parts(self, url: str) -> PartStore:
        return PartStore(Store(url), self.settings.fingerprint)


async def _all_or_none(works: Iterable[Coroutine[None, None, T]]) -> tuple[T, ...]:
    """All results, in order. Raises what the first one raises that fails, when the others have ended too."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return tuple(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _has_died(attempt: ShardAttempt | Failure | None) -> bool:
    return isinstance(attempt, ShardAttempt) and attempt.died > 0
