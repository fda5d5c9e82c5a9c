"""One spoken language a medium, though its shards are worked on apart.

Where nobody named the language, the first shard whose transcripts tell it decides for the whole medium; until then the
medium's shards go one after another, and a shard that has speech but does not tell waits. After three that told nothing
the rest begin together, each to find out for itself; what still waits in the end is taken for a fallback's. The rule
depends on the ledger alone, so a resumed run decides alike. It does not know how a language is told from a text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pipelines.records import UNIDENTIFIED, Part, Shard

LEADERS = 3
"""Shards of a medium that are tried one after another: each costs a pass of its own."""
FALLBACK = "en"
"""The spoken language of a medium in which no shard tells it."""


class SpokenLanguages:
    """What has been found out so far, by medium."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._led: Counter[str] = Counter()

    def learn(self, parts: Iterable[Part]) -> None:
        """Take in parts, those of a medium in the order of their shards; the first that tells decides."""
        for part in parts:
            if part.failure is None and part.source != UNIDENTIFIED:
                self._known.setdefault(part.medium_id, part.source)

    def ready(self, shards: Sequence[Shard]) -> tuple[list[Shard], list[Shard]]:
        """The shards that may begin, with their language where it is known, and those that wait for one of them."""
        leader: dict[str, int] = {}
        for shard in shards:
            leader[shard.medium.id] = min(shard.index, leader.get(shard.medium.id, shard.index))
        begin: list[Shard] = []
        wait: list[Shard] = []
        for shard in shards:
            medium_id = shard.medium.id
            if shard.source != "auto" or medium_id in self._known:
                begin.append(self._told(shard, shard.source))
            elif shard.index == leader[medium_id] or self._led[medium_id] >= LEADERS:
                begin.append(shard)
            else:
                wait.append(shard)
        self._led.update({shard.medium.id for shard in begin if shard.source == "auto"})
        return begin, wait

    def settle(self, shards: Sequence[Shard]) -> list[Shard]:
        """Shards that did not tell, in their medium's language after all, or the fallback."""
        return [self._told(shard, FALLBACK) for shard in shards]

    def _told(self, shard: Shard, otherwise: str) -> Shard:
        source = self._known.get(shard.medium.id, otherwise) if shard.source == "auto" else shard.source
        return shard.model_copy(update={"source": source})
