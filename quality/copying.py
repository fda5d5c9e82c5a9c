"""Source text that was left standing in the target instead of being translated."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from quality.alphabet import foreign_words
from quality.text import fold, letters, plain, words

MIN_WORDS = 3
"""Fewer words prove nothing: names, "OK", "taksi"."""
FEW, SEVERAL = 0.2, 3
"""Share of copied words, and number of foreign ones, that foreign letters need beside them or alone: a word like
"rakı" may rightly stay.
"""
LONGEST = 400
"""Words that are compared in a row; a window of speech has far fewer."""


def _set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


ARTICLES: Mapping[str, frozenset[str]] = {
    "fr": _set("un une le la les l' du des de d' au aux ce cet cette mon ma mes ton ta son sa ses"),
    "en": _set("a an the some this that my your his her of"),
    "de": _set("ein eine einen einem der die das den dem"),
    "es": _set("un una el la los las unos unas"),
    "it": _set("un uno una il lo la i gli le l'"),
}
"""Words behind which a loanword may stand."""
_SAID = re.compile(r"[dlDL]['’](?=\w)|\w+(?:['’]\w+)*")
LONGEST_NAME = 2
"""Capitalised words in a row that may be a name; more of them may be a heading that was left."""
_LONGEST_TEXT = 10_000
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


@lru_cache(maxsize=64)
def without_loans(source: str, target: str, *, source_lang: str | None, target_lang: str | None) -> str:
    """The target without words of the source that rightly stand in it: capitalised ones ("Galatasaray"), and single
    ones behind an article ("un simit") unless they are more than half of it.

    Nothing is taken from a text in capitals, or where nothing would be left.
    """
    visible = plain(target)[:_LONGEST_TEXT]
    if source_lang == target_lang or letters(source) == 0 or visible.isupper():
        return target
    known = {_stem(word) for folding in (source_lang, target_lang) for word in words(source, folding)}
    said = list(_SAID.finditer(visible))
    stands = [any(_stem(fold(match[0], folding)) in known for folding in (source_lang, target_lang)) for match in said]
    articles = ARTICLES.get(target_lang or "", frozenset())
    names: list[int] = []
    loans: list[int] = []
    for run in _runs(visible, said, stands):
        if len(run) <= LONGEST_NAME and all(said[i][0][0].isupper() for i in run):
            names += run
        elif len(run) == 1 and run[0] > 0 and fold(said[run[0] - 1][0], target_lang) in articles:
            loans += run
    taken = set(names + loans if len(loans) * 2 <= len(said) else names)
    if not taken or len(taken) == len(said):
        return target
    kept = iter(range(len(said)))
    return _SAID.sub(lambda match: "" if next(kept) in taken else match[0], visible)


def _runs(text: str, said: Sequence[re.Match[str]], stands: Sequence[bool]) -> list[list[int]]:
    """Positions of words that stand, those in a row together, where no mark parts them."""
    runs: list[list[int]] = []
    for i, match in enumerate(said):
        if not stands[i]:
            continue
        joined = i > 0 and stands[i - 1] and not text[said[i - 1].end() : match.start()].strip()
        if joined:
            runs[-1].append(i)
        else:
            runs.append([i])
    return runs


def _stem(word: str) -> str:
    """Without a Turkish ending behind an apostrophe ("ankara'ya")."""
    return word.partition("'")[0]


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
    own = without_loans(source, target, **pair)
    share, foreign = copied_share(source, own, **pair), foreign_words(own, target_lang)
    if share > most_share or (foreign and (share > FEW or foreign * 4 >= len(words(target)))) or foreign >= SEVERAL:
        return True
    return share > 0 and copied_run(source, own, **pair) >= longest_run
