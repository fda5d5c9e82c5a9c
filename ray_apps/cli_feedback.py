"""What a person sees of a long run: live progress on a terminal, plain lines everywhere else.

The terminal's side of :class:`cluster.feedback.Feedback`. Messages go to stderr, so that stdout stays free
for results. Names of media reach messages, and anybody may have named them: control characters are shown, not
sent.
"""

from __future__ import annotations

import functools
import re
import threading
import time
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

PLAIN_INTERVAL_S = 10.0
PLAIN_STEP = 0.05
_STYLES = {"info": "", "warning": "yellow", "error": "bold red", "progress": ""}
_UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class CLIFeedback:
    """Messages and progress for the person at the command line. Safe to call from any thread.

    Args:
        console: where to write; stderr by default. Its being a terminal decides how progress is shown.
        clock: seconds, for speed and for how often a plain line is written.

    Figures that :meth:`progress` shows: ``media_probed`` and ``media_found`` while an archive is listed, then
    ``media_done``, ``media_total``, ``shards_done``, ``shards_total``, ``audio_s`` (seconds of audio done),
    ``speed`` (times real time; worked out from ``audio_s`` where it is not given), ``errors``,
    ``needs_review``. Those not given keep their last value.
    """

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._lock = threading.Lock()
        self._live: Live | None = None
        self._figures: dict[str, float] = {}
        self._began: tuple[float, float] | None = None
        self._last_line: tuple[float, float] | None = None

    def info(self, message: str) -> None:
        """Something worth knowing."""
        self._say("info", message)

    def warning(self, message: str) -> None:
        """Something that goes on, but not as one might think."""
        self._say("warning", message)

    def error(self, message: str) -> None:
        """Something that failed."""
        self._say("error", message)

    def progress(self, **figures: float) -> None:
        """The newest figures; see the class."""
        with self._lock:
            self._figures = {**self._figures, **figures}
            now = self._clock()
            if self._began is None and "audio_s" in self._figures:
                self._began = (now, self._figures["audio_s"])
            if self._console.is_terminal and not self._console.is_dumb_terminal:
                self._show_live()
            elif self._is_due(now):
                self._last_line = (now, _share(self._figures))
                self._say("progress", self._line())

    def close(self) -> None:
        """End the live display and forget the figures; the next :meth:`progress` begins anew."""
        with self._lock:
            if self._live is not None:
                self._live.stop()
            self._live = self._began = self._last_line = None
            self._figures = {}

    def _say(self, kind: str, message: str) -> None:
        lines = visible(message).split("\n")
        text = Text().append(f"{kind}: ", style=_STYLES[kind])
        # A further line is indented, so that no text can pass for a message of its own.
        text.append("\n  ".join(lines))
        self._console.print(text, soft_wrap=True, highlight=False)

    def _show_live(self) -> None:
        if self._live is None:
            self._live = Live(
                console=self._console,
                get_renderable=self._display,
                refresh_per_second=4,
                transient=True,
                redirect_stdout=False,
            )
            self._live.start()

    def _display(self) -> Table:
        """Called by a thread that holds the display's lock: taking ours here could lock up both."""
        grid = Table.grid(padding=(0, 1))
        grid.add_row(ProgressBar(total=1.0, completed=_share(self._figures), width=20), Text(self._line()))
        return grid

    def _is_due(self, now: float) -> bool:
        if self._last_line is None:
            return True
        then, before = self._last_line
        share = _share(self._figures)
        grown = share - before
        at_an_end = grown < 0 or (grown > 0 and share >= 1.0)  # less than before: another phase has begun
        return now - then >= PLAIN_INTERVAL_S or grown >= PLAIN_STEP or at_an_end

    def _line(self) -> str:
        figures, began = self._figures, self._began
        if "media_found" in figures and "media_total" not in figures:
            return f"looked at {figures.get('media_probed', 0):.0f}/{figures['media_found']:.0f} media"
        parts = [
            f"{what} {figures.get(f'{what}_done', 0):.0f}/{figures[f'{what}_total']:.0f}"
            for what in ("media", "shards")
            if f"{what}_total" in figures
        ]
        if "audio_s" in figures:
            parts.append(audio_length(figures["audio_s"]))
            if speed := figures.get("speed", self._speed(figures["audio_s"], began)):
                parts.append(f"{speed:.1f} × real time")
        if "errors" in figures:
            parts.append(f"errors {figures['errors']:.0f}")
        if figures.get("needs_review"):
            parts.append(f"to review {figures['needs_review']:.0f}")
        return " · ".join(parts)

    def _speed(self, audio_s: float, began: tuple[float, float] | None) -> float:
        """Of what was done since the first figures came: what an earlier run did is no merit of this one."""
        if began is None:
            return 0.0
        then, audio_then = began
        seconds = self._clock() - then
        return (audio_s - audio_then) / seconds if seconds >= 1.0 else 0.0


def _share(figures: Mapping[str, float]) -> float:
    """How much is done, 0 to 1: shards where they are known, else media, else media looked at."""
    pairs = (("shards_done", "shards_total"), ("media_done", "media_total"), ("media_probed", "media_found"))
    for done, total in pairs:
        if figures.get(total):
            return min(1.0, figures.get(done, 0) / figures[total])
    return 0.0


@functools.cache
def get_feedback() -> CLIFeedback:
    """The one feedback of this process's command line."""
    return CLIFeedback()


def audio_length(seconds: float) -> str:
    """A length of audio for a person: ``"42 s"``, ``"12.5 min"``, ``"3.2 h"``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def visible(text: str) -> str:
    """The text with control characters, direction marks and undecodable bytes written out; newlines stay."""
    return _UNSAFE.sub(lambda match: match.group().encode("unicode_escape").decode(), text)
