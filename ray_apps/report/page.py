"""The facts of a run as one HTML page that needs nothing else: no network, no script, its style inside.

Whatever came from media, models or people is escaped by the template engine, everywhere and always, and cannot turn
the direction of what stands around it. A content policy in the page forbids scripts and connections on top of that.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urldefrag

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.archive.filesystems import is_local, local_path
from ray_apps.cli_feedback import visible
from ray_apps.report import words
from ray_apps.report.facts import Facts, Place
from ray_apps.report.figures import score_figure, speed_figure, stage_figure

PAGE = "report.html"
"""What the page is called in the output folder."""
LONGEST_NAME, LONGEST_TEXT, LONGEST_SETTINGS, INPUTS = 300, 600, 20_000, 20
_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def render(facts: Facts, now: datetime | None = None) -> bytes:
    """The page in UTF-8; ``now`` is when it is made."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": lambda value: f"{value:,}",
        "share": _share,
        "length": length,
        "clock": clock,
        "day": day,
        "name": name,
        "said": said,
        "moment": moment,
        "in_words": words.in_words,
        "advice": words.advice,
        "language": words.language,
    }
    work, quality = facts.work, facts.quality
    page = environment.get_template("page.html").render(
        facts=facts,
        words=words,
        headline=headline(facts),
        made=(now or datetime.now(UTC)).timestamp(),
        settings=_settings(facts.settings),
        chosen=_chosen(facts.settings),
        speed=speed_figure(work, day(_first(facts)), day(_last(facts))) if work.sessions.rows else None,
        scores=score_figure(quality) if quality.cues else None,
        stages=stage_figure(work) if work.stages else None,
    )
    return page.encode("utf-8", "replace")


def headline(facts: Facts) -> tuple[str, str]:
    """``(good|open|bad, sentence)``: how the archive stands, and what to do next."""
    archive = facts.archive
    failed = archive.by_status.get("failed", 0) - facts.not_opened
    partial, still_open = archive.by_status.get("partial", 0), archive.by_status.get("open", 0)
    again = "run the same command again: it does what is missing"
    if not facts.at_end and (still_open or not archive.media):
        stopped = f"The run is under way, or was stopped. {_media(still_open, 'is', 'are')} open."
        return "open", f"{stopped} If no run is at work, {again}."
    if archive.media == facts.not_opened:
        return "open", "There was nothing to translate: no input is a medium."
    told = [f"{_media(failed, 'has', 'have')} failed"] * bool(failed)
    told += [f"{_media(partial, 'is', 'are')} done in part"] * bool(partial)
    if still_open:
        return "open", "; ".join([f"{_media(still_open, 'is', 'are')} open", *told]) + f". To go on, {again}."
    if told:
        return "bad", f"{'; '.join(told)}; all others are done. What to do is said under Errors."
    return "good", f"All is done: {_media(archive.media - facts.not_opened, 'has', 'have')} subtitles."


def _media(count: int, one: str, many: str) -> str:
    return f"1 medium {one}" if count == 1 else f"{count:,} media {many}"


def name(text: str) -> str:
    """A name or detail on one line, with marks that would hide or turn something written out, cut where it is long."""
    return _cut(visible(text).replace("\n", " "), LONGEST_NAME)


def said(text: str) -> str:
    """A text that is said or shown, without what no page may hold."""
    return _cut(_UNSHOWN.sub("\ufffd", text), LONGEST_TEXT)


def moment(place: Place, seconds: float) -> str:
    """A link that plays a medium from this time on, where a browser can reach it; else empty."""
    url = place.url
    if url.startswith(("http://", "https://")):
        address = quote(urldefrag(url).url, safe=":/?[]@!$&'()*+,;=%~", errors="replace")
    elif url and is_local(url):
        address = Path(local_path(url)).as_uri()
    else:
        return ""
    return f"{address}#t={max(seconds, 0.0):.1f}"


def length(seconds: float) -> str:
    """``"0.4 s"``, ``"42 s"``, ``"12.5 min"``, ``"3.2 h"``, ``"1,200 h"``."""
    for most, unit, digits in ((9.95, 1, 1), (99.5, 1, 0), (5970, 60, 1), (359_640, 3600, 1)):
        if seconds < most:
            return f"{seconds / unit:.{digits}f} {'s' if unit == 1 else 'min' if unit == 60 else 'h'}"
    return f"{seconds / 3600:,.0f} h"


def clock(seconds: float) -> str:
    """A time of a medium: ``"1:02:03.4"``."""
    tenths = round(max(seconds, 0.0) * 10)
    return f"{tenths // 36_000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def day(when: float | str) -> str:
    """A moment (seconds since 1970, or ISO 8601) in UTC, to the second; what is no moment stays as it is."""
    try:
        at = datetime.fromisoformat(when) if isinstance(when, str) else datetime.fromtimestamp(when, UTC)
    except (ValueError, OverflowError, OSError):
        return str(when)
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _first(facts: Facts) -> float:
    return facts.work.sessions.rows[0].began


def _last(facts: Facts) -> float:
    last = facts.work.sessions.rows[-1].bars[-1]
    return last.began + last.length_s


def _chosen(settings: dict[str, Any]) -> dict[str, str]:
    """The settings that a person asks about first."""
    recipe, gate, cues = (
        part if isinstance(part := settings.get(key), dict) else {} for key in ("recipe", "gate", "cues")
    )
    found = {
        "Model": settings.get("model") or "by the hardware",
        "Checkpoint": str(recipe.get("checkpoint") or "")[:16],
        "Engine": recipe.get("engine") or settings.get("engine"),
        "Number format": recipe.get("dtype") or settings.get("dtype"),
        "Quality": gate.get("quality"),
        "Subtitle profile": cues.get("profile"),
        "Formats": ", ".join(map(str, settings.get("formats") or ())),
        "Glossary": f"{len(terms)} terms" if (terms := settings.get("glossary")) else None,
    }
    return {key: str(value) for key, value in found.items() if value}


def _settings(settings: dict[str, Any]) -> str:
    """All settings, to be read and copied; a long list of inputs is cut."""
    inputs = list(settings.get("inputs") or ())
    shown = dict(settings)
    if len(inputs) > INPUTS:
        shown["inputs"] = [*inputs[:INPUTS], f"and {len(inputs) - INPUTS} more"]
    return _cut(json.dumps(shown, indent=1, ensure_ascii=False), LONGEST_SETTINGS)
