"""Runs written by hand into an output folder: parts, ledger, tables and summary as a real run leaves them, with texts
that nobody said.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from pipelines.archive.storage import Store
from pipelines.ledger.assemble import assemble
from pipelines.ledger.output_names import OutputNames
from pipelines.ledger.parts import PartStore
from pipelines.ledger.runs import load_run, save_run
from pipelines.ledger.tables import write_summary, write_tables
from pipelines.records import Failure, Medium, Part, PartWindow, Segment, Text
from pipelines.settings import CueSettings

FP = "f" * 16
MONDAY = 1_795_000_000.0
"""When the work began, seconds since 1970."""
WINDOW_S = 30.0
SETTINGS = {
    "inputs": ["/archive"],
    "model": "mistralai/Voxtral-Mini-3B-2507",
    "formats": ["srt", "vtt"],
    "gate": {"quality": "high"},
    "cues": {"profile": "netflix"},
    "recipe": {"checkpoint": "c" * 64, "engine": "compiled", "dtype": "bfloat16"},
}
SUMMARY = {"wall_s": 300.0, "startup_s": 20.0, "audio_s": 600.0, "shards_done": 5, "interrupted": False}
HARDWARE = "1 node, 16 CPUs, 1 GPU (H200), 100 GB for Ray"


def medium(name: str, duration_s: float = 300.0, url: str = "", **fields) -> Medium:
    at = url or f"/archive/{name}"
    return Medium(
        id=f"id{zlib.crc32(name.encode())}", url=at, name=name, size=9, version="1", duration_s=duration_s, **fields
    )


def window(
    start_s: float,
    said: str = "Bugün hava çok güzel.",
    shown: str = "Il fait très beau aujourd'hui.",
    score: float = 0.95,
    reasons: tuple[str, ...] = (),
    verdict: str = "",
    attempts: int = 1,
) -> PartWindow:
    """A window of ten seconds of speech; marked where there are reasons."""
    verdict = verdict or ("needs_review" if reasons else "accepted")
    source = Text(language="tr", text=said, logprob=-0.1, score=0.95, verdict="accepted")
    text = Text(
        language="fr", text=shown, logprob=-0.2, score=score, verdict=verdict, reasons=reasons, attempts=attempts
    )
    segments = (Segment(start=start_s + 1, end=start_s + 11, confidence=0.9),)
    return PartWindow(start_s=start_s, end_s=start_s + 12, segments=segments, source=source, targets=(text,))


def part(
    owner: Medium,
    windows: Sequence[PartWindow] = (),
    *,
    index: int = 0,
    done_at: float | None = MONDAY,
    engine_s: float = 20.0,
    failure: Failure | None = None,
    demo_model: bool = False,
) -> Part:
    return Part(
        shard=f"{owner.id}/{index:05d}",
        medium_id=owner.id,
        index=index,
        fingerprint=FP,
        source="tr",
        demo_model=demo_model,
        windows=tuple(windows),
        failure=failure,
        seconds={} if failure else {"decode": 1.5, "vad": 0.5, "engine": engine_s},
        done_at=None if failure else done_at,
    )


def write_run(store: Store, media: Sequence[tuple[Medium, int, Sequence[Part]]], ended: bool = True, **summary) -> None:
    """``media`` with their numbers of shards and the parts that are there; one with all of them is finished."""
    shards = {m.id: count for m, count, _ in media}
    run = save_run(
        store,
        FP,
        SETTINGS,
        [m for m, _, _ in media],
        shards,
        targets=["fr"],
        cue_settings=CueSettings(formats=("srt",)),
    )
    ledger, names = PartStore(store, FP), OutputNames(store, run.media)
    for owner, count, parts in media:
        if parts and len(parts) == count:
            assemble(owner, parts, FP, run.cues, store, names=names, targets=run.targets)
            ledger.compact(owner.id, parts)
        else:
            for each in parts:
                ledger.write(each)
    if ended:
        write_tables(store, load_run(store))
        told = SUMMARY | {"fingerprint": FP, "began": run.saved_at, "hardware": HARDWARE} | summary
        write_summary(store, told)


def write_mixed_run(store: Store, archive: str = "/archive") -> None:
    """A little of everything: two sessions of work, marked and missing texts, a shard that failed, one that is open,
    and files that are no media.
    """
    film = medium("films/Yolculuk.mp4", 600.0, f"{archive}/films/Yolculuk.mp4")
    news = medium("news/haberler.mp3", 1200.0, "https://archive.example/news/haberler.mp3")
    talk = medium("talks/röportaj.ogg", 300.0, "s3://archive/talks/röportaj.ogg")
    calls = medium("calls/long call.wav", 900.0)
    empty = medium("films/cut.mkv", 0.0, failure=Failure(kind="empty", detail="it has no bytes", permanent=True))
    text = medium("notes.txt", 0.0, failure=Failure(kind="not_opened", detail="no medium by its name", permanent=True))
    crash = Failure(kind="crashed", detail="the decoder died with signal 11", permanent=True)
    worse = window(
        90.0, "Yarın sabah yedide buluşalım.", "Rendez-vous demain à neuf heures.", 0.31, ("numbers", "unsure")
    )
    bad = window(30.0, "Annem pazardan elma aldı.", "Sous-titres réalisés par la communauté", 0.12, ("boilerplate",))
    silent = window(150.0, shown="", score=0.0, reasons=("unheard",), attempts=4)
    fast = window(60.0, shown=" ".join(["Cette phrase est bien trop longue pour être lue."] * 9), score=0.62)
    write_run(
        store,
        [
            (film, 1, [part(film, [window(0.0), bad, fast, worse, silent], engine_s=60.0)]),
            (
                news,
                2,
                [
                    part(news, [window(60.0 * i, score=0.7 + 0.03 * i) for i in range(10)], done_at=MONDAY + 90.0),
                    part(
                        news,
                        [window(600.0 + 60.0 * i, score=0.9) for i in range(10)],
                        index=1,
                        done_at=MONDAY + 7200.0,
                        engine_s=45.0,
                    ),
                ],
            ),
            (talk, 2, [part(talk, [window(10.0)], done_at=MONDAY + 7260.0), part(talk, index=1, failure=crash)]),
            (calls, 3, [part(calls, [window(20.0)], done_at=MONDAY + 7290.0)]),
            (empty, 0, []),
            (text, 0, []),
        ],
    )
