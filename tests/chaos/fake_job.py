"""The real job with a fake engine, and a clock that may jump: ``python -m tests.chaos.fake_job translate ...``.

Everything is the product's own, from the command line down, but for three things: the engine answers from a list by
what it hears, after a moment; each stage tells when it begins on a shard, which is also a kill point; pauses between
passes are those of ``FAKE_PAUSES``. ``FAKE_CLOCK=3:3600,6:-7200`` moves this process's clock an hour on after three
seconds, and so on.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import zlib
from typing import Any

CLOCK, PAUSES = "FAKE_CLOCK", "FAKE_PAUSES"
JUMPED = "clock-jumped"
"""Kind of the note that a jump of the clock was seen."""


def _move_clock(jumps: str) -> None:
    """Before any import that keeps ``time.time``."""
    plan = [tuple(map(float, jump.split(":"))) for jump in jumps.split(",")]
    began, real = time.monotonic(), time.time
    seen = 0

    def fake_time() -> float:
        nonlocal seen
        jumped = [by for at, by in plan if time.monotonic() - began >= at]
        while seen < len(jumped):
            seen += 1
            note(JUMPED, f"{seen}")
        return real() + sum(jumped)

    time.time = fake_time


from tests.chaos.fake_faults import meet, note  # noqa: E402  which keeps no time.time

if os.environ.get(CLOCK):
    _move_clock(os.environ[CLOCK])

from b200_kernels.engine import SpeechRequest, SpeechResult  # noqa: E402
from b200_kernels.prompts import Task, Transcribe  # noqa: E402
from ray_apps import batch_job, cli  # noqa: E402
from ray_apps.rows import ShardRow  # noqa: E402
from ray_apps.stages import Listen  # noqa: E402
from ray_apps.translator import TranslatorSettings, VoxtralTranslator  # noqa: E402
from tests.ray_apps.fake_engine import FakeEngine  # noqa: E402

ANSWER_S = 0.25
SENTENCES = (
    ("Yarın sabah saat dokuzda Ankara'ya gidiyoruz.", "Nous allons à Ankara demain matin à neuf heures."),
    ("Bugün hava çok güzel.", "Il fait très beau aujourd'hui."),
    ("Toplantı saat üçte başlayacak.", "La réunion commencera à trois heures."),
    ("Annem pazardan elma ve ekmek aldı.", "Ma mère a acheté des pommes et du pain au marché."),
)


def _script(task: Task, request: SpeechRequest) -> str:
    """The same words for the same sound, whoever asks and whenever."""
    heard = request.samples.tobytes() if request.samples is not None else repr(task).encode()
    turkish, french = SENTENCES[zlib.crc32(heard) % len(SENTENCES)]
    return turkish if isinstance(task, Transcribe) else french


class FakeSlowEngine(FakeEngine):
    """Answers after a moment, so that a kill can fall into one."""

    async def generate(self, request: SpeechRequest) -> SpeechResult:
        await asyncio.sleep(ANSWER_S)
        return await super().generate(request)


class FakeEngineTranslator(VoxtralTranslator):
    """The actor with the fake engine; tells when it begins on a shard, and when its part is written."""

    def __init__(self, settings: TranslatorSettings) -> None:
        super().__init__(settings, FakeSlowEngine(_script))

    async def _tried(self, row: ShardRow) -> ShardRow:
        note("translate", row.shard.name)
        with meet("stage.translate", row.shard.name):
            return await super()._tried(row)

    async def _recorded(self, done: ShardRow) -> ShardRow:
        recorded = await super()._recorded(done)
        if recorded.part is not None:
            note("record", done.shard.name)
        return recorded


class ToldListen(Listen):
    """Tells when it begins on a shard."""

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        name = ShardRow.decode(row).shard.name
        note("listen", name)
        with meet("stage.listen", name):
            return super().__call__(row)


def main() -> None:
    batch_job.VoxtralTranslator = FakeEngineTranslator
    batch_job.Listen = ToldListen
    if os.environ.get(PAUSES):
        batch_job.PAUSES_S = tuple(map(float, os.environ[PAUSES].split(",")))
    cli.main(sys.argv[1:])


if __name__ == "__main__":
    # Workers find the classes by the module's name, not as __main__'s.
    from tests.chaos.fake_job import main as run

    run()
