"""The actor class by itself: what it asks, what it does when the gate rejects, what becomes of errors."""

from __future__ import annotations

import asyncio
import dataclasses
import errno

import numpy as np
import pyarrow as pa
import pytest

from b200_kernels.prompts import Transcribe, Translate, TranslateText
from pipelines.archive.storage import Store
from pipelines.ledger.parts import PartStore
from pipelines.records import Failure, Medium, Segment, Shard, Window
from quality.settings import GateSettings
from ray_apps.rows import ShardRow
from ray_apps.translator import TranslatorSettings, VoxtralTranslator
from tests.ray_apps.fake_engine import FakeEngine

TURKISH = "Yarın sabah saat dokuzda Ankara'ya gidiyoruz. Hava çok güzel."
FRENCH = "Nous allons à Ankara demain matin à neuf heures. Il fait très beau."


def window(start_s: float = 0.0, seconds: float = 5.0) -> Window:
    segment = Segment(start=start_s, end=start_s + seconds, confidence=0.95)
    return Window(start_s=start_s, segments=(segment,), samples=np.zeros(int(seconds * 16_000), np.int16))


def shard_row(windows: tuple[Window, ...], targets: tuple[str, ...] = ("fr",)) -> ShardRow:
    medium = Medium(id="m" * 20, url="file:///a.wav", name="a.wav", size=1, version="1", duration_s=20.0)
    return ShardRow(Shard(medium=medium, index=0, start_s=0, end_s=20, source="tr", targets=targets), windows)


def translator(script, quality: str = "medium", **settings) -> tuple[VoxtralTranslator, FakeEngine]:
    engine = FakeEngine(script)
    chosen = TranslatorSettings(model=None, gate=GateSettings(quality=quality), **settings)
    return VoxtralTranslator(chosen, engine), engine


def good(task, request) -> str:
    return TURKISH if isinstance(task, Transcribe) else FRENCH


def test_all_languages_cost_one_listening():
    actor, engine = translator(good)
    result = asyncio.run(actor.translate([window()], "tr", ("fr", "en")))
    assert [type(t) for t in engine.requests[0].tasks] == [Transcribe, Translate, Translate]
    assert [t.language for t in result.windows[0].targets] == ["fr", "en"]
    assert result.windows[0].source.text == TURKISH


def test_windows_come_back_in_order():
    actor, _ = translator(good)
    windows = [window(s) for s in (0.0, 20.0, 40.0)]
    result = asyncio.run(actor.translate(windows, "tr", ("fr",)))
    assert [w.start_s for w in result.windows] == [0.0, 20.0, 40.0]


def test_the_spoken_language_as_target_is_the_transcript_and_asks_nothing_more():
    actor, engine = translator(good)
    result = asyncio.run(actor.translate([window()], "tr", ("tr",)))
    assert result.windows[0].targets[0].text == TURKISH
    assert engine.requests[0].tasks == (Transcribe("tr"),)


def test_a_rejected_translation_is_asked_again_more_strictly():
    def script(task, request):
        if isinstance(task, Translate) and task.variant == "plain":
            return TURKISH  # copied instead of translated
        return good(task, request)

    actor, engine = translator(script)
    text = asyncio.run(actor.translate([window()], "tr", ("fr",))).windows[0].targets[0]
    assert (text.text, text.verdict, text.attempts) == (FRENCH, "accepted", 2)
    assert engine.requests[1].tasks == (Translate("tr", "fr", "strict"),)


def test_the_cascade_translates_the_transcript_without_listening_again():
    def script(task, request):
        return FRENCH if isinstance(task, TranslateText) else TURKISH

    actor, engine = translator(script, quality="high")
    text = asyncio.run(actor.translate([window()], "tr", ("fr",))).windows[0].targets[0]
    assert (text.text, text.step) == (FRENCH, "cascade")
    assert [attempt.step for attempt in text.tried] == ["first", "strict", "pieces", "cascade"]
    assert engine.requests[-1].samples is None
    assert engine.requests[-1].tasks == (TranslateText("tr", "fr", TURKISH),)


def test_what_never_passes_ships_marked_with_its_reasons():
    actor, _ = translator(lambda task, request: TURKISH, quality="high")
    text = asyncio.run(actor.translate([window()], "tr", ("fr",))).windows[0].targets[0]
    assert text.verdict == "needs_review"
    assert text.reasons
    assert text.text == TURKISH


def test_low_quality_asks_once():
    actor, engine = translator(lambda task, request: TURKISH, quality="low")
    asyncio.run(actor.translate([window()], "tr", ("fr",)))
    assert len(engine.requests) == 1


def test_sampled_retries_are_seeded_by_what_is_heard_and_not_by_where_it_stands():
    def seeds(heard: Window) -> list[int]:
        actor, engine = translator(lambda task, request: TURKISH, quality="max")
        asyncio.run(actor.translate([heard], "tr", ("fr",)))
        return [r.seed for r in engine.requests if r.temperature > 0]

    assert seeds(window()) == seeds(window(start_s=20.0)) != seeds(window(seconds=6.0))
    assert len(set(seeds(window()))) == len(seeds(window())) > 1


def test_a_window_that_is_refused_ends_the_work_on_its_neighbours():
    class FakeRefusingEngine(FakeEngine):
        ended = 0

        async def generate(self, request):
            if len(request.samples) == 16_000:
                raise ValueError("too short")
            try:
                await asyncio.Event().wait()
            finally:
                self.ended += 1

    engine = FakeRefusingEngine(good)
    actor = VoxtralTranslator(TranslatorSettings(model=None), engine)
    windows = [window(), window(5.0), window(10.0, seconds=1.0)]

    async def refused() -> None:
        with pytest.raises(ValueError, match="too short"):
            await actor.translate(windows, "tr", ("fr",))
        assert engine.ended == 2

    asyncio.run(refused())


def test_a_language_that_nobody_named_is_identified_from_the_first_transcripts():
    engine = FakeEngine(good, languages=frozenset({"fr", "de"}), demo_model=False)
    actor = VoxtralTranslator(TranslatorSettings(model=None), engine)
    result = asyncio.run(actor.translate([window(), window(20.0)], "auto", ("fr",)))
    assert result.source == "tr"
    assert engine.requests[0].tasks == (Transcribe(None),)


def test_windows_that_tell_no_language_are_taken_for_the_fallbacks_and_say_so():
    engine = FakeEngine(lambda task, request: "...", languages=frozenset({"fr", "de"}), demo_model=False)
    actor = VoxtralTranslator(TranslatorSettings(model=None, fallback_source="de"), engine)
    result = asyncio.run(actor.translate([window()], "auto", ("fr",)))
    assert result.source == "und"
    assert result.windows[0].source.language == "de"


def test_a_row_becomes_a_part():
    actor, _ = translator(good, fingerprint="f" * 16)
    table = pa.Table.from_pylist([shard_row((window(),)).encode()])
    row = ShardRow.decode(asyncio.run(actor(table)).to_pylist()[0])
    assert row.part is not None
    assert row.part.windows[0].targets[0].text == FRENCH
    assert row.part.fingerprint == "f" * 16
    assert row.part.seconds["engine"] >= 0


def test_rows_that_are_settled_pass_through():
    actor, engine = translator(good)
    failure = Failure(kind="unreadable", detail="the store is away", permanent=False)
    before = ShardRow(shard_row(()).shard, failure=failure)
    after = ShardRow.decode(asyncio.run(actor(pa.Table.from_pylist([before.encode()]))).to_pylist()[0])
    assert after == before
    assert not engine.requests


def test_an_engine_that_does_not_answer_leaves_the_shard_open():
    actor, engine = translator(good, window_deadline_s=0.01)

    async def never(request):
        await asyncio.Event().wait()

    engine.generate = never
    row = ShardRow.decode(asyncio.run(actor(pa.Table.from_pylist([shard_row((window(),)).encode()]))).to_pylist()[0])
    assert row.part is None
    assert row.failure is not None
    assert (row.failure.kind, row.failure.permanent) == ("deadline", False)


def test_a_shard_that_killed_its_worker_too_often_is_an_error_part(tmp_path):
    actor, engine = translator(good, fingerprint="f" * 16, ledger_url=str(tmp_path), max_attempts=2)
    row = shard_row((window(),))
    parts = PartStore(Store(str(tmp_path)), "f" * 16)
    for _ in range(2):
        parts.begin_attempt(row.shard.name, "alone")
    result = ShardRow.decode(asyncio.run(actor(pa.Table.from_pylist([row.encode()]))).to_pylist()[0])
    assert result.part is not None
    assert result.part.failure is not None
    assert result.part.failure.kind == "worker_died"
    assert not engine.requests


def test_a_shard_that_was_answered_leaves_no_attempt_behind(tmp_path):
    actor, _ = translator(good, fingerprint="f" * 16, ledger_url=str(tmp_path))
    asyncio.run(actor(pa.Table.from_pylist([shard_row((window(),)).encode()])))
    assert PartStore(Store(str(tmp_path)), "f" * 16).all_attempts() == {}


def test_the_part_is_in_the_ledger_when_the_row_comes_back(tmp_path):
    """So a driver that is dead by then loses nothing that was translated."""
    actor, _ = translator(good, fingerprint="f" * 16, ledger_url=str(tmp_path))
    row = shard_row((window(),))
    result = ShardRow.decode(asyncio.run(actor(pa.Table.from_pylist([row.encode()]))).to_pylist()[0])
    kept = PartStore(Store(str(tmp_path)), "f" * 16).read(row.shard.medium.id, row.shard.index)
    assert kept is not None
    assert len(kept.windows) == 1
    assert result.part == kept.model_copy(update={"windows": ()})


def test_a_part_that_the_disk_does_not_take_leaves_its_shard_open(tmp_path, monkeypatch):
    actor, _ = translator(good, fingerprint="f" * 16, ledger_url=str(tmp_path))

    def fake_full_disk(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(PartStore, "write", fake_full_disk)
    row = shard_row((window(),)).encode()
    result = ShardRow.decode(asyncio.run(actor(pa.Table.from_pylist([row]))).to_pylist()[0])
    assert result.part is None
    assert (result.failure.kind, result.failure.permanent) == ("store", False)


def shards_at_work(tmp_path, suspects: int) -> int:
    """Three shards given to an actor at once, some of which were there when a worker died: most at work together."""
    actor, engine = translator(good, fingerprint="f" * 16, ledger_url=str(tmp_path), run="now")
    base = shard_row((window(),))
    rows = [dataclasses.replace(base, shard=base.shard.model_copy(update={"index": i})) for i in range(3)]
    parts = PartStore(Store(str(tmp_path)), "f" * 16)
    for row in rows[:suspects]:
        parts.begin_attempt(row.shard.name, "now")
    answer, at_work, most = engine.generate, 0, 0

    async def generate(request):
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        for _ in range(20):
            await asyncio.sleep(0)
        at_work -= 1
        return await answer(request)

    engine.generate = generate

    async def run():
        return await asyncio.gather(*(actor(pa.Table.from_pylist([row.encode()])) for row in rows))

    done = [ShardRow.decode(table.to_pylist()[0]) for table in asyncio.run(run())]
    assert all(row.part is not None and row.part.failure is None for row in done)
    return most


def test_shards_are_worked_on_side_by_side(tmp_path):
    assert shards_at_work(tmp_path, suspects=0) == 3


def test_shards_that_were_there_when_a_worker_died_are_tried_alone(tmp_path):
    assert shards_at_work(tmp_path, suspects=3) == 1


@pytest.mark.parametrize("said", ["OK", "you", "Hmm", "..."])
def test_a_stray_word_does_not_decide_for_a_film(said):
    """The shard waits: the rest of its medium may tell the language."""
    engine = FakeEngine(lambda task, request: said, languages=frozenset({"fr", "de"}), demo_model=False)
    actor = VoxtralTranslator(TranslatorSettings(model=None), engine)
    row = shard_row((window(),))
    untold = dataclasses.replace(row, shard=row.shard.model_copy(update={"source": "auto"}))
    result = ShardRow.decode(asyncio.run(actor(pa.Table.from_pylist([untold.encode()]))).to_pylist()[0])
    assert result.part is None
    assert result.failure is not None
    assert (result.failure.kind, result.failure.permanent) == ("language_unknown", False)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_rows_survive_the_journey(count):
    rng = np.random.default_rng(count)
    windows = tuple(
        window(20.0 * i).model_copy(update={"samples": rng.integers(-9, 9, 100 + i).astype(np.int16)})
        for i in range(count)
    )
    row = ShardRow(shard_row(()).shard, windows, {"decode": 0.5})
    back = ShardRow.decode(pa.Table.from_pylist([row.encode()]).to_pylist()[0])
    assert back.shard == row.shard
    assert back.seconds == row.seconds
    for a, b in zip(back.windows, windows, strict=True):
        assert np.array_equal(a.samples, b.samples)
        assert (a.start_s, a.segments) == (b.start_s, b.segments)
