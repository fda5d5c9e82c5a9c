"""The report's page: whole, its own, true to the facts, and safe whatever the media are called.

``REPORT_SCREENSHOT=docs/report.png python -m pytest tests/ray_apps/report/test_page.py -k picture`` makes the picture
of the documents.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import lxml.html
import pytest
from PIL import Image
from selenium.webdriver import Chrome

from pipelines.archive.storage import Store
from pipelines.records import Failure
from ray_apps.report import words
from ray_apps.report.facts import Place
from ray_apps.report.gather import gather
from ray_apps.report.page import clock, headline, length, moment, name, render, said
from tests.ray_apps.report.hand_made_runs import medium, part, window, write_mixed_run, write_run
from tests.ray_apps.serving import page_looks as looks
from tests.ray_apps.serving import page_steps as steps

needs_chromium = pytest.mark.skipif(not steps.has_chromium(), reason=steps.MISSING)
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
ATTACK = '"><script>document.title="pwned"</script><img src=x onerror=alert(1)>\u202etxt.exe & 𝔄𝔅 👩🏽‍🚀 مرحبا'


def page_of(store: Store) -> lxml.html.HtmlElement:
    return lxml.html.fromstring(render(gather(store), NOW))


def text_of(page: lxml.html.HtmlElement, selector: str) -> str:
    return " ".join(" ".join(page.xpath(selector)[0].text_content().split()).split())


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(str(tmp_path_factory.mktemp("mixed")))
    write_mixed_run(store)
    return store


@pytest.fixture(scope="module")
def page(mixed: Store) -> lxml.html.HtmlElement:
    return page_of(mixed)


def section(page: lxml.html.HtmlElement, id: str) -> str:
    return text_of(page, f"//section[h2[@id='{id}']]")


def test_every_part_of_the_story_is_told(page: lxml.html.HtmlElement):
    assert "1 medium is open; 1 medium has failed; 1 medium is done in part" in text_of(page, "//header")
    done = section(page, "done")
    for fact in ("50.0 min", "Turkish (3)", "French", "Voxtral-Mini-3B-2507", "1 GPU (H200)", "bfloat16", "high"):
        assert fact in done
    assert "2026-11-18" in section(page, "speed")
    assert "94.3 %" in section(page, "time")
    assert "boilerplate" in section(page, "quality")
    worst = section(page, "worst")
    assert worst.index("0.12") < worst.index("0.31")
    assert "A credit or stock phrase, perhaps invented." in worst
    assert "Annem pazardan elma aldı." in worst
    assert "0:02:31.0" in section(page, "coverage")
    assert "reading_speed" in section(page, "rules")
    errors = section(page, "errors")
    assert "The decoder died on this file." in errors
    assert "--retry-errors" in errors
    assert "demo-model" not in page.text_content()


def test_the_page_needs_nothing_else(mixed: Store):
    html = render(gather(mixed), NOW).decode()
    page = lxml.html.fromstring(html)
    assert page.xpath("//script|//link|//img|//iframe|//object|//form") == []
    assert page.xpath("//@*[starts-with(name(), 'on')]") == []
    assert "url(" not in html
    assert "@import" not in html
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert "default-src 'none'" in policy


def test_a_link_plays_the_medium_from_the_cue_on(page: lxml.html.HtmlElement):
    links = page.xpath("//section[h2[@id='worst']]//a/@href")
    assert all(re.fullmatch(r"file:///archive/films/Yolculuk\.mp4#t=\d+\.\d", link) for link in links)
    assert len(links) == 2


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("/a/b c#1?.mp4", "file:///a/b%20c%231%3F.mp4#t=12.3"),
        ("https://x.example/a b.mp4?part=1#t=9", "https://x.example/a%20b.mp4?part=1#t=12.3"),
        ('https://x.example/"onmouseover="x', "https://x.example/%22onmouseover=%22x#t=12.3"),
        ("s3://bucket/film.mp4", ""),
        ("javascript:alert(1)", "file:///"),
        ("javascript://x/%0aalert(1)", ""),
        ("data:text/html,x", ""),
        ("", ""),
    ],
)
def test_links_lead_to_files_and_web_addresses_alone(url: str, link: str):
    found = moment(Place("x", url), 12.34)
    assert found == link or (link == "file:///" and found.startswith("file:///"))


def test_tables_and_figures_are_named_for_those_who_do_not_see_them(page: lxml.html.HtmlElement):
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    for table in page.xpath("//table"):
        assert table.xpath("caption")[0].text_content().strip()
        assert table.xpath(".//th[@scope='col']")
        assert table.xpath(".//tbody//th[@scope='row']")
    for svg in page.xpath("//*[local-name()='svg']"):
        named = [page.xpath(f"//*[@id='{id}']")[0].text_content() for id in svg.get("aria-labelledby").split()]
        assert svg.get("role") == "img"
        assert all(named)
    assert len(page.xpath("//*[local-name()='svg']")) == 3
    levels = [int(e.tag[1]) for e in page.xpath("//h1|//h2|//h3")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for target in page.xpath("//nav//a/@href"):
        assert target.removeprefix("#") in ids


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Names, texts and details that try to be more than that."""
    store = Store(str(tmp_path_factory.mktemp("attacked")))
    film = medium("<script>alert(1)</script>.mp4", url=f"https://x.example/{ATTACK}")
    bad = window(0.0, ATTACK, f"</p></section>{ATTACK}", 0.1, ("<b>bold</b>", "unsure"))
    silent = window(60.0, shown="", score=0.0, reasons=("</caption><script>",))
    broken = medium(
        f"{ATTACK}.mkv", 0.0, failure=Failure(kind="<i>kind</i>", detail=f"\x00\x1b[31m{ATTACK}" * 200, permanent=True)
    )
    write_run(store, [(film, 1, [part(film, [bad, silent], demo_model=True)]), (broken, 0, [])], hardware=ATTACK)
    return store


def test_nothing_that_media_or_models_say_becomes_markup(attacked: Store):
    html = render(gather(attacked), NOW)
    page = lxml.html.fromstring(html)
    assert page.xpath("//script|//img|//b|//i") == []
    assert "<script>alert(1)</script>.mp4" in page.text_content()
    assert "👩🏽‍🚀 مرحبا" in page.text_content()
    assert "<b>bold</b>" in page.text_content()
    assert all(link.startswith(("https://x.example/", "file:///archive/", "#")) for link in page.xpath("//a/@href"))
    # What would turn the text around it is written out in names, and kept apart in what was said.
    assert "\\u202e" in section(page, "errors")
    assert page.xpath("//div[@class='pair']/p[@dir='auto']/bdi[contains(., '\u202e')]")
    assert re.findall(rb"[\x00-\x08\x0b-\x1f]", html) == []
    assert "demo-model" in text_of(page, "//header")
    assert len(html) < 60_000


def test_hostile_settings_and_languages_are_words_too(tmp_path):
    store = Store(str(tmp_path))
    film = medium("a.mp4")
    spoken = part(film, [window(0.0, reasons=("unsure",))]).model_copy(update={"source": 'tr" onclick="x'})
    write_run(store, [(film, 1, [spoken])])
    record = next(path for path in store.list("_voxtral/runs"))
    store.write_bytes(record, store.read_bytes(record).replace(b'"/archive"', b'"</pre><script>x</script>"'))
    page = page_of(store)
    assert page.xpath("//script|//@onclick") == []
    assert "</pre><script>x</script>" in page.text_content()
    assert 'tr" onclick="x' in page.xpath("//@lang")


def test_lists_are_cut_and_say_how_many_more(tmp_path):
    store = Store(str(tmp_path))
    crash = Failure(kind="crashed", detail="died " * 500, permanent=True)
    broken = [(medium(f"broken{i:03}.mp4", 0.0, failure=crash), 0, []) for i in range(300)]
    marked = [window(20.0 * i, score=0.1, reasons=("loop",)) for i in range(10)]
    poor = [(m, 1, [part(m, marked)]) for m in (medium(f"poor{i:02}.mp4") for i in range(25))]
    write_run(store, [*broken, *poor])
    html = render(gather(store), NOW)
    page = lxml.html.fromstring(html)
    assert "and 295 more, all of them in errors.parquet" in section(page, "errors")
    assert "and 230 more, all of them in the *.review.csv files" in section(page, "worst")
    assert "and 15 more, all of them in media.parquet" in section(page, "quality")
    assert len(html) < 80_000


@pytest.mark.parametrize("ended", [True, False])
def test_an_empty_run_has_a_page(tmp_path, ended: bool):
    store = Store(str(tmp_path))
    write_run(store, [], ended)
    page = page_of(store)
    told = "There was nothing to translate" if ended else "The run is under way, or was stopped."
    assert told in text_of(page, "//header")
    assert "There are no cues yet." in section(page, "quality")
    assert page.xpath("//*[local-name()='svg']") == []


def test_the_headline_says_how_the_archive_stands(mixed: Store, tmp_path):
    assert headline(gather(mixed))[0] == "open"
    film, broken = medium("a.mp4"), medium("b.mp4", failure=Failure(kind="empty", detail="", permanent=True))
    for media, verdict in (([film], "good"), ([film, broken], "bad")):
        store = Store(str(tmp_path / verdict))
        write_run(store, [(m, 0 if m.failure else 1, [] if m.failure else [part(m, [window(0.0)])]) for m in media])
        assert headline(gather(store))[0] == verdict
        store.delete("media.parquet")  # as after a kill before the tables, when all work was done
        assert headline(gather(store))[0] == verdict


def test_times_and_lengths_are_written_for_people():
    assert [length(s) for s in (0.04, 42.0, 750.0, 11_520.0, 3.6e10)] == [
        "0.0 s",
        "42 s",
        "12.5 min",
        "3.2 h",
        "10,000,000 h",
    ]
    assert [clock(s) for s in (0.0, 59.96, 3723.45)] == ["0:00:00.0", "0:01:00.0", "1:02:03.4"]
    assert name("a\nb\u202ec") == "a b\\u202ec"
    assert said("a\x00\ud800b") == "a\ufffd\ufffdb"
    assert len(name("x" * 5000)) < 400


def test_the_words_are_those_of_the_service_s_page():
    script = (Path(words.__file__).parents[1] / "serving" / "page" / "reasons.js").read_text()
    assert dict(re.findall(r'^  (\w+): "(.*)",$', script, flags=re.MULTILINE)) == words.REASONS | words.RULES


# --- in a browser


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    with steps.chromium() as browser:
        yield browser


def show(browser: Chrome, store: Store, folder: Path, width: int, scheme: str = "light") -> None:
    file = folder / "report.html"
    file.write_bytes(render(gather(store), NOW))
    steps.set_screen(browser, width, 900)
    steps.set_media(browser, prefers_color_scheme=scheme)
    browser.get(file.as_uri())


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_on_a_phone_and_in_the_dark(chrome: Chrome, mixed: Store, tmp_path: Path, scheme: str):
    show(chrome, mixed, tmp_path, 360, scheme)
    assert chrome.execute_script("return document.documentElement.scrollWidth") <= 360
    assert {what: contrast for what, contrast in looks.contrasts(chrome).items() if contrast < 4.5} == {}
    assert (looks.brightness(chrome) < 0.2) == (scheme == "dark")
    assert chrome.get_log("browser") == []


@needs_chromium
def test_an_attack_runs_nothing_and_goes_nowhere(chrome: Chrome, attacked: Store, tmp_path: Path):
    show(chrome, attacked, tmp_path, 1000)
    assert chrome.title.startswith("Run report")
    assert chrome.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert chrome.execute_script("return document.documentElement.scrollWidth") <= 1000


@needs_chromium
def test_on_paper_it_is_dark_on_white_and_nothing_is_cut(chrome: Chrome, mixed: Store, tmp_path: Path):
    show(chrome, mixed, tmp_path, 1000, "dark")
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert looks.brightness(chrome) == 1.0
    steps.set_screen(chrome, 680, 900)
    cut = "return [...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
    assert chrome.execute_script(cut) == 0
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.skipif("REPORT_SCREENSHOT" not in os.environ, reason="makes the picture of the documents")
def test_picture(chrome: Chrome, mixed: Store, tmp_path: Path):
    show(chrome, mixed, tmp_path, 900)
    steps.set_screen(chrome, 900, chrome.execute_script("return document.documentElement.scrollHeight"))
    file = Path(os.environ["REPORT_SCREENSHOT"])
    chrome.save_screenshot(str(file))
    Image.open(file).convert("RGB").quantize(128, Image.Quantize.MEDIANCUT).save(file, optimize=True)
