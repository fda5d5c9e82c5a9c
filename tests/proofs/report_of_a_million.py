"""Proof that a report does not grow with its archive: tables of a million media are told in bounded memory.

    python -m tests.proofs.report_of_a_million --json FILE [--media 1000000]

The tables are made at random, in the form that a run leaves; the report over them is the real command, in a process of
its own, whose seconds and peak of memory are told, with the bytes of its page.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.archive.storage import Store
from pipelines.ledger.runs import Run, save_run
from pipelines.ledger.tables import FINGERPRINT_KEY, SAVED_KEY, schema_of, table_paths
from pipelines.settings import CueSettings

ROOT = Path(__file__).parents[2]
FP = "a" * 16
CUES, SHARDS = 5, 2
"""Of a medium."""
_AT_ONCE = 20_000
_KINDS = ("crashed", "unreadable", "not_media", "empty")
_MEASURED = """
import json, pathlib, re, sys, time
from pipelines.archive.storage import Store
from ray_apps.report.gather import gather
from ray_apps.report.page import render

def peak_mb():  # of this program alone: getrusage also counts what started it
    return int(re.search(r"VmHWM:\\s+([0-9]+)", pathlib.Path("/proc/self/status").read_text())[1]) / 1024

imports_mb, began = peak_mb(), time.monotonic()
page = render(gather(Store(sys.argv[1])))
seconds = time.monotonic() - began
print(json.dumps({"seconds": seconds, "peak_mb": peak_mb(), "imports_mb": imports_mb, "page_bytes": len(page)}))
"""


def prove(media: int, folder: Path) -> dict[str, Any]:
    """Seconds, megabytes and bytes of the report over an archive of so many media."""
    _write(media, folder)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return {"media": media, "cues": media * CUES, "shards": media * SHARDS, **json.loads(done.stdout)}


def _write(media: int, folder: Path) -> None:
    store = Store(str(folder))
    run = save_run(store, FP, {"inputs": ["/in"]}, [], {}, targets=["fr"], cue_settings=CueSettings())
    random = np.random.default_rng(5)
    writers = {name: _writer(name, folder / path, run) for name, path in table_paths(FP).items()}
    for begin in range(0, media, _AT_ONCE):
        ids = np.arange(begin, min(begin + _AT_ONCE, media))
        for name, columns in _columns(ids, random).items():
            schema = schema_of(name)
            arrays = [pa.array(columns[field.name], field.type) for field in schema]
            writers[name].write_table(pa.Table.from_arrays(arrays, schema=writers[name].schema))
    for writer in writers.values():
        writer.close()


def _writer(name: str, path: Path, run: Run) -> pq.ParquetWriter:
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {FINGERPRINT_KEY: run.fingerprint.encode(), SAVED_KEY: run.saved_at.encode()}
    return pq.ParquetWriter(path, schema_of(name).with_metadata(told), compression="zstd")


def _columns(ids: np.ndarray, random: np.random.Generator) -> dict[str, dict[str, Any]]:
    """Every table's columns for some media: one in ten has marked texts, one in a hundred failed."""
    n, names, urls = len(ids), [f"films/{i:08}.mp4" for i in ids], [f"/in/films/{i:08}.mp4" for i in ids]
    keys = [f"{i:016x}" for i in ids]
    marked = random.random(n) < 0.1
    media: dict[str, Any] = {field.name: np.zeros(n, np.int64) for field in schema_of("media")}
    media |= {"medium_id": keys, "name": names, "url": urls, "duration_s": np.full(n, 1200.0)}
    media |= {"version": ["1"] * n, "container": ["mp4"] * n, "status": ["ok"] * n, "source": ["tr"] * n}
    media |= {"languages": [["fr"]] * n, "outputs": [[]] * n, "fingerprint": [FP] * n, "demo_model": [False] * n}
    media |= {"shards": np.full(n, SHARDS), "shards_done": np.full(n, SHARDS), "cues": np.full(n, CUES)}
    media |= {"speech_s": np.full(n, 900.0), "covered_s": np.full(n, 890.0), "uncovered": marked.astype(int)}
    media |= {"needs_review": marked.astype(int), "retries": marked.astype(int), "violations": marked.astype(int)}
    media["violations_by_rule"] = ['{"gap": 1}' if m else "{}" for m in marked]
    score = random.beta(8, 2, n * CUES)
    flags = score < 0.4
    cues: dict[str, Any] = {"medium_id": np.repeat(keys, CUES), "name": np.repeat(names, CUES)}
    cues |= {"language": ["fr"] * len(score), "index": np.tile(np.arange(CUES), n), "start_s": score, "score": score}
    cues |= {"end_s": score + 2, "text": ["Bonjour."] * len(score), "source_text": ["Merhaba."] * len(score)}
    cues |= {"verdict": np.where(flags, "needs_review", "accepted"), "demo_model": [False] * len(score)}
    cues["reasons"] = [["unsure"] if flag else [] for flag in flags]
    broken = ids[random.random(n) < 0.01]
    errors: dict[str, Any] = {
        "medium_id": [f"{i:016x}" for i in broken],
        "shard": np.zeros(len(broken)),
        "name": [f"films/{i:08}.mp4" for i in broken],
        "url": ["/in/x"] * len(broken),
        "status": ["failed"] * len(broken),
        "error_kind": [_KINDS[i % len(_KINDS)] for i in broken],
        "error_detail": ["it ended badly"] * len(broken),
        "attempts": np.ones(len(broken)),
        "permanent": [True] * len(broken),
    }
    shards = n * SHARDS
    costs: dict[str, Any] = {"medium_id": np.repeat(keys, SHARDS), "name": np.repeat(names, SHARDS)}
    costs |= {"shard": np.tile(np.arange(SHARDS), n), "failed": [False] * shards, "audio_s": np.full(shards, 600.0)}
    costs |= {"windows": np.full(shards, 20), "done_at": 1.795e9 + np.repeat(ids, SHARDS) * 1.0}
    costs["seconds"] = [[("decode", 1.0), ("engine", cost), ("vad", 0.2)] for cost in random.gamma(4, 2, shards)]
    return {"media": media, "cues": cues, "errors": errors, "costs": costs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--media", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    sizes = (words.media // 10, words.media)
    figures = []
    for size in sizes:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="voxtral-report-") as folder:
            figures.append(prove(size, Path(folder)) | {"with_tables_s": time.monotonic() - began})
        print(figures[-1])  # noqa: T201
    if words.json:
        words.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
