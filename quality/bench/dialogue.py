"""Turkish and French dialogue written by hand for this project: editorial, no corpus, wants a native reader.

It holds what the software corpus lacks: numbers in words, names, set phrases, forms of address, short answers. The gate
must let all of it pass.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from quality.bench.corpus import Pair

_FILE = Path(__file__).with_name("dialogue.tsv")


@lru_cache(maxsize=1)
def dialogue() -> tuple[Pair, ...]:
    """The pairs; a line is Turkish, a tab, French."""
    lines = [line for line in _FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return tuple(Pair(source, target, _FILE.name) for source, target in (line.split("\t") for line in lines))
