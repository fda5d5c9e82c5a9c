"""All facts of an output folder's newest run, from its tables, its record and its summary."""

from __future__ import annotations

from pydantic import ValidationError

from pipelines.archive.storage import Store
from pipelines.ledger.current_tables import current_tables
from pipelines.ledger.runs import Run
from pipelines.records import NOT_OPENED
from ray_apps.report.archive import archive_facts
from ray_apps.report.facts import Ended, Facts
from ray_apps.report.failures import failure_facts
from ray_apps.report.quality import quality_facts
from ray_apps.report.work import work_facts


def gather(store: Store) -> Facts:
    """Reads; changes nothing. Memory does not grow with the archive where its newest run has come to its end.

    Raises:
        RunError: if the folder holds no run, or a damaged one.
        OSError: if the store cannot be read.
    """
    with current_tables(store) as tables:
        run = tables.run
        errors = failure_facts(tables)
        return Facts(
            out=store.url,
            fingerprint=run.fingerprint,
            began=run.saved_at,
            at_end=tables.at_end,
            targets=run.targets,
            settings=run.settings,
            ended=_ended(store, run),
            archive=archive_facts(tables, store),
            not_opened=sum(error.count for error in errors if error.kind == NOT_OPENED),
            quality=quality_facts(tables),
            errors=errors,
            work=work_facts(tables),
        )


def _ended(store: Store, run: Run) -> Ended | None:
    """The newest run's summary; one of an earlier run is old news."""
    try:
        ended = Ended.model_validate_json(store.read_bytes("summary.json"))
    except (FileNotFoundError, ValidationError):
        return None
    return ended if (ended.fingerprint, ended.began) == (run.fingerprint, run.saved_at) else None
