from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from ray_apps.cli_feedback import CLIFeedback, audio_length, get_feedback, visible


class Screen:
    """A feedback on a console in memory, with a clock that the test moves."""

    def __init__(self, terminal=False, **console):
        self.now = 0.0
        self.file = io.StringIO()
        self.console = Console(file=self.file, force_terminal=terminal, width=120, **console)
        self.feedback = CLIFeedback(self.console, clock=lambda: self.now)

    @property
    def lines(self):
        return self.file.getvalue().splitlines()


@pytest.fixture
def plain():
    return Screen()


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = Screen(terminal=True)
    yield screen
    screen.feedback.close()


def test_plain_messages_have_a_prefix(plain):
    plain.feedback.info("one")
    plain.feedback.warning("two")
    plain.feedback.error("three")
    assert plain.lines == ["info: one", "warning: two", "error: three"]


def test_long_lines_are_not_broken(plain):
    plain.feedback.info("x" * 500)
    assert plain.lines == ["info: " + "x" * 500]


def test_brackets_are_text_and_not_markup(plain):
    plain.feedback.info("a[bold]b[/bold].mp4 [/]")
    assert plain.lines == ["info: a[bold]b[/bold].mp4 [/]"]


def test_a_name_cannot_forge_a_message_or_move_the_cursor(plain):
    plain.feedback.info("bad\nerror: all is lost\x1b[2J\r\u202egnp.exe")
    assert plain.lines == ["info: bad", r"  error: all is lost\x1b[2J\r\u202egnp.exe"]


def test_emoji_and_accents_stay(plain):
    plain.feedback.info("Çağrı 👩‍💻 été")
    assert plain.lines == ["info: Çağrı 👩‍💻 été"]


def test_the_first_figures_are_told_at_once(plain):
    plain.feedback.progress(media_done=0, media_total=3, shards_done=0, shards_total=9, audio_s=0, errors=0)
    assert plain.lines == ["progress: media 0/3 · shards 0/9 · 0 s · errors 0"]


def test_plain_progress_comes_every_ten_seconds_or_five_percent(plain):
    for second in range(100):
        plain.now = float(second)
        plain.feedback.progress(shards_done=0, shards_total=1000)
    assert len(plain.lines) == 10
    for done in range(1001):
        plain.feedback.progress(shards_done=done)
    assert 20 <= len(plain.lines) - 10 <= 21
    assert plain.lines[-1].startswith("progress: shards 1000/1000")


def test_the_end_is_told_even_soon_after_another_line(plain):
    plain.feedback.progress(shards_done=98, shards_total=100)
    plain.feedback.progress(shards_done=100)
    assert "shards 100/100" in plain.lines[-1]


def test_speed_counts_only_what_this_run_did(plain):
    plain.feedback.progress(audio_s=3600, shards_done=0, shards_total=2)
    plain.now = 60.0
    plain.feedback.progress(audio_s=3600 + 1200, shards_done=2)
    assert "80.0 min · 20.0 × real time" in plain.lines[-1]


def test_a_speed_that_is_given_is_shown(plain):
    plain.feedback.progress(audio_s=30, speed=12.34)
    assert "12.3 × real time" in plain.lines[-1]


def test_flagged_texts_are_shown_when_there_are_any(plain):
    plain.feedback.progress(errors=2, needs_review=0)
    assert plain.lines[-1] == "progress: errors 2"
    plain.now = 20.0
    plain.feedback.progress(needs_review=3)
    assert plain.lines[-1] == "progress: errors 2 · to review 3"


def test_listing_an_archive_is_a_phase_of_its_own(plain):
    plain.feedback.progress(media_found=2, media_probed=0)
    plain.feedback.progress(media_probed=2)
    plain.feedback.progress(media_done=0, media_total=2, shards_done=0, shards_total=5)
    plain.feedback.progress(shards_done=1)
    assert plain.lines == [
        "progress: looked at 0/2 media",
        "progress: looked at 2/2 media",
        "progress: media 0/2 · shards 0/5",
        "progress: media 0/2 · shards 1/5",
    ]


def test_nothing_total_is_no_division_by_zero(plain):
    plain.feedback.progress(media_done=0, media_total=0, shards_done=0, shards_total=0)
    assert plain.lines == ["progress: media 0/0 · shards 0/0"]


def test_a_terminal_shows_live_figures_and_cleans_up(terminal):
    terminal.feedback.progress(media_done=1, media_total=3, shards_done=4, shards_total=9)
    terminal.feedback.warning("look")
    terminal.feedback.close()
    written = terminal.file.getvalue()
    assert "media 1/3 · shards 4/9" in written
    assert "progress:" not in written
    assert "\x1b[33mwarning: \x1b[0mlook" in written
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")  # the cursor is visible again


def test_messages_and_the_display_do_not_lock_each_other(terminal):
    terminal.feedback.progress(shards_done=0, shards_total=2000)
    live = terminal.feedback._live

    def refresh():
        for _ in range(300):
            live.refresh()

    thread = threading.Thread(target=refresh, daemon=True)
    thread.start()
    for done in range(300):
        terminal.feedback.progress(shards_done=done)
        terminal.feedback.info("x")
    thread.join(timeout=20)
    assert not thread.is_alive()


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = Screen(terminal=True)
    screen.feedback.warning("look")
    assert "\x1b[33m" not in screen.file.getvalue()


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    screen = Screen(terminal=True)
    screen.feedback.progress(shards_done=1, shards_total=2)
    assert "progress: " in screen.file.getvalue()
    assert "\x1b[?25l" not in screen.file.getvalue()


def test_after_closing_progress_begins_anew(plain):
    plain.feedback.progress(shards_done=5, shards_total=10, errors=3)
    plain.feedback.close()
    plain.feedback.progress(media_done=0, media_total=1)
    assert plain.lines[-1] == "progress: media 0/1"


def test_messages_from_many_threads_stay_whole(plain):
    def say(n):
        for _ in range(50):
            plain.feedback.info(f"message {n}")

    threads = [threading.Thread(target=say, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(plain.lines)) == [f"info: message {n}" for n in range(4)]
    assert len(plain.lines) == 200


def test_there_is_one_feedback_and_it_writes_to_stderr(capsys):
    assert get_feedback() is get_feedback()
    CLIFeedback().info("hello")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "info: hello\n")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (42.4, "42 s"), (750, "12.5 min"), (5999, "100.0 min"), (11520, "3.2 h")],
)
def test_lengths(seconds, text):
    assert audio_length(seconds) == text


def test_visible_keeps_newlines():
    assert visible("a\nb\tc\x00\udcff") == "a\nb\\tc\\x00\\udcff"
