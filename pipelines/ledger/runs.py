"""What a run was asked to do, kept in the output folder so that tables and ``verify`` need nothing else.

    _voxtral/manifest/<fingerprint>.jsonl   {"medium": {...}, "shards": n}: one line a medium
    _voxtral/runs/<fingerprint>.json        settings, target languages, how cues look, when it was saved

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
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from pipelines.archive.manifest import without_signature
from pipelines.archive.storage import Store
from pipelines.ledger.parts import ROOT, PartStore
from pipelines.records import Medium, Record
from pipelines.settings import CueSettings

_NO_LOOK = {"formats", "mux"}
"""Settings of cues that change no file that is there."""


class RunError(Exception):
    """There is no run to be found in a folder, or its record is damaged. The message says what to do."""


class ManifestRow(Record):
    """A medium and how many shards it was cut into; 0 for one that failed or has no length."""

    medium: Medium
    shards: int


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
    rows: tuple[ManifestRow, ...] = ()

    @property
    def media(self) -> list[Medium]:
        return [row.medium for row in self.rows]

    @property
    def alike(self) -> bool:
        """Whether the files of finished media look as this run wants them; another list of formats changes no look."""
        return self.assembled is not None and _same_look(self.assembled, self.cues)


def save_run(
    store: Store,
    fingerprint: str,
    settings: Mapping[str, Any],
    manifest: Sequence[Medium],
    shards: Mapping[str, int],
    *,
    targets: Sequence[str],
    cue_settings: CueSettings,
) -> Run:
    """Write the run's record and manifest, before its work begins; returns what was written.

    ``shards`` has the number of shards by medium id (absent: 0). URLs are kept without passwords and
    signatures.

    Raises:
        StoreError: if it cannot be written.
    """
    rows = {m.id: ManifestRow(medium=_public(m), shards=shards.get(m.id, 0)) for m in manifest}
    kept = _kept(store, fingerprint, {row.medium.url for row in rows.values()})
    run = Run(
        fingerprint=fingerprint,
        saved_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        settings=_public_settings(json.loads(json.dumps(settings, default=str))),
        targets=tuple(targets),
        cues=cue_settings,
        assembled=_assembled(store, fingerprint, cue_settings),
        rows=tuple(sorted((kept | rows).values(), key=lambda r: (r.medium.name, r.medium.id))),
    )
    lines = "".join(f"{row.model_dump_json()}\n" for row in run.rows)
    store.write_bytes(_manifest_path(fingerprint), lines.encode())
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


def _public(medium: Medium) -> Medium:
    return medium.model_copy(update={"url": public_url(medium.url)})


def _public_settings(value: Any) -> Any:
    """Settings name inputs, and those may be signed addresses too."""
    if isinstance(value, dict):
        return {key: _public_settings(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_public_settings(item) for item in value]
    return public_url(value) if isinstance(value, str) else value


def _kept(store: Store, fingerprint: str, listed: Set[str]) -> dict[str, ManifestRow]:
    """Rows of the fingerprint's earlier runs that stay; ``listed`` are the URLs of the new run's media."""
    if not store.exists(_manifest_path(fingerprint)):
        return {}
    parts = PartStore(store, fingerprint)
    known = parts.finished() | parts.done().keys()
    earlier = [(row.medium, row) for row in _load_rows(store, fingerprint, strict=False)]
    return {m.id: row for m, row in earlier if m.id in known or not (m.failure or m.url in listed)}


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
    store.write_bytes(_run_path(run.fingerprint), run.model_dump_json(exclude={"rows"}, indent=1).encode())


def _load_record(store: Store, fingerprint: str) -> Run:
    path = _run_path(fingerprint)
    try:
        return Run.model_validate_json(store.read_bytes(path))
    except FileNotFoundError:
        raise RunError(f"{store.url} holds no run {fingerprint}: leave the fingerprint out for the newest") from None
    except ValidationError:
        raise RunError(f"{store.url_of(path)} is damaged: run the command that made it again, or delete it") from None


def _load_rows(store: Store, fingerprint: str, *, strict: bool = True) -> tuple[ManifestRow, ...]:
    path = _manifest_path(fingerprint)
    rows = []
    try:
        lines = store.read_bytes(path).splitlines()
    except FileNotFoundError:
        raise RunError(f"{store.url_of(path)} is missing: run the same command again") from None
    for line in lines:
        try:
            rows.append(ManifestRow.model_validate_json(line))
        except ValidationError:
            if strict:
                raise RunError(f"{store.url_of(path)} is damaged: run the same command again") from None
    return tuple(rows)


def _run_path(fingerprint: str) -> str:
    return f"{ROOT}/runs/{fingerprint}.json"


def _manifest_path(fingerprint: str) -> str:
    return f"{ROOT}/manifest/{fingerprint}.jsonl"
