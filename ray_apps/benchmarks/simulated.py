"""A simulated archive and simulated stages, for what a driver does when there are a million media and 64 actors:
nothing is decoded, and no model is there; listening and translating wait as long as they are told.

Everything else is the real job: files on a disk, the manifest, the ledger, Ray Data, assembly. A process that runs a
simulated stage imports little, so that 64 of them fit into a laptop.
"""

from __future__ import annotations

import asyncio
import functools
import gzip
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.records import SAMPLE_RATE, Part, PartWindow, Segment, Text, Window
from ray_apps.recording import record
from ray_apps.rows import ShardRow

if TYPE_CHECKING:
    import pyarrow as pa

    from ray_apps.translator import TranslatorSettings

SLOWER = 5
"""How many times as long a straggler takes."""
_IN_A_FOLDER = 1_000
_SHORTEST_S, _LONGEST_S = 120, 3_480
"""Media are half an hour long on average."""


@dataclass(frozen=True)
class SimulatedProbe:
    """What is found where nothing is looked at: a length that depends on the file's name alone."""

    duration_s: float
    container: str = "simulated"
    audio_stream: int = 0
    language: str | None = None


def simulated_probe(url: str, *_: object) -> SimulatedProbe:
    """Stands in for :func:`pipelines.media.decode.probe`."""
    drawn = int.from_bytes(hashlib.blake2b(url.rpartition("/")[2].encode(), digest_size=8).digest())
    return SimulatedProbe(float(_SHORTEST_S + drawn % (_LONGEST_S - _SHORTEST_S)))


def make_archive(folder: Path, media: int) -> Path:
    """So many empty files in folders of a thousand, with names as archives have them."""
    for begin in range(0, media, _IN_A_FOLDER):
        shelf = folder / f"kanal {begin // _IN_A_FOLDER:04d}"
        shelf.mkdir(parents=True, exist_ok=True)
        for number in range(begin, min(begin + _IN_A_FOLDER, media)):
            file = shelf / f"yayın {number:07d} akşam haberleri.mp4"
            if not file.exists():  # another time of change would make it another medium
                file.touch()
    return folder


def simulated_part(name: str, fingerprint: str, seconds: float) -> Part:
    """A part as a shard of that length may give: a text for every half minute."""
    medium_id, _, index = name.partition("/")
    starts = np.arange(0.0, max(seconds, 1.0), 30.0).tolist()
    return Part(
        shard=name,
        medium_id=medium_id,
        index=int(index),
        fingerprint=fingerprint,
        source="tr",
        demo_model=True,
        windows=tuple(_window(start) for start in starts),
        seconds={"decode": 0.1, "vad": 0.1, "windows": 0.01, "engine": 1.0},
        done_at=time.time(),
    )


def _window(start_s: float) -> PartWindow:
    def text(language: str, words: str) -> Text:
        return Text(language=language, text=words, logprob=-0.1, score=0.9, verdict="accepted")

    return PartWindow(
        start_s=start_s,
        end_s=start_s + 12.0,
        segments=(Segment(start=start_s, end=start_s + 12.0, confidence=0.9),),
        source=text("tr", "Akşam haberlerine hoş geldiniz, bugün hava güneşli olacak."),
        targets=(text("fr", "Bienvenue au journal du soir, il fera beau aujourd'hui."),),
    )


@functools.cache
def _entry_parts(fingerprint: str, shards: int) -> str:
    """The parts of a medium named ``MEDIUM``; only its name differs between entries."""
    names = [f"MEDIUM/{i:05d}" for i in range(shards)]
    return ",".join(simulated_part(name, fingerprint, 60.0).model_dump_json() for name in names)


def write_entry(folder: Path, medium_id: str, fingerprint: str, shards: int) -> None:
    """A ledger entry as :meth:`pipelines.ledger.parts.PartStore.compact` writes it, without waiting for the disk."""
    parts = _entry_parts(fingerprint, shards).replace("MEDIUM", medium_id)
    text = f'{{"medium_id":"{medium_id}","fingerprint":"{fingerprint}","parts":[{parts}]}}'
    with (folder / f"{medium_id}.json.gz").open("wb", buffering=0) as file:
        file.write(gzip.compress(text.encode(), compresslevel=1, mtime=0))


def latency_s(marks: Path, slow: int, seconds: float) -> float:
    """Of one actor; the first ``slow`` to ask are slow."""
    for number in range(slow):
        try:
            (marks / str(number)).touch(exist_ok=False)
        except FileExistsError:
            continue
        return seconds * SLOWER
    return seconds


@dataclass(frozen=True)
class SimulatedListen:
    """Stands in for :class:`ray_apps.stages.Listen`: waits, and hands on as many samples as it is told."""

    seconds: float
    samples_s: float

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        shard = ShardRow.decode(row).shard
        time.sleep(self.seconds)
        samples = np.zeros(int(self.samples_s * SAMPLE_RATE), np.int16)
        heard = Window(start_s=shard.start_s, segments=(), samples=samples)
        return ShardRow(shard, (heard,), {"decode": self.seconds}).encode()


def simulated_translator(latency_s: Callable[[], float]) -> type:
    """Stands in for :class:`ray_apps.translator.VoxtralTranslator`: an actor that waits, and writes a part.

    ``latency_s`` is asked once in each actor for the seconds that it takes for a shard.
    """

    class SimulatedTranslator:
        def __init__(self, settings: TranslatorSettings) -> None:
            self.settings, self.latency_s = settings, latency_s()

        async def __call__(self, batch: pa.Table) -> pa.Table:
            import pyarrow as pa

            rows = await asyncio.gather(*(self._shard(ShardRow.decode(row)) for row in batch.to_pylist()))
            return pa.Table.from_pylist([row.encode() for row in rows])

        async def _shard(self, row: ShardRow) -> ShardRow:
            await asyncio.sleep(self.latency_s)
            part = simulated_part(row.shard.name, self.settings.fingerprint, row.shard.end_s - row.shard.start_s)
            done = ShardRow(row.shard, seconds=row.seconds, part=part)
            from pipelines.archive.storage import Store
            from pipelines.ledger.parts import PartStore

            parts = PartStore(Store(str(self.settings.ledger_url)), self.settings.fingerprint)
            return await asyncio.to_thread(record, done, parts)

    return SimulatedTranslator
