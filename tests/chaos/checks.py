"""What must hold after any fault: the truth's subtitles and rows, every id once, no more work than was in flight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from pipelines.archive.storage import Store
from pipelines.ledger.parts import PartStore
from pipelines.ledger.runs import load_run
from pipelines.ledger.verify import verify
from tests.chaos.fake_faults import Met, notes
from tests.proofs.kill_driver import compare

KILLS = ("kill", "kill-driver", "kill-raylet", "kill-node")


def violations(truth: Path, out: Path, excused: Mapping[str, str]) -> list[str]:
    """Sentences; none if all is well. ``excused`` are the media that must fail, each with its kind of error."""
    found = compare(truth, out, without=excused)
    found += [f"verify: {problem}" for problem in verify(Store(str(out))).problems]
    errors = pq.read_table(out / "errors.parquet").to_pylist()
    for name, kind in excused.items():
        kinds = {row["error_kind"] for row in errors if row["name"] == name}
        if kinds != {kind}:
            found.append(f"{name} should be in the errors table as {kind}, and is there as {sorted(kinds)}")
    asked, given = _media(truth), sorted(pq.read_table(out / "media.parquet")["medium_id"].to_pylist())
    if asked != given:
        found.append(f"{len(asked)} media ids went in, {len(given)} came out, and they are not the same")
    open_shards = [f"{row['medium_id']}/{row['shard']:05d}" for row in errors if row["status"] == "open"]
    if _shards(truth) != (done := sorted(_parts(out) + open_shards)):
        found.append(f"{len(_shards(truth))} shards went in, {len(done)} came out, and they are not the same")
    return found


def _media(out: Path) -> list[str]:
    return sorted(medium.id for medium in load_run(Store(str(out))).media)


def _shards(out: Path) -> list[str]:
    return sorted(f"{row.medium.id}/{i:05d}" for row in load_run(Store(str(out))).rows for i in range(row.shards))


def _parts(out: Path) -> list[str]:
    """The shards that have a part, as often as they have one."""
    run = load_run(Store(str(out)))
    parts = PartStore(Store(str(out)), run.fingerprint)
    return [part.shard for medium in run.media for part in parts.read_medium(medium.id)]


@dataclass(frozen=True)
class Repeated:
    """Shards that a stage worked on again, and the most that the kills allow."""

    stage: str
    shards: int
    allowed: int
    """In flight at all kills together: begun by the stage and not recorded yet, and what actors had waiting."""


def repeated(control: Path, actors: int) -> list[Repeated]:
    """What was done more than once, by stage, from the notes that the stages left.

    An actor here works on one shard and has one more waiting, which begins though its driver is dead. It writes the
    part itself, so that no more than one shard an actor can be translated in vain, and the one that waits.
    """
    killed_at = sorted(met.at for kind in KILLS for met in notes(control, kind))
    recorded = notes(control, "record")
    found = []
    for stage in ("listen", "translate"):
        begun = notes(control, stage)
        in_flight = [len(_until(begun, at) - _until(recorded, at)) for at in killed_at]
        allowed = sum(in_flight) if stage == "listen" else sum(min(some, actors) + actors for some in in_flight)
        found.append(Repeated(stage, len(begun) - len({met.name for met in begun}), allowed))
    return found


def _until(met: list[Met], at: float) -> set[str]:
    return {one.name for one in met if one.at <= at}
