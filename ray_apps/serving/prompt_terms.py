"""What a request's ``prompt`` is good for here: terms of a translation, as a glossary has them.

Voxtral's transcription takes no prompt, and its translation is asked for in a wording that was measured, so free text
has no place to go. Pairs have: a text that misses one is asked for again with it, and the gate judges as always. An
answer's header says what became of the prompt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from quality.glossary import Term
from ray_apps.glossary_file import LONGEST_TERM

HEADER = "X-Voxtral-Prompt"
MOST_TERMS = 200
_ENDS = re.compile(r"[;\n]")


@dataclass(frozen=True)
class WantedTerms:
    """``unused`` is whether something of the prompt has no effect."""

    terms: tuple[Term, ...] = ()
    unused: bool = False


def wanted_terms(prompt: str | None, target: str | None) -> WantedTerms:
    """The terms of a prompt such as ``köprü = pont; Elif = Élif``; a transcript (``target`` None) has none."""
    pieces = [piece.strip() for piece in _ENDS.split(prompt or "") if piece.strip()]
    if target is None:
        return WantedTerms(unused=bool(pieces))
    found = [term for piece in pieces[:MOST_TERMS] if (term := _term(piece, target))]
    return WantedTerms(tuple(dict.fromkeys(found)), unused=len(found) < len(pieces))


def _term(piece: str, target: str) -> Term | None:
    said, equals, called = (part.strip() for part in piece.partition("="))
    fits = said and equals and called and "=" not in called and max(len(said), len(called)) <= LONGEST_TERM
    return Term(source=said, target=called, language=target) if fits else None


def prompt_header(prompt: str | None, target: str | None) -> dict[str, str]:
    """``used``, ``partly used`` or ``ignored``; nothing where there was no prompt."""
    wanted = wanted_terms(prompt, target)
    if not wanted.terms and not wanted.unused:
        return {}
    return {HEADER: "ignored" if not wanted.terms else "partly used" if wanted.unused else "used"}
