"""Only what is there whole is named: the files of finished media, and no others."""

from __future__ import annotations

from pipelines.archive.storage import Store
from pipelines.ledger.assemble import assemble
from pipelines.ledger.finished_files import finished_files
from pipelines.ledger.output_names import OutputNames
from pipelines.ledger.parts import PartStore
from pipelines.ledger.runs import save_run
from pipelines.records import Medium, Part, PartWindow, Segment, Text
from pipelines.settings import CueSettings

FP = "f" * 16
MEDIA = [
    Medium(id=f"id{name[0]}", url=f"/in/{name}", name=name, size=9, version="1", duration_s=60.0)
    for name in ("done/film.mp4", "half.wav", "open.wav")
]


def part(medium: Medium) -> Part:
    def text(language: str) -> Text:
        return Text(language=language, text="Merhaba.", logprob=-0.1, score=0.2, verdict="needs_review")

    segments = (Segment(start=1.0, end=4.0, confidence=0.9),)
    window = PartWindow(start_s=0.0, end_s=6.0, segments=segments, source=text("tr"), targets=(text("fr"),))
    shard = f"{medium.id}/00000"
    return Part(
        shard=shard, medium_id=medium.id, index=0, fingerprint=FP, source="tr", demo_model=False, windows=(window,)
    )


def test_a_medium_is_named_once_all_its_files_are_written(tmp_path):
    store = Store(str(tmp_path))
    assert finished_files(store) == ()
    cues = CueSettings(formats=("srt", "vtt"))
    run = save_run(store, FP, {}, MEDIA, {m.id: 1 for m in MEDIA}, targets=["fr"], cue_settings=cues)
    names = OutputNames(store, run.media)
    for medium in MEDIA[:2]:
        assemble(medium, [part(medium)], FP, cues, store, names=names, targets=["fr"])
    assert store.exists("half.fr.srt")
    assert finished_files(store) == ()
    PartStore(store, FP).compact(MEDIA[0].id, [part(MEDIA[0])])
    store.write_bytes("done/film.fr.notes", b"somebody else's")
    found = finished_files(store)
    assert [(file.path, file.medium, file.language, file.format) for file in found] == [
        (f"done/film.fr.{fmt}", "done/film.mp4", "fr", fmt) for fmt in ("srt", "vtt", "review.csv")
    ]
