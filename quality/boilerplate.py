"""Phrases that speech models invent over silence and music: credits, thanks for watching, calls to
subscribe.

Whole segments are matched, never a part: real speech may well hold one of these. Sources: research, section
2.4 (phrases seen in public projects; Baranski et al., arXiv 2501.11378).
"""

from __future__ import annotations

import re
from typing import Literal

from quality.text import words

Kind = Literal["credit", "phrase"]
"""``credit``: nobody says it; ``phrase``: people do say it, so it takes odd timing to tell."""

_CREDITS = {
    "fr": (
        r"sous titres?( réalisés?| faits?| par| la| de| communauté| d'amara| amara| org)+",
        r"sous titrage (société radio canada|st' ?501|mfp)",
        r"(www )?(tvsubtitles|soustitreur) (net|com)",
        r"par soustitreur com",
    ),
    "tr": (r"altyazı(lar)? m ?k", r"altyazı(lar)? .{0,40}amara org.{0,40}", r"çeviri ve altyazı m ?k"),
    "en": (
        r"(subtitles|captions|transcription|translated|transcribed)( and translation)? by( the)? .{1,40}",
        r"(www )?(opensubtitles|tvsubtitles) (org|net|com)",
    ),
}
_PHRASES = {
    "fr": (
        r"merci d'avoir regardé( cette vidéo| la vidéo)?",
        r"(n'oubliez pas de vous )?abonnez? (vous )?(à|a) (la|ma|notre) chaîne",
        r"n'oubliez pas de vous abonner",
        r"abonnez vous",
        r"merci( beaucoup)?",
        r"à bientôt( pour une nouvelle vidéo)?",
        r"musique",
    ),
    "tr": (
        r"izlediğiniz için teşekkür(ler| ederim| ederiz)",
        r"abone olmayı( ve beğenmeyi)? unutmayın",
        r"teşekkür(ler| ederim| ederiz)",
        r"bir sonraki videoda görüşmek üzere",
        r"müzik",
    ),
    "en": (
        r"(thanks|thank you)( so much| very much)?( for (watching|listening|your attention))?",
        r"(please |don't forget to )*(like|subscribe)( and subscribe)?( to (my|our|the) channel)?",
        r"see you (in the )?next (time|video)",
        r"music",
        r"you",
    ),
}


def _compile(table: dict[str, tuple[str, ...]]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{phrase})" for phrases in table.values() for phrase in phrases))


_CREDIT, _PHRASE = _compile(_CREDITS), _compile(_PHRASES)


def boilerplate_kind(text: str, language: str | None = None) -> Kind | None:
    """Whether the whole text is an invented credit or a stock phrase (of any listed language), else None."""
    for folding in {language, None}:
        normal = " ".join(words(text, folding)[:30])
        if _CREDIT.fullmatch(normal):
            return "credit"
        if _PHRASE.fullmatch(normal):
            return "phrase"
    return None
