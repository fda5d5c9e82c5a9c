"""Subtitle profiles as data: what broadcasters and guides ask for, each number with its source.

    netflix                adults. 42 characters, 2 lines, 17 characters a second (English 20)
    netflix-children       13 characters a second (English 17)
    netflix-sdh            for the deaf and hard of hearing: 20
    netflix-sdh-children   17
    bbc                    180 words a minute
    ted                    21 characters a second
    arcom                  French SDH: a curve of characters by seconds, stricter than 17 a second for short cues

Sources. **Netflix**: Timed Text Style Guide, general requirements (partnerhelp.netflixstudios.com 215758617: two lines,
5/6 s to 7 s) and timing (360051554394: two frames between cues, here at 24 a second); French (217351577) and Turkish
(215342858): 42 characters, 17 a second, children 13; SDH 20, children 17; other languages as Subtitle Edit's
NetflixQualityController.cs checks them. **BBC** subtitle guidelines: 160 to 180 words a minute, two lines, 37
characters in teletext practice. **TED** and IWSLT (iwslt.org/2025/subtitling): 42 characters, two lines, 21 a second;
1 s to 7 s as in Amara's guide for TED. **Arcom** (CSA), Charte relative à la qualité du sous-titrage, 2011: 12
characters in 1 s, 20 in 2 s, 36 in 3 s, 60 in 4 s, give or take 20 per cent, two lines; line length, shortest duration
and gap from Videomenthe's guide for French broadcast (40 characters, 0.6 s, 0.16 s). Where a guide gives no shortest
or longest duration: 1 s and 7 s (ESIST, Carroll & Ivarsson 1998); no gap: none.

Where a guide gives a range or a tolerance, its end is the limit: a hard rule is broken only beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from quality.subtitle_rules import NETFLIX, Profile

DEFAULT = "netflix"

_ARCOM_TOLERANCE = 1.2
_ESIST: Mapping[str, Any] = {"min_duration_s": 1.0, "max_duration_s": 7.0}

_PROFILES: Mapping[str, Profile] = {
    "netflix": NETFLIX,
    "netflix-children": replace(NETFLIX, max_cps=13.0),
    "netflix-sdh": replace(NETFLIX, max_cps=20.0),
    "netflix-sdh-children": replace(NETFLIX, max_cps=17.0),
    "bbc": Profile(max_line_chars=37, max_cps=None, max_wpm=180.0, min_gap_s=0.0, **_ESIST),
    "ted": Profile(max_cps=21.0, min_gap_s=0.0, **_ESIST),
    "arcom": Profile(
        max_line_chars=40,
        max_cps=None,
        chars_by_s=tuple((s, chars * _ARCOM_TOLERANCE) for s, chars in ((1.0, 12), (2.0, 20), (3.0, 36), (4.0, 60))),
        min_duration_s=0.6,
        max_duration_s=7.0,
        min_gap_s=0.16,
    ),
}

_NETFLIX_CPS: Mapping[str, Mapping[str, float]] = {
    "netflix": {"en": 20, "ar": 20, "hi": 22, "ja": 4, "ko": 12, "zh": 9},
    "netflix-children": {"en": 17, "ar": 17, "hi": 18, "ja": 4, "ko": 9, "zh": 7},
    "netflix-sdh": {"ar": 23, "hi": 25, "ja": 7, "ko": 14, "zh": 11},
    "netflix-sdh-children": {"ar": 20, "hi": 20, "ja": 7, "ko": 11, "zh": 9},
}
_NETFLIX_LINE_CHARS: Mapping[str, int] = {"ja": 23, "ko": 16, "th": 35, "zh": 16}

PROFILE_NAMES = tuple(_PROFILES)


def profile_for(name: str, language: str) -> Profile:
    """The limits of a profile for text in ``language`` (ISO 639-1).

    Raises:
        ValueError: if there is no such profile.
    """
    if name not in _PROFILES:
        raise ValueError(f"there is no subtitle profile {name!r}: known are {', '.join(PROFILE_NAMES)}")
    profile = _PROFILES[name]
    if name not in _NETFLIX_CPS:
        return profile
    return replace(
        profile,
        max_cps=float(_NETFLIX_CPS[name].get(language, profile.max_cps or 0.0)),
        max_line_chars=_NETFLIX_LINE_CHARS.get(language, profile.max_line_chars),
    )
