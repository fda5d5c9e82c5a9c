"""What a person does on the page, as functions: for any base URL, the fake's or the real service's."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from selenium import webdriver
from selenium.webdriver import ActionChains, Chrome, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
MISSING = "needs the Debian packages chromium and chromium-driver"


def has_chromium() -> bool:
    return CHROMIUM.exists() and DRIVER.exists()


@contextmanager
def chromium(width: int = 1280, height: int = 900) -> Iterator[Chrome]:
    """A real Chromium without a window, in English."""
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    words = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio", "--lang=en")
    for word in (*words, "--autoplay-policy=no-user-gesture-required", "--hide-scrollbars"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=ChromeService(str(DRIVER)))
    try:
        set_screen(browser, width, height)
        yield browser
    finally:
        browser.quit()


def set_screen(browser: Chrome, width: int, height: int, scale: float = 1) -> None:
    """A screen of so many CSS pixels, exactly; windows have a least width, screens have none."""
    size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def set_media(browser: Chrome, **features: str) -> None:
    """Media features, such as ``prefers_color_scheme="dark"``."""
    named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": named})


def open_page(browser: Chrome, url: str, downloads: Path) -> None:
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})
    browser.get(url)
    wait(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, "#target option")) > 10)


def wait(browser: Chrome, condition: Any, seconds: float = 20) -> Any:
    return WebDriverWait(browser, seconds, poll_frequency=0.03).until(lambda _: condition())


def part(browser: Chrome, selector: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, selector)


def text_of(browser: Chrome, selector: str) -> str:
    """What is visible of an element."""
    return part(browser, selector).text


def choose_file(browser: Chrome, file: Path) -> None:
    part(browser, "#file").send_keys(str(file))


def choose_languages(browser: Chrome, spoken: str, target: str) -> None:
    """By code; an empty one is *The service's own* or *As spoken*."""
    Select(part(browser, "#spoken")).select_by_value(spoken)
    Select(part(browser, "#target")).select_by_value(target)


def give_key(browser: Chrome, key: str) -> None:
    if not part(browser, "#key").is_displayed():
        part(browser, "#key-box summary").click()
    part(browser, "#key").send_keys(key)


def start(browser: Chrome) -> None:
    part(browser, "#start").click()


def wait_until_done(browser: Chrome, seconds: float = 20) -> None:
    wait(browser, lambda: text_of(browser, "#phase").startswith("Done") or text_of(browser, "#alert"), seconds)
    complaint = text_of(browser, "#alert")
    assert complaint == "", complaint


def wait_for_alert(browser: Chrome) -> str:
    return wait(browser, lambda: text_of(browser, "#alert p") if part(browser, "#alert").text else "")


def cue_rows(browser: Chrome) -> list[dict[str, Any]]:
    """The table as it reads: text content of the cells, the mark, whether the cue plays."""
    return browser.execute_script("""
        return [...document.querySelectorAll("#cues tbody tr")].map((row) => {
            const of = (name) => row.querySelector(name).textContent;
            return {
                number: of(".number"), start: of(".jump"), end: of(".end"), target: of(".target"),
                source: of(".source"), speed: of(".speed .value"), flag: of(".flag"), mark: row.dataset.mark,
                reasons: [...row.querySelectorAll(".reasons li")].map((item) => item.textContent),
                playing: row.getAttribute("aria-current") === "true",
            };
        });""")


def wait_for_cues(browser: Chrome, count: int) -> list[dict[str, Any]]:
    wait(browser, lambda: len(cue_rows(browser)) >= count)
    return cue_rows(browser)


def wait_for_player(browser: Chrome) -> None:
    wait(browser, lambda: browser.execute_script("return document.querySelector('video').readyState >= 1"))


def video_time(browser: Chrome) -> float:
    return browser.execute_script("return document.querySelector('video').currentTime")


def seek(browser: Chrome, seconds: float) -> None:
    """Move the player, and wait until it and what it shows are there."""
    browser.execute_async_script(
        """
        const [seconds, done] = arguments;
        const video = document.querySelector("video");
        video.addEventListener("seeked", () => requestAnimationFrame(() => requestAnimationFrame(done)), {once: true});
        video.currentTime = seconds;""",
        seconds,
    )


def shown_in_player(browser: Chrome) -> list[str]:
    """What the player's track shows now, as a viewer reads it."""
    return browser.execute_script("""
        const track = [...document.querySelector("video").textTracks].find((track) => track.mode === "showing");
        return [...(track?.activeCues ?? [])].map((cue) => cue.getCueAsHTML().textContent);""")


def _row(browser: Chrome, number: int) -> WebElement:
    """A cue's row, brought before the eyes: the player of a small screen may lie over it."""
    row = part(browser, f"#cues tbody tr:nth-child({number})")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", row)
    return row


def go_to(browser: Chrome, number: int) -> None:
    _row(browser, number).find_element(By.CSS_SELECTOR, ".jump").click()


def playing(browser: Chrome) -> list[str]:
    return [row["number"] for row in cue_rows(browser) if row["playing"]]


def edit(
    browser: Chrome, number: int, *, text: str | None = None, begin: str | None = None, end: str | None = None
) -> None:
    """Open a cue's editor, fill what is given, save with Ctrl+Enter."""
    row = _row(browser, number)
    row.find_element(By.CSS_SELECTOR, ".edit").click()
    for selector, value in ((".start", begin), (".stop", end), ("textarea", text)):
        if value is not None:
            field = row.find_element(By.CSS_SELECTOR, f".editor {selector}")
            field.send_keys(Keys.CONTROL, "a")
            field.send_keys(Keys.BACKSPACE, *value)
    row.find_element(By.CSS_SELECTOR, ".editor textarea").send_keys(Keys.CONTROL, Keys.ENTER)


def download(browser: Chrome, kind: str, downloads: Path) -> Path:
    """The file that a click on SRT or VTT gives."""
    before = set(downloads.iterdir())
    part(browser, f"#{kind}").click()

    def arrived() -> list[Path]:
        return [path for path in set(downloads.iterdir()) - before if path.suffix == f".{kind}"]

    return wait(browser, arrived)[0]


def take_picture(browser: Chrome, path: Path) -> None:
    """A PNG of the screen, of 64 levels a colour, which is a third smaller."""
    ActionChains(browser).pause(2).perform()  # the browser's own controls turn a wheel for a while
    picture = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.point(lambda level: level & 0xFC | level >> 6).save(path, optimize=True)


def console_errors(browser: Chrome) -> list[str]:
    """What the browser complained of, a broken policy or script above all."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def walk_through(browser: Chrome, url: str, film: Path, downloads: Path, *, seconds: float = 20) -> dict[str, Any]:
    """The whole path: choose a film, make French subtitles, go to a cue, edit it, take both files away.

    Returns the table before (``made``) and after the edit (``edited``), what the player showed, the files.
    """
    open_page(browser, url, downloads)
    choose_file(browser, film)
    choose_languages(browser, "tr", "fr")
    start(browser)
    wait_until_done(browser, seconds)
    made = cue_rows(browser)
    wait_for_player(browser)
    go_to(browser, 2)
    wait(browser, lambda: playing(browser) == ["2"] and shown_in_player(browser))
    shown = shown_in_player(browser)
    edit(browser, 2, text="Corrigé à la main.")
    return {
        "made": made,
        "shown": shown,
        "edited": cue_rows(browser),
        "srt": download(browser, "srt", downloads),
        "vtt": download(browser, "vtt", downloads),
    }
