"""What a run was asked to do, kept in the output folder so that tables and ``verify`` need nothing else.

    _voxtral/manifest/<fingerprint>.parquet   one row a medium, and how many shards it was cut into
    _voxtral/runs/<fingerprint>.json          settings, target languages, how cues look, when it was saved

**What is in the manifest of a fingerprint.** The media of its newest run, and of its earlier runs:

- every medium that has something in the ledger: the output folder holds its subtitles, so the tables list it
  and ``verify`` checks it (a file that changed since is another medium: both are there);
- every other medium that has work left, so that a run over other inputs never drops what one before it did
  not come to: it stays listed as open.

What an earlier run got nothing of leaves the manifest when nothing of it is left to do: it had failed (it was
no medium, or could not be reached), or the newest run lists its URL as another version.

It does not know what the settings mean.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field, ValidationError

from pipelines.archive.manifest import without_signature
from pipelines.archive.media import SCHEMA, Media, as_parquet
from pipelines.archive.storage import Store
from pipelines.ledger.parts import ROOT, PartStore
from pipelines.records import Medium, Record
from pipelines.settings import CueSettings

_SHARDS = pa.field("shards", pa.int32())
_NO_LOOK = {"formats", "mux"}
"""Settings of cues that change no file that is there."""


class RunError(Exception):
    """There is no run to be found in a folder, or its record is damaged. The message says what to do."""


class ManifestRow(Record):
    """A medium and how many shards it was cut into; 0 for one that failed or has no length."""

    medium: Medium
    shards: int


class ManifestRows(Sequence[ManifestRow]):
    """A manifest in columns: a row is made when it is asked for."""

    def __init__(self, media: Media, shards: np.ndarray) -> None:
        """``shards`` are counts by row of ``media``, int32, shape (n,)."""
        self.media, self.shards = media, shards

    @classmethod
    def none(cls) -> ManifestRows:
        return cls(Media.of(()), np.zeros(0, np.int32))

    def __len__(self) -> int:
        return len(self.media)

    @overload
    def __getitem__(self, row: int) -> ManifestRow: ...
    @overload
    def __getitem__(self, row: slice) -> ManifestRows: ...
    def __getitem__(self, row: int | slice) -> ManifestRow | ManifestRows:
        if isinstance(row, slice):
            return ManifestRows(self.media[row], self.shards[row])
        return ManifestRow(medium=self.media[row], shards=int(self.shards[row]))

    def __iter__(self) -> Iterator[ManifestRow]:
        for medium, shards in zip(self.media, self.shards.tolist(), strict=True):
            yield ManifestRow(medium=medium, shards=shards)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ManifestRows) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def find(self, medium_id: str) -> ManifestRow | None:
        row = self.media.row_of(medium_id)
        return None if row is None else self[row]

    def take(self, rows: np.ndarray) -> ManifestRows:
        return ManifestRows(self.media.take(rows), self.shards[rows])


class Run(Record):
    """One fingerprint's newest run in an output folder. ``rows`` are sorted by name and id."""

    fingerprint: str
    saved_at: str
    """UTC, ISO 8601; the newest run of a folder is the one with the latest."""
    settings: dict[str, Any]
    targets: tuple[str, ...]
    """ISO 639-1 codes of the languages to translate to, for media that name none of their own."""
    cues: CueSettings
    assembled: CueSettings | None = None
    """How the cues look in all files of finished media; None if that is not the same for all."""
    rows: ManifestRows = Field(default_factory=ManifestRows.none, exclude=True)

    @property
    def media(self) -> Media:
        return self.rows.media

    @property
    def alike(self) -> bool:
        """Whether the files of finished media look as this run wants them; another list of formats changes no look."""
        return self.assembled is not None and _same_look(self.assembled, self.cues)


def save_run(
    store: Store,
    fingerprint: str,
    settings: Mapping[str, Any],
    manifest: Sequence[Medium],
    shards: Mapping[str, int] | np.ndarray,
    *,
    targets: Sequence[str],
    cue_settings: CueSettings,
) -> Run:
    """Write the run's record and manifest, before its work begins; returns what was written.

    ``shards`` has the number of shards by medium id (absent: 0), or for each medium in its order. URLs are kept
    without passwords and signatures.

    Raises:
        StoreError: if it cannot be written.
    """
    media = _public(Media.of(manifest))
    if isinstance(shards, Mapping):
        shards = np.array([shards.get(medium_id, 0) for medium_id in media.column("id").to_pylist()], np.int32)
    run = Run(
        fingerprint=fingerprint,
        saved_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        settings=_public_settings(json.loads(json.dumps(settings, default=str))),
        targets=tuple(targets),
        cues=cue_settings,
        assembled=_assembled(store, fingerprint, cue_settings),
        rows=_by_name(_kept(store, fingerprint, media), ManifestRows(media, shards)),
    )
    _save_rows(store, run)
    pa.default_memory_pool().release_unused()
    # Last, so that a run that is found has its manifest.
    _save_record(store, run)
    return run


def mark_assembled(store: Store, run: Run) -> Run:
    """Note that the files of all finished media are as ``run.cues`` wants them."""
    marked = run.model_copy(update={"assembled": run.cues})
    _save_record(store, marked)
    return marked


def mark_unassembled(store: Store, run: Run) -> Run:
    """Note that some files of finished media are not as they should be; tables write those anew."""
    marked = run.model_copy(update={"assembled": None})
    _save_record(store, marked)
    return marked


def load_run(store: Store, fingerprint: str | None = None) -> Run:
    """The newest run of an output folder, or the newest of one fingerprint.

    Raises:
        RunError: if there is none, or it is damaged.
    """
    return with_rows(store, newest_record(store) if fingerprint is None else _load_record(store, fingerprint))


def newest_record(store: Store) -> Run:
    """The newest run of an output folder, without the rows of its manifest, which may be a million.

    Raises:
        RunError: if there is none, or it is damaged.
    """
    found = [p.rpartition("/")[2] for p in store.list(f"{ROOT}/runs")]
    runs = [_load_record(store, name.removesuffix(".json")) for name in found if name.endswith(".json")]
    if not runs:
        raise RunError(f"{store.url} holds no run: give the folder that --out named")
    return max(runs, key=lambda r: (r.saved_at, r.fingerprint))


def with_rows(store: Store, run: Run) -> Run:
    """A run with the rows of its manifest. Raises RunError if that is gone or damaged."""
    return run.model_copy(update={"rows": _load_rows(store, run.fingerprint)})


def public_url(url: str) -> str:
    """``url`` as it may be kept: a web address without user, password and signature; any other as it is."""
    if not url.startswith(("http://", "https://")):
        return url
    scheme, _, rest = without_signature(url).partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _public(media: Media) -> Media:
    if not pc.any(pc.match_substring_regex(media.column("url"), "^https?://")).as_py():
        return media
    urls = media.column("url").to_pylist()
    return media.with_column("url", pa.array(list(map(public_url, urls)), pa.string()))


def _public_settings(value: Any) -> Any:
    """Settings name inputs, and those may be signed addresses too."""
    if isinstance(value, dict):
        return {key: _public_settings(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_public_settings(item) for item in value]
    return public_url(value) if isinstance(value, str) else value


def _kept(store: Store, fingerprint: str, media: Media) -> ManifestRows:
    """Rows of the fingerprint's earlier runs that stay beside the new run's media."""
    if not store.exists(_manifest_path(fingerprint)):
        return ManifestRows.none()
    try:
        earlier = _load_rows(store, fingerprint)
    except RunError:
        return ManifestRows.none()  # damaged: what it held is found again, or is told by ``verify``
    old = earlier.media
    gone = np.flatnonzero(media.rows_of(old.column("id").to_pylist()) < 0)
    left = _is_in(old.column("url"), media.column("url")) | old.column("failure").is_valid().to_numpy()
    if left[gone].any():
        parts = PartStore(store, fingerprint)
        left &= ~_is_in(old.column("id"), pa.array(sorted(parts.begun()), pa.string()))
    kept = earlier.take(gone[~left[gone]])
    del earlier, old
    pa.default_memory_pool().release_unused()
    return kept


def _is_in(values: pa.ChunkedArray, among: pa.ChunkedArray | pa.Array) -> np.ndarray:
    among = among.combine_chunks() if isinstance(among, pa.ChunkedArray) else among
    return np.asarray(pc.is_in(values, value_set=among).to_numpy(), bool)


def _by_name(*manifests: ManifestRows) -> ManifestRows:
    """Together, sorted by name and id."""
    media = Media(pa.concat_tables([m.media.table for m in manifests if len(m)] or [SCHEMA.empty_table()]))
    order = pc.sort_indices(media.table, sort_keys=[("name", "ascending"), ("id", "ascending")]).to_numpy()
    return ManifestRows(media, np.concatenate([m.shards for m in manifests])).take(order)


def _assembled(store: Store, fingerprint: str, cues: CueSettings) -> CueSettings | None:
    """What is known of the files that are there when a run begins: nothing, once two ways may be mixed."""
    try:
        before = _load_record(store, fingerprint).assembled
    except RunError:
        before = None if store.exists(_run_path(fingerprint)) else cues
    return before if before is not None and _same_look(before, cues) else None


def _same_look(one: CueSettings, other: CueSettings) -> bool:
    return one.model_dump(exclude=_NO_LOOK) == other.model_dump(exclude=_NO_LOOK)


def _save_record(store: Store, run: Run) -> None:
    store.write_bytes(_run_path(run.fingerprint), run.model_dump_json(indent=1).encode())


def _load_record(store: Store, fingerprint: str) -> Run:
    path = _run_path(fingerprint)
    try:
        return Run.model_validate_json(store.read_bytes(path))
    except FileNotFoundError:
        raise RunError(f"{store.url} holds no run {fingerprint}: leave the fingerprint out for the newest") from None
    except ValidationError:
        raise RunError(f"{store.url_of(path)} is damaged: run the command that made it again, or delete it") from None


def _save_rows(store: Store, run: Run) -> None:
    table = run.media.table.append_column(_SHARDS, pa.array(run.rows.shards, pa.int32()))
    store.write_bytes(_manifest_path(run.fingerprint), as_parquet(table))


def _load_rows(store: Store, fingerprint: str) -> ManifestRows:
    path = _manifest_path(fingerprint)
    try:
        data = store.read_bytes(path)
    except FileNotFoundError:
        raise RunError(f"{store.url_of(path)} is missing: run the same command again") from None
    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError):
        table = None
    if table is None or not table.schema.equals(SCHEMA.append(_SHARDS)) or table.column("id").null_count:
        raise RunError(f"{store.url_of(path)} is damaged: run the same command again")
    shards = table.column(_SHARDS.name).to_numpy()
    media = Media(table.drop_columns([_SHARDS.name]))
    del table
    pa.default_memory_pool().release_unused()
    return ManifestRows(media, shards)


def _run_path(fingerprint: str) -> str:
    return f"{ROOT}/runs/{fingerprint}.json"


def _manifest_path(fingerprint: str) -> str:
    return f"{ROOT}/manifest/{fingerprint}.parquet"
