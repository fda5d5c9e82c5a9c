"""One spoken language a medium, though its shards are worked on apart.

Where nobody named the language, the medium's first shards go one after another, and the first whose transcripts tell it
decides for the whole medium; one that has speech but does not tell waits. After three that told nothing the rest begin
together, each to find out for itself; what waited is then taken for what the first of these told, or a fallback's.
Which came back first plays no part, nor does a resume. It does not know how a language is told from a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pipelines.archive.media import Media
from pipelines.records import TO_IDENTIFY, UNIDENTIFIED, Part
from ray_apps.shards import Shards

LEADERS = 3
"""Shards of a medium that are tried one after another: each costs a pass of its own."""
_NOBODY = np.iinfo(np.int32).max
FALLBACK = "en"
"""The spoken language of a medium in which no shard tells it."""


class SpokenLanguages:
    """What has been found out so far, by the row of a medium."""

    def __init__(self, media: Media) -> None:
        self._media = media
        self._languages = [TO_IDENTIFY]
        self._known = np.zeros(len(media), np.int16)
        """Places in ``_languages``."""
        self._led = np.zeros(len(media), np.int8)
        self._told_by = np.full(len(media), _NOBODY, np.int32)
        """The first of the later shards that told its own language, and below which: for those that did not."""
        self._told_as = np.zeros(len(media), np.int16)

    def learn(self, parts: Iterable[Part]) -> None:
        """Take in parts, a medium's leaders in the order of their shards; the first of these that tells decides."""
        for part in parts:
            row = self._media.row_of(part.medium_id)
            if row is None or part.failure is not None or part.source == UNIDENTIFIED:
                continue
            if part.index < LEADERS and not self._known[row]:
                self._known[row] = self._place(part.source)
            elif part.index < self._told_by[row]:
                self._told_by[row], self._told_as[row] = part.index, self._place(part.source)

    def recall(self, parts: Sequence[Part]) -> None:
        """Take in all parts of a medium that earlier runs made: its leaders among them need not lead again."""
        self.learn(parts)
        for part in parts:
            row = self._media.row_of(part.medium_id)
            if row is not None and part.index < LEADERS:
                self._led[row] += 1

    def ready(self, shards: Shards) -> tuple[Shards, Shards]:
        """The shards that may begin, with their language where it is known, and those that wait for one of them."""
        rows, waits = shards.rows, shards.auto
        waits &= self._known[rows] == 0
        leader = np.full(len(self._media), np.iinfo(np.int32).max, np.int32)
        np.minimum.at(leader, rows[waits], shards.indices[waits])
        held_back = waits & (shards.indices != leader[rows]) & (self._led[rows] < LEADERS)
        leading = np.unique(rows[waits & ~held_back])
        self._led[leading] = np.minimum(self._led[leading], LEADERS) + 1
        return self._told(shards.where(~held_back), TO_IDENTIFY), shards.where(held_back)

    def settle(self, shards: Shards) -> Shards:
        """Shards that did not tell, in their medium's language after all: what its first shard that told says, or the
        fallback. All that tell have to be done.
        """
        later = (self._known == 0) & (self._told_by != _NOBODY)
        self._known[later] = self._told_as[later]
        return self._told(shards, FALLBACK)

    def _told(self, shards: Shards, otherwise: str) -> Shards:
        """Where a language was to be found out, the one that is known by now."""
        found = self._known[shards.rows]
        found = np.where(found == 0, self._place(otherwise), found)
        named = np.array([self._place(language) for language in shards.languages], np.int16)
        spoken = np.where(shards.auto, found, named[shards.spoken]).astype(np.int16)
        return shards.spoken_as(tuple(self._languages), spoken)

    def _place(self, language: str) -> int:
        if language not in self._languages:
            self._languages.append(language)
        return self._languages.index(language)
