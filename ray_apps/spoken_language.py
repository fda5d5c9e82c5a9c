"""One spoken language a medium, though its shards are worked on apart.

Where nobody named the language, the first shard whose transcripts tell it decides for the whole medium; until then
the medium's shards go one after another. The rule depends on the ledger alone, so a resumed run decides alike. It
does not know how a language is told from a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipelines.records import UNIDENTIFIED, Part, Shard


class SpokenLanguages:
    """What has been found out so far, by medium."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

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
            known = self._known.get(shard.medium.id)
            if shard.source == "auto" and known:
                begin.append(shard.model_copy(update={"source": known}))
            elif shard.source != "auto" or shard.index == leader[shard.medium.id]:
                begin.append(shard)
            else:
                wait.append(shard)
        return begin, wait
