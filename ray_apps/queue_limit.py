"""How many rows may wait between two stages: Ray Data counts bytes, and a shard that nobody listened to has hardly any.

Without it the driver would hold some records of Ray's, kilobytes, for every shard of the archive at once. It stands on
Ray Data's interface for such policies, which is not public: its test fails where another Ray changes it.
"""

from __future__ import annotations

from ray.data._internal.execution.backpressure_policy import (
    ENABLED_BACKPRESSURE_POLICIES,
    ENABLED_BACKPRESSURE_POLICIES_CONFIG_KEY,
)
from ray.data._internal.execution.backpressure_policy.backpressure_policy import BackpressurePolicy
from ray.data._internal.execution.interfaces import PhysicalOperator
from ray.data.context import DataContext

MOST_WAITING = 256
"""Rows between two stages, beside those that are under way in tasks."""


class QueueLimit(BackpressurePolicy):
    """A stage that is ahead of the next one waits."""

    def can_add_input(self, op: PhysicalOperator) -> bool:
        return self._waiting(op) < MOST_WAITING

    def max_task_output_bytes_to_read(self, op: PhysicalOperator) -> int | None:
        return None if self._waiting(op) < MOST_WAITING else 0

    def _waiting(self, op: PhysicalOperator) -> int:
        """Rows that ``op`` has given and nobody has taken."""
        takers = op.output_dependencies
        if not takers:
            return int(self._topology[op].total_enqueued_output_blocks())
        return max(int(self._topology[taker].total_enqueued_input_blocks()) for taker in takers)


def limit_queues(context: DataContext) -> None:
    """For datasets that are made from now on."""
    context.set_config(ENABLED_BACKPRESSURE_POLICIES_CONFIG_KEY, [*ENABLED_BACKPRESSURE_POLICIES, QueueLimit])
    # Where nothing can run, as while models are loaded, Ray takes a row nevertheless, at every turn of its loop.
    context.output_backpressure_guard_release_interval_s = 0.1
