"""The one actor class: it owns an engine, and makes shards' windows into parts.

How a window is asked about, judged and asked again is :mod:`ray_apps.window_texts`.
:class:`VoxtralTranslator` is what the batch job gives to ``map_batches`` and what a Serve deployment wraps; it is a
plain class that a test calls directly. It knows no files and no subtitles.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from b200_kernels.checkpoints import open_checkpoint
from b200_kernels.engine import CacheName, DtypeName, EngineError, EngineName, SpeechEngine, SpeechRequest
from b200_kernels.engines import AUTO, open_engine
from b200_kernels.prompts import Transcribe
from pipelines.archive.storage import Store
from pipelines.ledger.parts import PartStore, ShardAttempt
from pipelines.records import UNIDENTIFIED, Failure, Part, PartWindow, Window
from quality.gate import LIKELY_LANGUAGES
from quality.glossary import Term
from quality.language_id import identify
from quality.settings import GateSettings
from quality.similarity import require
from ray_apps.metered import TranslatorMeter
from ray_apps.rows import ShardRow, error_row
from ray_apps.window_texts import WindowTexts

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
    fingerprint: str = ""


@dataclass(frozen=True)
class Translation:
    """What became of some windows. ``source`` is the spoken language, or :data:`UNIDENTIFIED`."""

    source: str
    windows: tuple[PartWindow, ...]


class VoxtralTranslator:
    """A Voxtral that is asked, judged and asked again.

    Raises (from the constructor):
        SimilarityUnavailableError: the gate is to compare meaning, and cannot here.
        CheckpointError: the model is not there or not usable; the message says what to do.
    """

    def __init__(self, settings: TranslatorSettings, engine: SpeechEngine | None = None) -> None:
        self.settings = settings
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
        self._meter = TranslatorMeter(engine)

    async def translate(self, windows: Sequence[Window], source: str, targets: Sequence[str], name: str) -> Translation:
        """Texts of the windows in every target language, in the windows' order.

        ``source`` is an ISO 639-1 code or ``auto``; ``name`` seeds sampled retries, so that the same window asked
        again gives the same text.
        """
        spoken = await self._identify(windows) if source == "auto" else source
        used = self.settings.fallback_source if spoken == UNIDENTIFIED else spoken
        gate, glossary = self.settings.gate, self.settings.glossary
        asked = (
            WindowTexts(self.engine, gate, glossary, window, used, f"{name}/{i}").texts(targets)
            for i, window in enumerate(windows)
        )
        with self._meter.translating(windows) as told:
            texts = tuple(await asyncio.gather(*asked))
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
