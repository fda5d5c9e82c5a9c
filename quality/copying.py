"""Source text that was left standing in the target instead of being translated."""

from __future__ import annotations

import re
from functools import lru_cache

from quality.alphabet import foreign_words
from quality.text import plain, words

MIN_WORDS = 3
"""Fewer words prove nothing: names, "OK", "taksi"."""
FEW, SEVERAL = 0.2, 3
"""Share of copied words, and number of foreign ones, that foreign letters need beside them or alone: a word like
"rakı" may rightly stay.
"""
LONGEST = 400
"""Words that are compared in a row; a window of speech has far fewer."""
_INSIDE = re.compile(r"(?<=[\w,;:'’-] )\w[\w'’]*")


@lru_cache(maxsize=64)
def _translatable(text: str, language: str | None) -> tuple[str, ...]:
    """Folded words without what may rightly stay: names (capitals inside a sentence), numbers, words under
    four letters.
    """
    visible = plain(text)
    inside = (match[0] for match in _INSIDE.finditer(visible))
    names = {name for word in inside if word[0].isupper() for name in words(word, language)}
    return tuple(w for w in words(visible, language) if len(w) > 3 and w.isalpha() and w not in names)


def copied_share(source: str, target: str, *, source_lang: str | None, target_lang: str | None) -> float:
    """Share of the target's translatable words that stand in the source as they are, 0 to 1.

    0.0 where fewer than three words can be counted, and within one language.
    """
    counted = _translatable(target, target_lang)
    if source_lang == target_lang or len(counted) < MIN_WORDS:
        return 0.0
    # both foldings: a copied Turkish capital I is dotless in Turkish and dotted in the target's eyes
    known = set(words(source, source_lang)) | set(words(source, target_lang))
    return sum(word in known for word in counted) / len(counted)


def copied_run(source: str, target: str, *, source_lang: str | None, target_lang: str | None) -> int:
    """The most translatable words in a row that stand in a row in the source too; 0 within one language."""
    if source_lang == target_lang:
        return 0
    own, other = _translatable(target, target_lang)[:LONGEST], _translatable(source, source_lang)[:LONGEST]
    best, before = 0, [0] * (len(other) + 1)
    for word in own:
        row = [0] * (len(other) + 1)
        for j, candidate in enumerate(other, start=1):
            if word == candidate:
                row[j] = before[j - 1] + 1
        best, before = max(best, *row), row
    return best


def is_copy(source: str, target: str, *, source_lang: str | None, target_lang: str | None) -> bool:
    """Whether the target is the source, word for word (at least three words)."""
    own, other = words(source), words(target)
    return source_lang != target_lang and len(own) >= MIN_WORDS and own == other


def is_untranslated(
    source: str,
    target: str,
    *,
    source_lang: str | None,
    target_lang: str | None,
    most_share: float = 0.5,
    longest_run: int = 3,
) -> bool:
    """Whether source text stands in the target: all of it, most of its words, several in a row, or fewer of them
    together with letters that the target's language does not write.
    """
    if source_lang == target_lang:
        return False
    pair = {"source_lang": source_lang, "target_lang": target_lang}
    if is_copy(source, target, **pair):
        return True
    share, foreign = copied_share(source, target, **pair), foreign_words(target, target_lang)
    if share > most_share or (foreign and (share > FEW or foreign * 4 >= len(words(target)))) or foreign >= SEVERAL:
        return True
    return share > 0 and copied_run(source, target, **pair) >= longest_run
