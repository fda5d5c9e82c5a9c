"""Random window texts become cues of which every one meets every rule of its profile, or says which it breaks:
``make cue-rules``.

    python -m tests.proofs.cue_rules [--windows 10000] [--json FILE]

Media of random windows: sentences of the recipe's grammar in three languages, words of any length, dialogue, marks,
tags, other scripts, too much text for too little time, speech in pieces, with and without token timings, in every
profile, in one language and in two. A cue is good if an independent look at it finds no broken rule, told if its
reasons name every rule that is broken; one that is too fast must have no silence left to stay in.
No word of a text may be missing, doubled or out of order. The look counts
characters and times by itself: it shares no line of code with what makes or checks cues.
"""

from __future__ import annotations

import json
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

from b200_kernels.embedded.recipe.grammar import sample
from pipelines.records import Cue, PartWindow, Segment, Text, TokenTime
from pipelines.settings import CueSettings
from pipelines.subtitles.cues import make_cues
from quality.subtitle_profiles import PROFILE_NAMES, profile_for
from quality.subtitle_rules import Profile

_WINDOWS_A_MEDIUM = 10
_HALF_A_MS = 0.0005
_LANGUAGES = ("fr", "tr", "en")
_ARTICLES = {"fr": {"le", "la", "les", "un", "une", "des", "du"}, "tr": {"bir"}, "en": {"a", "an", "the"}}
_MARKS = ["!", "...", "…", "«", "»", "?", "%", "-", "–", "—", "-->", '"x"', "(y)", "[z]", "{\\an8}", "&amp;"]
_ODD = [
    *[
        "Oui.",
        "Non",
        "Quoi",
        "M.",
        "Dupont",
        "3,5",
        "12:30",
        "'90",
        "la",
        "une",
        "aujourd'hui",
        "peut-être",
        "http://a.b/c?d=e;f",
    ],
    *["🌳", "𝔘𝔫𝔦", "שלום", "مرحبا", "你好。世界！", "e\u0301te\u0301", "a\u00a0!", "1.000.000", "A.B.C.", "İIıi"],
    *_MARKS,
]
_LONG = "donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"


def main(
    windows: Annotated[int, typer.Option(help="random windows")] = 10_000,
    seed: Annotated[int, typer.Option()] = 0,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Prove it and print the figures; exit code 1 where a rule is broken untold, or without need, or a word is lost."""
    figures = prove(windows, seed)
    typer.echo(json.dumps(figures, indent=2, ensure_ascii=False))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    raise typer.Exit(1 if figures["failures"] else 0)


def prove(windows: int, seed: int = 0) -> dict[str, Any]:
    """Counts over so many windows: cues, those that meet all rules, those that tell what they break, and failures."""
    rng = random.Random(f"cue rules {seed}")
    counts: Counter[str] = Counter()
    told: Counter[str] = Counter()
    failures: list[str] = []
    while counts["windows"] < windows:
        settings = CueSettings(profile=rng.choice(PROFILE_NAMES), bilingual=rng.random() < 0.25)
        language, source = rng.sample(_LANGUAGES, 2)
        medium, duration_s = _medium(rng, language, source, min(_WINDOWS_A_MEDIUM, windows - counts["windows"]))
        cues = make_cues(medium, language, settings, duration_s)
        counts["windows"] += len(medium)
        counts["cues"] += len(cues)
        limits = profile_for(settings.profile, language)
        broken = rules_broken(cues, limits, duration_s)
        for rules, is_parted in zip(broken, articles_parted(cues, language), strict=True):
            rules |= {"line_break"} if is_parted else set()
        ends = latest_ends(cues, limits, duration_s)
        for cue, rules, latest in zip(cues, broken, ends, strict=True):
            untold = rules - set(cue.reasons)
            counts["good"] += not rules
            counts["told_line_breaks"] += "line_break" in cue.reasons
            counts["told"] += bool(rules) and not untold
            counts["broken_untold"] += bool(untold)
            told.update(rules - untold)
            could_stay = "reading_speed" in rules and cue.end_s < latest - _HALF_A_MS
            counts["too_fast_beside_silence"] += could_stay
            if could_stay:
                failures.append(f"{settings.profile} {language}: it could stay until {latest}: {cue!r}")
            if untold:
                failures.append(f"{settings.profile} {language}: {sorted(untold)} in {cue!r}")
        for shown, said in _texts(cues, medium, settings.bilingual):
            counts["words"] += len(_words(said))
            if "".join(_words(said)) != "".join(_words(shown)):
                counts["words_lost"] += max(1, (Counter(_words(said)) - Counter(_words(shown))).total())
                failures.append(f"{settings.profile} {language}: {said!r} became {shown!r}")
    keys = ("windows", "cues", "good", "told", "told_line_breaks", "broken_untold")
    keys += ("too_fast_beside_silence", "words", "words_lost")
    return {key: counts[key] for key in keys} | {"told_by_rule": dict(sorted(told.items())), "failures": failures[:20]}


def rules_broken(cues: Sequence[Cue], profile: Profile, duration_s: float) -> list[set[str]]:
    """The hard rules that each cue breaks, and reading speed."""
    found = [_broken_alone(cue, profile, duration_s) for cue in cues]
    for position, (before, after) in enumerate(pairwise(cues), start=1):
        if after.start_s < before.start_s:
            found[position].add("order")
        elif after.start_s < before.end_s - _HALF_A_MS:
            found[position].add("overlap")
        elif after.start_s - before.end_s < profile.min_gap_s - _HALF_A_MS:
            found[position].add("gap")
    return found


def articles_parted(cues: Sequence[Cue], language: str) -> list[bool]:
    """Whether a line of each cue ends on an article, and a lower-case word follows in the next line or cue."""
    following = [cue.lines[:1] for cue in cues[1:]]
    found = []
    for cue, after in zip(cues, [*following, ()], strict=True):
        pairs = pairwise([*cue.lines, *after])
        found.append(any(_parts_article(*pair, language) for pair in pairs))
    return found


def _parts_article(line: str, after: str, language: str) -> bool:
    last = line.split()[-1].strip("«“(-").lower() if line.strip() else ""
    return last in _ARTICLES[language] and after[:1].islower()


def latest_ends(cues: Sequence[Cue], profile: Profile, duration_s: float) -> list[float]:
    """How long each cue could stay without breaking another rule, seconds of the medium."""
    following = [cue.start_s - profile.min_gap_s for cue in cues[1:]]
    rooms = zip(cues, [*following, duration_s], strict=True) if cues else ()
    # whole milliseconds: a gap or a duration may be up to one off
    return [min(room, cue.start_s + profile.max_duration_s, duration_s) - 0.001 for cue, room in rooms]


def _broken_alone(cue: Cue, profile: Profile, duration_s: float) -> set[str]:
    lines = (*cue.lines, *cue.beneath)
    shown_s = cue.end_s - cue.start_s
    checks = {
        "empty": not any(line.strip() for line in cue.lines),
        "line_length": any(len(unicodedata.normalize("NFC", line)) > profile.max_line_chars for line in lines),
        "lines": len(lines) > profile.max_lines,
        "min_duration": shown_s < profile.min_duration_s - _HALF_A_MS,
        "max_duration": shown_s > profile.max_duration_s + _HALF_A_MS,
        "outside": cue.start_s < 0 or cue.end_s > duration_s + _HALF_A_MS,
        "reading_speed": any(_too_fast(part, shown_s + _HALF_A_MS, profile) for part in (cue.lines, cue.beneath)),
    }
    return {rule for rule, is_broken in checks.items() if is_broken}


def _too_fast(lines: Sequence[str], shown_s: float, profile: Profile) -> bool:
    chars = sum(len(unicodedata.normalize("NFC", line)) for line in lines)
    counted = sum(any(c.isalnum() for c in word) for word in " ".join(lines).split())
    return (
        (profile.max_cps is not None and chars > profile.max_cps * shown_s)
        or (profile.max_wpm is not None and counted > profile.max_wpm / 60 * shown_s)
        or (bool(profile.chars_by_s) and chars > _allowed(profile.chars_by_s, shown_s))
    )


def _allowed(points: Sequence[tuple[float, float]], shown_s: float) -> float:
    for (x0, y0), (x1, y1) in pairwise([(0.0, 0.0), *points]):
        if shown_s <= x1:
            return y0 + (y1 - y0) * (shown_s - x0) / (x1 - x0)
    return points[-1][1] / points[-1][0] * shown_s


def _words(text: str) -> list[str]:
    """Runs of letters and digits. Joined they are equal also where a word had to be cut to fit a line."""
    return re.findall(r"\w+", unicodedata.normalize("NFC", text))


def _texts(cues: Sequence[Cue], medium: Sequence[PartWindow], bilingual: bool) -> list[tuple[str, str]]:
    said = [(" ".join(cue.text for cue in cues), " ".join(_seen(w.targets[0].text) for w in medium))]
    if bilingual:
        # What is said where there is no translation to show it under has no cue.
        under = [w for w in medium if _seen(w.targets[0].text).strip()]
        said.append((" ".join(" ".join(c.beneath) for c in cues), " ".join(_seen(w.source.text) for w in under)))
    return said


def _seen(text: str) -> str:
    return text.replace("{\\an8}", "").replace("&amp;", "&")


def _medium(rng: random.Random, language: str, source: str, windows: int) -> tuple[list[PartWindow], float]:
    """Windows in order and the length of their medium, which may end with, or a little after, the last speech."""
    made, at = [], rng.choice([0.0, rng.uniform(0, 20)])
    for _ in range(windows):
        made.append(_window(rng, language, source, at))
        at = made[-1].end_s + rng.choice([0.0, rng.uniform(0, 0.5), rng.uniform(0, 10)])
    return made, made[-1].end_s + rng.choice([0.0, 0.3, 5.0])


def _window(rng: random.Random, language: str, source: str, start_s: float) -> PartWindow:
    said, shown = _pair(rng, source, language)
    letters = max(1, len(said))
    length_s = min(30.0, max(0.2, letters / rng.choice([rng.uniform(9, 17), rng.uniform(9, 17), rng.uniform(3, 60)])))
    bounds = sorted(rng.uniform(0, length_s) for _ in range(2 * rng.randint(0, 3)))
    edges = [0.0, *bounds, length_s]
    segments = tuple(
        Segment(start=start_s + a, end=start_s + b, confidence=0.9)
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    )
    return PartWindow(
        start_s=start_s,
        end_s=start_s + length_s,
        segments=segments,
        source=_text(rng, source, said, length_s),
        targets=(_text(rng, language, shown, length_s),),
    )


def _text(rng: random.Random, language: str, content: str, length_s: float) -> Text:
    tokens: tuple[TokenTime, ...] = ()
    if rng.random() < 0.4:
        pieces = re.findall(r"\s*\S{1,4}", content)
        at = sorted(rng.uniform(0, length_s) for _ in range(len(pieces) + 1))
        tokens = tuple(TokenTime(text=p, start=a, end=b) for p, (a, b) in zip(pieces, pairwise(at), strict=True))
    return Text(language=language, text=content, logprob=-0.1, score=0.9, verdict="accepted", tokens=tokens)


def _pair(rng: random.Random, source: str, language: str) -> tuple[str, str]:
    """What is said and what is shown: mostly sentences that belong together, sometimes anything."""
    kind = rng.random()
    if kind < 0.6:
        sentences = [sample(rng) for _ in range(rng.randint(1, 6))]
        dash = rng.choice(["", "", "", "- ", "– ", "-"])
        said, shown = (" ".join(dash + getattr(s, lang) for s in sentences) for lang in (source, language))
        return said, shown
    if kind < 0.75:
        run_on = [sample(rng) for _ in range(rng.randint(2, 8))]
        said, shown = (", ".join(getattr(s, lang).strip(".!?") for s in run_on) for lang in (source, language))
        return said, shown
    return _anything(rng), _anything(rng)


def _anything(rng: random.Random) -> str:
    odd = [_LONG[: rng.randint(20, len(_LONG))] if rng.random() < 0.03 else rng.choice(_ODD) for _ in range(60)]
    plain = " ".join(sample(rng).fr for _ in range(4)).split()
    return " ".join(rng.choice([odd, plain])[rng.randint(0, 3) : rng.randint(0, 40)])


if __name__ == "__main__":
    typer.run(main)
