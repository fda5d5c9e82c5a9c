"""The page in a real Chromium, over a fake of the service: what a person sees, does and takes away.

``PAGE_SCREENSHOTS=docs/page python -m pytest tests/ray_apps/serving/test_page.py -k pictures`` makes the pictures of
the documents.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
import srt
import webvtt
from selenium.webdriver import ActionChains, Chrome, Keys
from starlette.testclient import TestClient

from quality.gate import Judgement
from quality.subtitle_rules import Violation
from tests.ray_apps.serving import page_looks as looks
from tests.ray_apps.serving import page_steps as steps
from tests.ray_apps.serving.fake_translations import FakeService, FakeTranslations, cue, refuse

needs_chromium = pytest.mark.skipif(not steps.has_chromium(), reason=steps.MISSING)
QUICK = {"deadline": "realtime", "cpu-used": "8"}
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script> --> & 00:00:01.000'


@pytest.fixture(scope="module")
def service() -> FakeService:
    return FakeService()


@pytest.fixture(scope="module")
def url(service: FakeService) -> Iterator[str]:
    with service.running() as base:
        yield base


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    with steps.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, sample_archive: Path) -> Path:
    """The sample film in codecs that every browser has (its own MPEG-4 Part 2 is none), with a name in two scripts."""
    made = tmp_path_factory.mktemp("film") / "Yolculuğum – дорога.webm"
    with av.open(sample_archive / "films" / "yolculuk.mp4") as given, av.open(made, "w") as out:
        picture = out.add_stream("libvpx", rate=5, width=320, height=192, pix_fmt="yuv420p", options=QUICK)
        sound = out.add_stream("libopus", rate=48_000, layout="mono")
        resampler = av.AudioResampler("s16", "mono", 48_000)
        for frame in given.decode(video=0, audio=0):
            if isinstance(frame, av.VideoFrame):
                out.mux(picture.encode(frame.reformat(320, 192)))
            else:
                for block in resampler.resample(frame):
                    out.mux(sound.encode(block))
        out.mux(picture.encode())
        out.mux(sound.encode())
    return made


@pytest.fixture(scope="module")
def film_cues(sample_archive: Path) -> list[dict]:
    """The film's own sentences, two of them with something to say against them."""
    spoken = json.loads((sample_archive / "spoken.jsonl").read_text().splitlines()[0])["sentences"]
    cues = [cue(n, s["start"], s["end"], s["fr"], source=s["tr"]) for n, s in enumerate(spoken, start=1)]
    cues[0] |= {"reasons": ["reading_speed"]}
    cues[4] |= {"text": "Je vais à Istanbul.", "verdict": "needs_review", "reasons": ["too_short", "unsure"]}
    cues[6] |= {"text": "Le trajet d'Antalya à Ankara\ndure sept heures en train."}
    return cues


@pytest.fixture
def says(service: FakeService, film_cues: list[dict]) -> FakeTranslations:
    """What the service answers in this test."""
    service.says = FakeTranslations(cues=[dict(c) for c in film_cues])
    return service.says


@pytest.fixture
def page(chrome: Chrome, url: str, says: FakeTranslations, tmp_path: Path) -> Iterator[Chrome]:
    """The page, opened anew; at the end nothing has broken its policy and no script has failed."""
    steps.set_screen(chrome, 1280, 900)
    steps.set_media(chrome)
    steps.open_page(chrome, url, tmp_path)
    chrome.execute_script("sessionStorage.clear()")
    chrome.get_log("browser")
    yield chrome
    says.go_on.set()
    refused = [e for e in steps.console_errors(chrome) if "Failed to load resource" not in e]
    assert refused == []


def make(page: Chrome, film: Path, spoken: str = "tr", target: str = "fr") -> None:
    steps.choose_file(page, film)
    steps.choose_languages(page, spoken, target)
    steps.start(page)


# --- what is handed out, without a browser


@pytest.fixture(scope="module")
def client(service: FakeService) -> TestClient:
    return TestClient(service.app)


def test_the_page_and_all_that_it_asks_for_are_there_and_come_from_here_alone(client: TestClient):
    seen, todo = {}, ["/"]
    while todo:
        path = todo.pop()
        answer = client.get(path)
        assert answer.status_code == 200, path
        seen[path] = answer.headers["Content-Type"].split(";")[0]
        linked = re.findall(r'(?:src|href)="([^#"]+)"', answer.text) if path == "/" else []
        imported = re.findall(r'from "\./([^"]+)"', answer.text)
        todo += [f"/{link}" for link in linked] + [f"/page/{name}" for name in imported if f"/page/{name}" not in seen]
        assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", answer.text) == []
    types = {Path(path).suffix: kind for path, kind in seen.items()}
    assert types == {"": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    assert len(seen) >= 10


def test_the_policy_allows_no_inline_script_and_the_page_has_none(client: TestClient):
    answer = client.get("/")
    policy = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", answer.text) == []
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_browser_asks_again_and_gets_the_bytes_once(client: TestClient):
    first = client.get("/page/page.js")
    assert first.headers["Cache-Control"] == "no-cache"
    again = client.get("/page/page.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.head("/").status_code == 200


@pytest.mark.parametrize("name", ["__init__.py", "..%2f__init__.py", "%2e%2e/errors.py", "missing.js", ""])
def test_nothing_else_of_the_folder_is_given_away(client: TestClient, name: str):
    assert client.get(f"/page/{name}").status_code == 404


# --- the whole path


@needs_chromium
def test_a_film_becomes_subtitles_that_are_watched_corrected_and_taken_away(
    page: Chrome, url: str, says: FakeTranslations, film: Path, film_cues: list[dict], tmp_path: Path
):
    went = steps.walk_through(page, url, film, tmp_path)
    assert [row["target"] for row in went["made"]] == [c["text"] for c in film_cues]
    assert [row["source"] for row in went["made"]] == [c["source"] for c in film_cues]
    assert went["shown"] == [film_cues[1]["text"]]
    assert went["edited"][1]["target"] == "Corrigé à la main."
    assert (went["srt"].name, went["vtt"].name) == ("Yolculuğum – дорога.fr.srt", "Yolculuğum – дорога.fr.vtt")
    wanted = [c["text"] for c in film_cues]
    wanted[1] = "Corrigé à la main."
    assert [s.content for s in srt.parse(went["srt"].read_text())] == wanted
    assert [c.text for c in webvtt.read(went["vtt"])] == wanted
    got = says.received[0]
    assert got.path == "/v1/audio/translations"
    fields = {"language": "tr", "to_language": "fr", "stream": "true"}
    assert got.fields == fields | {"response_format": "verbose_json"}
    assert (got.file_name, got.file_bytes, got.authorization) == (film.name, film.stat().st_size, None)
    assert got.names[-1] == "file"


@needs_chromium
def test_the_times_in_the_files_are_those_of_the_cues(page: Chrome, film: Path, film_cues: list[dict], tmp_path: Path):
    make(page, film)
    steps.wait_until_done(page)
    read = list(srt.parse(steps.download(page, "srt", tmp_path).read_text()))
    assert [(s.start.total_seconds(), s.end.total_seconds()) for s in read] == [
        (c["start"], c["end"]) for c in film_cues
    ]
    vtt = webvtt.read(steps.download(page, "vtt", tmp_path))
    assert [c.start_in_seconds for c in vtt] == [int(c["start"]) for c in film_cues]


@needs_chromium
def test_cues_are_there_while_the_work_goes_on(page: Chrome, says: FakeTranslations, film: Path, film_cues: list[dict]):
    says.hold_after = 3
    make(page, film)
    rows = steps.wait_for_cues(page, 3)
    assert [row["target"] for row in rows] == [c["text"] for c in film_cues[:3]]
    assert steps.text_of(page, "#phase") == "Listening and translating"
    assert steps.text_of(page, "#amount") == "0:08 of 0:48"
    assert float(steps.part(page, "#bar").get_attribute("value")) == pytest.approx(8.841 / 48)
    steps.wait_for_player(page)
    steps.go_to(page, 3)
    steps.wait(page, lambda: steps.shown_in_player(page) == [film_cues[2]["text"]])
    assert steps.part(page, "#srt").is_enabled()
    says.go_on.set()
    steps.wait_until_done(page)
    assert steps.text_of(page, "#phase") == "Done: 14 cues in 0:48, Turkish to French"
    assert steps.playing(page) == ["3"]
    assert not steps.part(page, "#caption").is_displayed()  # the player's own is enough


@needs_chromium
def test_the_checks_are_told_in_words(page: Chrome, film: Path):
    make(page, film)
    steps.wait_until_done(page)
    rows = steps.cue_rows(page)
    assert (rows[0]["flag"], rows[0]["reasons"]) == ("Hard to read", ["Too fast to read."])
    assert (rows[1]["flag"], rows[1]["reasons"]) == ("Good", [])
    assert rows[4]["flag"] == "Needs a look"
    assert rows[4]["reasons"] == ["Short beside what was said: something may be missing.", "The model was not sure."]
    assert float(rows[0]["speed"]) == pytest.approx(44 / 1.873, abs=0.05)
    assert steps.text_of(page, "#count") == "14 cues, 1 to look at"


@needs_chromium
def test_every_reason_that_the_gate_and_the_rules_know_has_words(page: Chrome):
    documents = f"{Judgement.__doc__}{Violation.__doc__}"
    known = set(re.findall(r"``([a-z_]+)``", documents)) - {"score", "reasons", "cue", "spoken"}
    assert {"wrong_language", "reading_speed", "overlap"} <= known
    script = "import('/page/reasons.js').then(({inWords}) => arguments[1](arguments[0].map(inWords)))"
    told = page.execute_async_script(script, sorted(known))
    assert [text for text in told if not re.fullmatch(r"[A-Z].*\.", text)] == []


@needs_chromium
def test_the_playing_cue_is_marked_and_scrolled_to(page: Chrome, film: Path):
    make(page, film)
    steps.wait_until_done(page)
    steps.wait_for_player(page)
    steps.seek(page, 45.5)
    steps.wait(page, lambda: steps.playing(page) == ["14"])
    steps.wait(page, lambda: looks.playing_cue_is_in_view(page))
    steps.seek(page, 47.6)
    steps.wait(page, lambda: steps.playing(page) == [])


@needs_chromium
def test_a_transcript_is_asked_for_where_the_languages_are_the_same_or_none_is_named(
    page: Chrome, says: FakeTranslations, film: Path
):
    says.cues = [each | {"text": each["source"]} for each in says.cues]
    make(page, film, "tr", "tr")
    steps.wait_until_done(page)
    make(page, film, "", "")
    steps.wait(page, lambda: len(says.received) == 2)
    steps.wait_until_done(page)
    assert [r.path for r in says.received] == ["/v1/audio/transcriptions"] * 2
    assert [(r.fields.get("language"), r.fields.get("to_language")) for r in says.received] == [
        ("tr", None),
        (None, None),
    ]
    rows = steps.cue_rows(page)
    assert [row["source"] for row in rows] == [""] * 14
    assert "" not in [row["target"] for row in rows]


@needs_chromium
def test_a_dropped_file_is_taken(page: Chrome, says: FakeTranslations):
    page.execute_script("""
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(2000)], "söyleşi — интервью 旅.mp3", {type: "audio/mpeg"}));
        document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));""")
    assert "söyleşi — интервью 旅.mp3" in steps.text_of(page, ".drop")
    steps.start(page)
    steps.wait_until_done(page)
    assert (says.received[0].file_name, says.received[0].file_bytes) == ("söyleşi — интервью 旅.mp3", 2000)


@needs_chromium
def test_a_file_that_the_browser_cannot_show_is_subtitled_all_the_same(page: Chrome, tmp_path: Path):
    strange = tmp_path / "strange.mkv"
    strange.write_bytes(b"no browser reads this")
    make(page, strange)
    steps.wait_until_done(page)
    assert "cannot play the file" in steps.text_of(page, "#unplayable")
    steps.go_to(page, 4)
    assert steps.playing(page) == ["4"]
    assert steps.download(page, "srt", tmp_path).name == "strange.fr.srt"


@needs_chromium
def test_sound_without_a_picture_has_subtitles_too(page: Chrome, sample_archive: Path, film_cues: list[dict]):
    make(page, sample_archive / "films" / "yolculuk.mp4")  # its pictures are in a codec that browsers do not have
    steps.wait_until_done(page)
    steps.wait_for_player(page)
    assert steps.text_of(page, "#unplayable") == "This browser plays the sound alone."
    steps.go_to(page, 2)
    steps.wait(page, lambda: steps.playing(page) == ["2"])
    assert steps.text_of(page, "#caption") == film_cues[1]["text"]
    steps.edit(page, 2, text="Autrement.")
    assert steps.text_of(page, "#caption") == "Autrement."
    steps.seek(page, 6.1)
    assert steps.text_of(page, "#caption") == ""


@needs_chromium
def test_a_demo_model_is_told_on_the_page_and_in_the_files(
    page: Chrome, says: FakeTranslations, film: Path, tmp_path: Path
):
    assert not steps.part(page, "#demo").is_displayed()
    says.demo_model = True
    page.refresh()
    steps.wait(page, lambda: steps.text_of(page, "#demo").startswith("Demo model."))
    page.execute_script("document.querySelector('#demo').hidden = true")  # as where the server told at the end only
    make(page, film)
    steps.wait_until_done(page)
    assert steps.text_of(page, "#demo").startswith("Demo model.")
    notice = list(srt.parse(steps.download(page, "srt", tmp_path).read_text()))[-1]
    assert notice.content == "[demo-model]\nnot a real translation"
    assert "NOTE [demo-model]" in steps.download(page, "vtt", tmp_path).read_text()


# --- editing


@needs_chromium
def test_edits_of_text_and_times_are_kept_marked_shown_and_can_be_taken_back(page: Chrome, film: Path, tmp_path: Path):
    make(page, film)
    steps.wait_until_done(page)
    before = steps.cue_rows(page)
    steps.edit(page, 5, text="Première ligne,\nseconde ligne.", begin="13,25", end="0:16.5")
    row = steps.cue_rows(page)[4]
    assert (row["start"], row["end"]) == ("00:13.250", "00:16.500")
    assert (row["target"], row["flag"], row["reasons"]) == ("Première ligne,\nseconde ligne.", "Edited", [])
    assert float(row["speed"]) == pytest.approx(29 / 3.25, abs=0.05)
    assert steps.text_of(page, "#count") == "14 cues, 1 edited"
    steps.wait_for_player(page)
    for seconds in (16.3, 14):  # past its old end, and within its old time
        steps.seek(page, seconds)
        steps.wait(page, lambda: steps.shown_in_player(page) == ["Première ligne,\nseconde ligne."])
    read = list(srt.parse(steps.download(page, "srt", tmp_path).read_text()))[4]
    assert (read.start.total_seconds(), read.end.total_seconds()) == (13.25, 16.5)
    steps.part(page, "#cues tbody tr:nth-child(5) .edit").click()
    steps.part(page, ".editor .undo").click()
    after = steps.cue_rows(page)
    assert [r | {"playing": False} for r in after] == [r | {"playing": False} for r in before]


@needs_chromium
@pytest.mark.parametrize(
    ("begin", "end", "complaint"),
    [
        ("soon", None, "Write a time as minutes:seconds, such as 01:23.450."),
        ("00:06", None, "A cue has to end after it starts."),
        ("01:61", None, "Write a time as minutes:seconds, such as 01:23.450."),
        (None, "00:03", "A cue has to end after it starts."),
        ("00:02", None, "Cue 1 is shown until 00:02.373: start later."),
        (None, "00:07", "Cue 3 starts at 00:06.682: end earlier."),
    ],
)
def test_times_that_cannot_be_are_refused_and_nothing_is_lost(page: Chrome, film: Path, begin, end, complaint):
    make(page, film)
    steps.wait_until_done(page)
    before = steps.cue_rows(page)
    steps.edit(page, 2, text="Encore là", begin=begin, end=end)
    assert steps.text_of(page, ".editor .complaint") == complaint
    assert steps.part(page, ".editor textarea").get_attribute("value") == "Encore là"
    steps.part(page, ".editor .leave").click()
    assert steps.cue_rows(page) == before


@needs_chromium
def test_an_emptied_cue_is_left_out_of_the_files(page: Chrome, film: Path, film_cues: list[dict], tmp_path: Path):
    make(page, film)
    steps.wait_until_done(page)
    steps.edit(page, 1, text="")
    assert steps.cue_rows(page)[0]["flag"] == "Left out"
    read = list(srt.parse(steps.download(page, "srt", tmp_path).read_text()))
    assert [s.content for s in read] == [c["text"] for c in film_cues[1:]]
    assert read[0].index == 1


@needs_chromium
def test_the_page_is_not_left_with_edits_that_are_nowhere_else(page: Chrome, film: Path, tmp_path: Path):
    leaves = "const e = new Event('beforeunload', {cancelable: true}); dispatchEvent(e); return !e.defaultPrevented"
    make(page, film)
    steps.wait_until_done(page)
    assert page.execute_script(leaves)
    steps.edit(page, 1, text="À moi")
    assert not page.execute_script(leaves)
    assert steps.part(page, "#unsaved").is_displayed()
    steps.start(page)
    page.switch_to.alert.dismiss()
    assert steps.cue_rows(page)[0]["target"] == "À moi"
    steps.download(page, "vtt", tmp_path)
    assert page.execute_script(leaves)
    assert not steps.part(page, "#unsaved").is_displayed()


@needs_chromium
def test_an_edit_under_way_outlives_the_cues_that_come(page: Chrome, says: FakeTranslations, film: Path):
    says.hold_after = 2
    make(page, film)
    steps.wait_for_cues(page, 2)
    steps.edit(page, 1, text="Corrigé")
    steps.part(page, "#cues tbody tr:nth-child(2) .edit").click()
    steps.part(page, ".editor textarea").send_keys(" À suivre")
    says.go_on.set()
    steps.wait_until_done(page)
    assert steps.cue_rows(page)[0]["target"] == "Corrigé"
    assert steps.part(page, ".editor textarea").get_attribute("value").endswith(" À suivre")


# --- hostile and strange text


@needs_chromium
def test_hostile_text_stays_text_in_the_table_the_player_and_the_files(
    page: Chrome, says: FakeTranslations, film: Path, tmp_path: Path
):
    shown = HOSTILE.replace("00:00:01.000", "00:00:01\u2060.000")
    says.cues = [
        cue(1, 0.5, 2.0, HOSTILE, source=f"Söz: {HOSTILE}", verdict="needs_review", reasons=[HOSTILE]),
        cue(2, 3.0, 4.0, "a\n\n\n2\n00:00:00,000 --> 00:00:09,000\nb\x00\u2028c"),
    ]
    title = page.title
    make(page, film)
    steps.wait_until_done(page)
    rows = steps.cue_rows(page)
    assert (rows[0]["target"], rows[0]["source"]) == (HOSTILE, f"Söz: {HOSTILE}")
    assert page.execute_script("return document.querySelectorAll('#cues img, #cues script').length") == 0
    assert page.title == title
    steps.wait_for_player(page)
    steps.go_to(page, 1)
    steps.wait(page, lambda: steps.shown_in_player(page) == [shown])
    read = list(srt.parse(steps.download(page, "srt", tmp_path).read_text()))
    assert [len(s.content.splitlines()) for s in read] == [1, 5]
    assert "<" not in read[0].content
    vtt = steps.download(page, "vtt", tmp_path).read_text()
    assert len(webvtt.from_string(vtt)) == 2
    assert "<" not in vtt


@needs_chromium
def test_right_to_left_names_and_texts_keep_their_order(page: Chrome, says: FakeTranslations, tmp_path: Path):
    says.cues = [cue(1, 0.5, 2.0, "ذهبنا إلى إسطنبول يوم الاثنين.", source="Pazartesi İstanbul'a gittik.")]
    recording = tmp_path / "مقابلة \u202egpm.mp3"
    recording.write_bytes(b"0" * 100)
    make(page, recording, "tr", "ar")
    steps.wait_until_done(page)
    direction = "return getComputedStyle(document.querySelector(arguments[0])).direction"
    assert page.execute_script(direction, ".cue .target") == "rtl"
    assert page.execute_script(direction, ".cue .source") == "ltr"
    assert page.execute_script("return document.querySelector('.cue .target').lang") == "ar"


# --- what goes wrong


@needs_chromium
@pytest.mark.parametrize(
    ("status", "headers", "told"),
    [
        (400, {}, "does not take this request"),
        (401, {}, "asks for an API key"),
        (413, {}, "larger"),
        (415, {}, "no audio or video"),
        (422, {}, "cannot make subtitles of this file"),
        (429, {"Retry-After": "12"}, "Try again in 12 seconds."),
        (500, {}, "failed at this request"),
        (503, {"Retry-After": "300"}, "Try again in 5 minutes."),
        (504, {}, "longer than the server allows"),
        (418, {}, "status 418"),
    ],
)
def test_a_refusal_is_explained_and_can_be_tried_again(
    page: Chrome, says: FakeTranslations, film: Path, status, headers, told
):
    says.refusal = refuse(status, "the fake's own words", **headers)
    make(page, film)
    alert = steps.wait_for_alert(page)
    assert told in alert
    assert "the fake's own words" in alert
    assert steps.part(page, "#start").is_displayed()
    says.refusal = None
    steps.part(page, "#alert button").click()
    steps.wait_until_done(page)
    assert len(steps.cue_rows(page)) == 14


@needs_chromium
def test_a_key_is_asked_for_sent_and_kept_in_this_tab_alone(page: Chrome, says: FakeTranslations, film: Path, url: str):
    says.key = "sk-1+/="
    page.refresh()
    make(page, film)
    steps.wait_for_alert(page)
    assert page.switch_to.active_element.get_attribute("id") == "key"
    steps.give_key(page, "şifre")
    steps.part(page, "#alert button").click()
    steps.wait(page, lambda: "This key has characters that no key has." in steps.text_of(page, "#alert"))
    steps.part(page, "#key").clear()
    steps.give_key(page, says.key)
    steps.start(page)
    steps.wait_until_done(page)
    assert [r.authorization for r in says.received] == [None, "Bearer sk-1+/="]
    assert page.execute_script("return [localStorage.length, document.cookie]") == [0, ""]
    page.refresh()
    steps.wait(page, lambda: steps.part(page, "#key").get_attribute("value") == says.key)
    page.switch_to.new_window("tab")
    page.get(url)
    assert steps.part(page, "#key").get_attribute("value") == ""
    page.close()
    page.switch_to.window(page.window_handles[0])


@needs_chromium
@pytest.mark.parametrize(
    ("ending", "told"),
    [("cut", "The connection was lost."), ("error", "The server stopped before the end. It says: the model died.")],
)
def test_cues_that_came_before_the_end_failed_are_kept(
    page: Chrome, says: FakeTranslations, film: Path, tmp_path: Path, ending, told
):
    says.cues, says.ending, says.hold_after = says.cues[:2], ending, 2
    says.error = {"message": "the model died", "type": "server_error", "code": "internal"}
    make(page, film)
    steps.wait_for_cues(page, 2)
    says.go_on.set()
    alert = steps.wait_for_alert(page)
    assert alert.startswith(told)
    assert alert.endswith("The 2 cues so far are kept.")
    assert steps.download(page, "srt", tmp_path).name == "Yolculuğum – дорога.fr.incomplete.srt"


@needs_chromium
@pytest.mark.parametrize(
    ("code", "told"),
    [("not_media", "no audio or video"), ("deadline", "longer than the server allows"), ("too_long", "or longer")],
)
def test_a_refusal_after_the_answer_began_is_explained_as_well(
    page: Chrome, says: FakeTranslations, film: Path, code, told
):
    says.cues, says.ending, says.error = [], "error", {"message": "so it is", "code": code}
    make(page, film)
    alert = steps.wait_for_alert(page)
    assert told in alert
    assert alert.endswith("It says: so it is.")


@needs_chromium
def test_cancelling_stops_the_servers_work_and_keeps_what_came(page: Chrome, says: FakeTranslations, film: Path):
    says.hold_after = 2
    make(page, film)
    steps.wait_for_cues(page, 2)
    steps.part(page, "#cancel").click()
    assert steps.wait_for_alert(page) == "Cancelled. The 2 cues so far are kept."
    assert says.left.wait(10)
    assert steps.part(page, "#start").is_displayed()
    assert len(steps.cue_rows(page)) == 2


@needs_chromium
def test_how_far_an_upload_is_can_be_seen_and_cancelled(page: Chrome, says: FakeTranslations, tmp_path: Path):
    long = tmp_path / "long.wav"
    with long.open("wb") as file:
        file.truncate(40_000_000)
    says.hold_upload = True
    make(page, long)
    steps.wait(page, lambda: re.fullmatch(r"\d+\.\d MB of 40\.0 MB", steps.text_of(page, "#amount")))
    assert steps.text_of(page, "#phase") == "Sending the file"
    assert 0 < float(steps.part(page, "#bar").get_attribute("value")) < 1
    steps.part(page, "#cancel").click()
    assert steps.wait_for_alert(page) == "Cancelled."
    says.hold_upload = False
    steps.part(page, "#alert button").click()
    steps.wait_until_done(page)
    assert [received.file_bytes for received in says.received] == [40_000_000]


@needs_chromium
def test_a_server_that_is_gone_is_told(page: Chrome, service: FakeService, film: Path):
    steps.choose_file(page, film)
    page.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    steps.start(page)
    assert steps.wait_for_alert(page).startswith("The connection was lost while the file was sent.")
    page.execute_cdp_cmd("Network.emulateNetworkConditions", offline | {"offline": False})
    steps.part(page, "#alert button").click()
    steps.wait_until_done(page)


@needs_chromium
def test_nothing_or_an_empty_file_is_not_sent(page: Chrome, says: FakeTranslations, tmp_path: Path):
    steps.start(page)
    assert steps.wait_for_alert(page) == "Choose an audio or video file first."
    empty = tmp_path / "empty.mp3"
    empty.touch()
    steps.choose_file(page, empty)
    assert steps.wait_for_alert(page) == "This file is empty."
    assert says.received == []


@needs_chromium
def test_silence_is_told(page: Chrome, says: FakeTranslations, film: Path):
    says.cues = []
    make(page, film)
    steps.wait_until_done(page)
    assert steps.text_of(page, "#empty") == "Nobody speaks in this file, or nothing was understood."
    assert not steps.part(page, "#srt").is_enabled()


# --- for everybody


def tab_to(page: Chrome, name: str) -> list[str]:
    """Press Tab until an element has the focus; every stop on the way can be seen."""
    passed = []
    for _ in range(25):
        ActionChains(page).send_keys(Keys.TAB).perform()
        focus = looks.focus(page)
        passed.append(focus["name"])
        if focus["name"] != "VIDEO":  # the browser marks its own controls
            assert focus["seen"], focus
        if focus["name"] == name:
            return passed
    raise AssertionError(f"{name} is not reached: {passed}")


@needs_chromium
def test_everything_can_be_done_with_the_keyboard(page: Chrome, film: Path, film_cues: list[dict], tmp_path: Path):
    press = lambda *keys: ActionChains(page).send_keys(*keys).perform()  # noqa: E731
    assert tab_to(page, "file") == ["file"]
    page.switch_to.active_element.send_keys(str(film))
    assert tab_to(page, "spoken") == ["spoken"]
    press("Turk")
    assert tab_to(page, "target") == ["target"]
    press("Fren")
    assert tab_to(page, "start") == ["start"]
    press(Keys.ENTER)
    steps.wait_until_done(page)
    steps.wait_for_player(page)
    tab_to(page, "jump")
    press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ENTER)
    steps.wait(page, lambda: steps.playing(page) == ["3"])
    assert steps.video_time(page) == pytest.approx(film_cues[2]["start"], abs=0.01)
    press("e")
    assert page.switch_to.active_element.tag_name == "textarea"
    press("Non. ")
    ActionChains(page).key_down(Keys.CONTROL).send_keys(Keys.ENTER).key_up(Keys.CONTROL).perform()
    assert steps.cue_rows(page)[2]["target"] in (film_cues[2]["text"] + "Non.", "Non. " + film_cues[2]["text"])
    assert looks.focus(page) == {"name": "edit", "seen": True}
    press(Keys.ENTER, "zzz", Keys.ESCAPE)
    assert "zzz" not in steps.cue_rows(page)[2]["target"]
    press(Keys.ARROW_UP)
    assert page.switch_to.active_element.get_attribute("aria-label") == "Edit cue 2"
    for _ in range(2):  # back over this cue's own button
        ActionChains(page).key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT).perform()
    assert looks.focus(page)["name"] == "follow"
    assert looks.without_a_name(page) == []


@needs_chromium
def test_the_focus_is_never_lost_between_start_cancel_and_start(page: Chrome, says: FakeTranslations, film: Path):
    says.hold_after = 1
    steps.choose_file(page, film)
    steps.part(page, "#start").send_keys(Keys.ENTER)
    steps.wait_for_cues(page, 1)
    assert page.switch_to.active_element.get_attribute("id") == "cancel"
    page.switch_to.active_element.send_keys(Keys.ENTER)
    steps.wait_for_alert(page)
    assert page.switch_to.active_element.get_attribute("id") == "start"
    steps.part(page, "#alert button").send_keys(Keys.ENTER)
    assert page.switch_to.active_element.get_attribute("id") == "cancel"


@needs_chromium
def test_progress_is_said_seldom_and_politely(page: Chrome, film: Path):
    page.execute_script("""
        window.said = [];
        const live = document.querySelector("[aria-live=polite]");
        const note = (records) => window.said.push(...records.flatMap((r) => [...r.addedNodes].map((n) => n.data)));
        new MutationObserver(note).observe(live, {childList: true});""")
    make(page, film)
    steps.wait_until_done(page)
    said = page.execute_script("return window.said")
    assert said[-1] == "Done: 14 cues in 0:48, Turkish to French"
    assert len(said) <= 6


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read_in_both_schemes(page: Chrome, says: FakeTranslations, film: Path, scheme: str):
    """WCAG 2.2, 1.4.3: a contrast of 4.5 to 1."""
    steps.set_media(page, prefers_color_scheme=scheme)
    says.demo_model, says.ending = True, "done"
    make(page, film)
    steps.wait_until_done(page)
    steps.edit(page, 1, text="Corrigé")
    steps.part(page, "#cues tbody tr:nth-child(2) .edit").click()
    steps.part(page, ".editor .start").send_keys("x")
    steps.part(page, ".editor .save").click()
    steps.go_to(page, 5)
    page.execute_script("document.querySelector('#key-box').open = true")
    contrasts = looks.contrasts(page)
    assert {name: ratio for name, ratio in contrasts.items() if ratio < 4.5} == {}
    assert {"SPAN.flag#", "P.notice#demo", "P.complaint#", "BUTTON.jump#"} <= set(contrasts)
    assert (looks.brightness(page) > 0.5) == (scheme == "light")


@needs_chromium
def test_a_phone_shows_everything_without_scrolling_sideways(page: Chrome, says: FakeTranslations, film: Path):
    steps.set_screen(page, 360, 740)
    says.demo_model = True
    says.cues[0] |= {"text": "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz", "source": "x" * 300}
    long_name = film.with_name("a" * 120 + ".webm")
    long_name.write_bytes(film.read_bytes())
    width = "return document.documentElement.scrollWidth"
    assert page.execute_script(width) == 360
    make(page, long_name)
    steps.wait_until_done(page)
    assert page.execute_script(width) == 360
    steps.part(page, "#cues tbody tr:nth-child(1) .edit").click()
    page.execute_script("document.querySelector('#key-box').open = true")
    assert page.execute_script(width) == 360
    assert looks.sticking_out(page) == []
    steps.part(page, ".editor .leave").click()
    steps.wait_for_player(page)
    steps.seek(page, 45)
    steps.wait(page, lambda: looks.playing_cue_is_in_view(page))
    assert looks.hard_to_hit(page) == []
    page.execute_script("document.querySelector('.playing .jump').focus()")
    for _ in range(7):
        ActionChains(page).send_keys(Keys.ARROW_UP).perform()
        assert not looks.focus_is_covered(page)


@needs_chromium
def test_nothing_moves_for_those_who_asked_for_stillness(page: Chrome, says: FakeTranslations, film: Path):
    show = "document.querySelector('#progress').hidden = false; document.querySelector('#bar').removeAttribute('value')"
    page.execute_script(show)
    assert looks.animations(page) == 1
    steps.set_media(page, prefers_reduced_motion="reduce")
    assert looks.animations(page) == 0


@needs_chromium
def test_hours_of_cues_stay_quick(page: Chrome, says: FakeTranslations, film: Path):
    says.cues = [cue(n, 3.0 * n, 3.0 * n + 2, f"Phrase {n}.", source=f"Cümle {n}.") for n in range(1, 6001)]
    says.duration = 18_010.0
    make(page, film)
    steps.wait_until_done(page, 60)
    assert len(steps.cue_rows(page)) == 6000
    took = page.execute_script("""
        const begun = performance.now();
        document.querySelector("#cues tbody tr:nth-child(5900) .jump").click();
        document.querySelector("#cues").getBoundingClientRect();
        return performance.now() - begun;""")
    assert took < 500


# --- pictures


@needs_chromium
@pytest.mark.skipif("PAGE_SCREENSHOTS" not in os.environ, reason="PAGE_SCREENSHOTS names no folder")
@pytest.mark.parametrize(
    ("name", "width", "height", "scheme"),
    [("desktop", 1280, 860, "light"), ("dark", 1280, 860, "dark"), ("phone", 390, 844, "light")],
)
def test_pictures_of_the_page_at_work(page: Chrome, says: FakeTranslations, film: Path, name, width, height, scheme):
    steps.set_screen(page, width, height, 1.5 if name == "phone" else 1)
    steps.set_media(page, prefers_color_scheme=scheme)
    says.hold_after = 11
    make(page, film)
    steps.wait_for_cues(page, 11)
    steps.wait_for_player(page)
    if name == "dark":
        says.go_on.set()
        steps.wait_until_done(page)
        steps.edit(page, 2, text="Lundi, nous partons\npour Trabzon.")
    steps.go_to(page, 3 if name == "phone" else 5)
    steps.wait(page, lambda: steps.shown_in_player(page))
    first = "#stage" if name == "phone" else "body"
    page.execute_script("scrollTo(0, document.querySelector(arguments[0]).offsetTop)", first)
    page.execute_script("document.activeElement.blur()")
    made = Path(os.environ["PAGE_SCREENSHOTS"]) / f"{name}.png"
    steps.take_picture(page, made)
    assert made.stat().st_size < 150_000
