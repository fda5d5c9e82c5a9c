"""Media that were opened while an archive was looked through, kept until the run's manifest holds them.

    _voxtral/probed/<fingerprint>/<random>.parquet      one batch of them

To open a million files takes hours, and a run that is killed meanwhile opens the rest, not all of them again. It does
not know what a run is.
"""

from __future__ import annotations

import uuid

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.archive.media import SCHEMA, Media, as_parquet
from pipelines.archive.storage import Store
from pipelines.ledger.parts import ROOT


def keep_probed(store: Store, fingerprint: str, media: Media) -> None:
    """Raises StoreError."""
    store.write_bytes(f"{_folder(fingerprint)}/{uuid.uuid4().hex}.parquet", as_parquet(media.table))


def probed(store: Store, fingerprint: str) -> Media:
    """What is kept; a batch that is damaged, or goes meanwhile, is opened again."""
    tables = [SCHEMA.empty_table()]
    for path in store.list(_folder(fingerprint)):
        try:
            table = pq.read_table(pa.BufferReader(store.read_bytes(path)))
        except (pa.ArrowException, FileNotFoundError):
            continue
        if table.schema.equals(SCHEMA):
            tables.append(table)
    return Media(pa.concat_tables(tables)).first_of_each()


def forget_probed(store: Store, fingerprint: str) -> None:
    """Raises StoreError."""
    for path in store.list(_folder(fingerprint)):
        store.delete(path)


def _folder(fingerprint: str) -> str:
    return f"{ROOT}/probed/{fingerprint}"
