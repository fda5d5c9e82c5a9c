"""Files that every reader takes, whatever the text says, and that say so when the demo model made them."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ElementTree

import av
import pysubs2
import pytest
import srt
import ttconv.imsc.reader
import ttconv.model
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.records import Cue, Medium, PartWindow, Segment, Text
from pipelines.subtitles.substation import read_styles
from pipelines.subtitles.subtitle_files import DEMO_NOTICE, FORMATS, ShardFailure, TrackFacts, count_cues, render

MEDIUM = Medium(id="ab12", url="/archive/film.mp4", name="film.mp4", size=1, version="1", duration_s=20.0)

NASTY = [
    "00:00:01,000 --> 00:00:02,000",
    "00:01.000 --> 00:02.000",
    "à 00:00:01,000 et 00:00:02,000",
    "<i>en italique</i>",
    "a < b & c > d",
    "<script>alert(1)</script>",
    "<!-- rien -->",
    "{\\an8}en haut {b}",
    "{\\p1}dessin",
    "C:\\new\\hotel\\Nord",
    "-->",
    "NOTE ceci",
    "WEBVTT",
    "STYLE",
    "42",
    "1984",
    "&amp; &lt;",
    "[Script Info]",
    "- Bonjour ☕️ — ça va ?",
    "\ufeffBonjour",
    "\ufffe\uffff\ud800 rien",
    "🌳 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩\u200d👩\u200d👧",
    "שלום, \u202bعليكم\u202c!",
    "]]> <![CDATA[x]]> &#0;",
    "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,x",
    "[Events]",
    "{\\i1}penché{\\i0}\\N\\h",
]
FFMPEG = {"srt": "srt", "vtt": "webvtt", "ass": "ass", "ssa": "ass"}
"""FFmpeg's own readers, which share nothing with what writes our files; of TTML it has none."""


def cue(index: int, *lines: str, start: float | None = None) -> Cue:
    begin = 3.0 * index if start is None else start
    return Cue(
        index=index,
        start_s=begin,
        end_s=begin + 2.5,
        lines=lines,
        source="Kaynak",
        score=0.9,
        verdict="accepted",
    )


def with_srt(data: bytes) -> list[tuple[int, int, str]]:
    return [
        (round(s.start.total_seconds() * 1000), round(s.end.total_seconds() * 1000), s.content)
        for s in srt.parse(data.decode())
    ]


def with_pysubs2(data: bytes, fmt: str) -> list[tuple[int, int]]:
    return [(e.start, e.end) for e in pysubs2.SSAFile.from_string(data.decode(), format_=fmt)]


def with_webvtt(data: bytes, fmt: str) -> list[tuple[int, int]]:
    captions = webvtt.from_buffer(io.BytesIO(data), fmt)
    return [
        (round(c.start_in_seconds * 1000) + c.start_time.milliseconds * 0, round(c.end_in_seconds * 1000))
        for c in captions
    ]


def with_ffmpeg(data: bytes, fmt: str) -> list[tuple[int, int]]:
    with av.open(io.BytesIO(data), format=FFMPEG[fmt]) as container:
        found = [packet for packet in container.demux() if packet.size]
        base = container.streams.subtitles[0].time_base * 1000
        return [(round(p.pts * base), round((p.pts + p.duration) * base)) for p in found]


def with_ttconv(data: bytes) -> list[tuple[int, int, str]]:
    document = ttconv.imsc.reader.to_model(ElementTree.ElementTree(ElementTree.fromstring(data)))
    found = []
    for paragraph in document.get_body().dfs_iterator():
        if isinstance(paragraph, ttconv.model.P):
            lines = [
                "".join(text.get_text() for text in span if isinstance(text, ttconv.model.Text)) for span in paragraph
            ]
            text = "\n".join(line for line in lines if line)
            found.append((round(paragraph.get_begin() * 1000), round(paragraph.get_end() * 1000), text))
    return found


def test_srt_reads_back_with_its_times_and_lines():
    data = render("srt", [cue(1, "Bonjour,", "ça va ?"), cue(2, "Oui.")], MEDIUM, "fr", False)
    assert with_srt(data) == [(3000, 5500, "Bonjour,\nça va ?"), (6000, 8500, "Oui.")]
    assert b"\r" not in data


def test_vtt_reads_back_with_its_times_and_lines():
    data = render("vtt", [cue(1, "Bonjour,", "ça va ?"), cue(2, "Oui.")], MEDIUM, "fr", False)
    captions = webvtt.from_buffer(io.BytesIO(data))
    assert [(c.start, c.end, c.raw_text) for c in captions] == [
        ("00:00:03.000", "00:00:05.500", "Bonjour,\nça va ?"),
        ("00:00:06.000", "00:00:08.500", "Oui."),
    ]


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("fmt", ["srt", "vtt", "ass", "ssa", "ttml"])
@pytest.mark.parametrize("demo", [False, True])
def test_no_text_breaks_a_file(text, fmt, demo):
    cues = [cue(1, "Avant"), cue(2, text), cue(3, "Au milieu", text), cue(4, "Après")]
    times = [(3000, 5500), (6000, 8500), (9000, 11500), (12000, 14500)]
    data = render(fmt, cues, MEDIUM, "fr", demo)
    assert with_pysubs2(data, fmt)[:4] == times
    assert len(with_pysubs2(data, fmt)) == 4 + (demo and fmt == "srt")
    assert count_cues(fmt, data) == 4
    if fmt == "srt":
        read = with_srt(data)
        assert [(start, end) for start, end, _ in read[:4]] == times
        assert [content for _, _, content in read[:4]][3] == "Après"
    if fmt in ("srt", "vtt"):
        assert len(webvtt.from_buffer(io.BytesIO(data), fmt)) == 4 + (demo and fmt == "srt")
    if fmt == "ttml":
        read = with_ttconv(data)
        assert [(start, end) for start, end, _ in read] == times
        assert read[3][2] == "Après"
    else:
        assert with_ffmpeg(data, fmt)[:4] == times
        assert len(with_ffmpeg(data, fmt)) == 4 + (demo and fmt == "srt")


@pytest.mark.parametrize("text", ["<i>en italique</i>", "<script>x</script>", "{\\an8}en haut"])
def test_markup_in_the_text_is_shown_not_obeyed(text):
    data = render("srt", [cue(1, text), cue(2, "Fin")], MEDIUM, "fr", False)
    event = pysubs2.SSAFile.from_string(data.decode(), format_="srt")[0]
    assert len(event.plaintext) == len(text)
    vtt = render("vtt", [cue(1, "<i>a</i> & b")], MEDIUM, "fr", False).decode()
    assert "&lt;i&gt;a&lt;/i&gt; &amp; b" in vtt


def test_blank_lines_and_control_characters_go():
    cues = [cue(1, "Un\r\n\r\n\n\x00deux\u2028trois", "", "  "), cue(2, "Fin")]
    assert [c for _, _, c in with_srt(render("srt", cues, MEDIUM, "fr", False))] == ["Un\ndeux\ntrois", "Fin"]


def test_a_cue_of_blanks_is_not_written_but_stands_in_the_json():
    cues = [cue(1, "Un"), cue(2, " ", "\n"), cue(3, "Trois")]
    assert len(with_srt(render("srt", cues, MEDIUM, "fr", False))) == 2
    assert len(json.loads(render("json", cues, MEDIUM, "fr", False))["cues"]) == 3


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), max_size=6), st.booleans())
def test_any_text_gives_files_that_hold_as_many_cues(texts, demo):
    cues = [cue(i, *lines) for i, lines in enumerate(texts, start=1)]
    data = {fmt: render(fmt, cues, MEDIUM, "fr", demo) for fmt in FORMATS}
    shown = len(srt_cues := [c for _, _, c in with_srt(data["srt"])]) - (demo and bool(cues) and bool(srt_cues))
    assert count_cues("srt", data["srt"]) == count_cues("vtt", data["vtt"]) == shown
    assert {count_cues(fmt, data[fmt]) for fmt in ("ass", "ssa", "ttml")} == {shown}
    assert len(with_ttconv(data["ttml"])) == len(with_ffmpeg(data["ass"], "ass")) == shown
    assert count_cues("json", data["json"]) == len(cues)
    assert all(data[fmt] == render(fmt, cues, MEDIUM, "fr", demo) for fmt in data)


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_medium_without_cues_has_a_valid_file(fmt):
    data = render(fmt, [], MEDIUM, "fr", False)
    assert count_cues(fmt, data) == 0
    if fmt == "srt":
        assert with_srt(data) == []
    if fmt == "vtt":
        assert len(webvtt.from_buffer(io.BytesIO(data))) == 0


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_demo_models_files_say_so(fmt):
    cues = [cue(1, "Bonjour"), cue(2, "Fin")]
    assert b"demo-model" in render(fmt, cues, MEDIUM, "fr", True)
    assert b"demo-model" not in render(fmt, cues, MEDIUM, "fr", False)


def test_the_demo_mark_of_an_srt_stands_after_all_speech_and_leaves_the_numbers():
    cues = [cue(1, "Bonjour"), cue(2, "Fin")]
    read = list(srt.parse(render("srt", cues, MEDIUM, "fr", True).decode()))
    assert [(s.index, s.content) for s in read[:2]] == [(1, "Bonjour"), (2, "Fin")]
    assert read[2].content.replace("\n", " ") == DEMO_NOTICE
    assert read[2].start > read[1].end
    assert max(map(len, read[2].content.split("\n"))) <= 42


def test_the_demo_mark_of_a_vtt_is_a_comment():
    data = render("vtt", [cue(1, "Bonjour")], MEDIUM, "fr", True)
    track = webvtt.from_buffer(io.BytesIO(data))
    assert track.header_comments == [DEMO_NOTICE]
    assert [c.text for c in track] == ["Bonjour"]
    assert len(webvtt.from_buffer(io.BytesIO(render("vtt", [], MEDIUM, "fr", True)))) == 0


def test_json_tells_texts_times_scores_and_failures():
    source = Text(language="tr", text="Merhaba", logprob=-0.1, score=0.9, verdict="accepted")
    target = Text(
        language="fr",
        text="Bonjour",
        logprob=-0.2,
        score=0.4,
        verdict="needs_review",
        reasons=("length",),
        attempts=3,
    )
    window = PartWindow(
        start_s=0.0,
        end_s=9.0,
        segments=(Segment(start=3.0, end=5.0, confidence=0.8),),
        source=source,
        targets=(target,),
    )
    facts = TrackFacts(
        source_language="tr",
        fingerprint="f" * 16,
        windows=(window,),
        failures=(ShardFailure(index=1, kind="unreadable", detail="gone"),),
    )
    document = json.loads(render("json", [cue(1, "Bonjour")], MEDIUM, "fr", True, facts=facts))
    assert document["demo_model"] is True
    assert document["notice"] == DEMO_NOTICE
    assert (document["language"], document["source_language"]) == ("fr", "tr")
    assert document["medium"]["id"] == "ab12"
    assert document["cues"][0] | {"lines": None} == {
        "index": 1,
        "start_s": 3.0,
        "end_s": 5.5,
        "lines": None,
        "text": "Bonjour",
        "source": "Kaynak",
        "score": 0.9,
        "verdict": "accepted",
        "reasons": [],
    }
    (told,) = document["windows"]
    assert told["segments"] == [{"start": 3.0, "end": 5.0, "confidence": 0.8}]
    assert told["source"]["text"] == "Merhaba"
    assert told["target"]["reasons"] == ["length"]
    assert document["failures"] == [{"index": 1, "kind": "unreadable", "detail": "gone"}]


def test_no_file_tells_an_address():
    medium = MEDIUM.model_copy(update={"url": "https://user:secret@host/film.mp4?X-Amz-Signature=secret"})
    for fmt in FORMATS:
        assert b"secret" not in render(fmt, [cue(1, "Bonjour")], medium, "fr", True)


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match=r"srt, .* or ttml"):
        render("doc", [], MEDIUM, "fr", False)


@pytest.mark.parametrize(
    ("fmt", "data"),
    [
        ("srt", b"hello"),
        ("vtt", b"1\n"),
        ("json", b"[]"),
        ("json", b"{"),
        ("srt", b"\xff\xfe"),
        ("ass", b"hello"),
        ("ttml", b"<tt>"),
        ("ttml", b"<html/>"),
    ],
)
def test_what_is_no_such_file_is_told(fmt, data):
    with pytest.raises(ValueError):
        count_cues(fmt, data)


STYLES = """[Script Info]
Title: what I made before
PlayResX: 1920
PlayResY: 1080

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: House,Georgia,54,&H00FFFFFF,&H0000FFFF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1,3,0,2,60,60,50,1
"""


@pytest.mark.parametrize("fmt", ["ass", "ssa"])
def test_ass_takes_the_styles_of_a_file(fmt):
    data = render(fmt, [cue(1, "Bonjour,", "ça va ?")], MEDIUM, "fr", False, ass_style=STYLES)
    read = pysubs2.SSAFile.from_string(data.decode())
    assert (read.styles["House"].fontname, read.styles["House"].fontsize) == ("Georgia", 54)
    assert (read.info["PlayResX"], read.info.get("Title")) == ("1920", None)
    assert [(event.style, event.plaintext) for event in read] == [("House", "Bonjour,\nça va ?")]
    assert b"House" not in render(fmt, [cue(1, "Bonjour")], MEDIUM, "fr", False)


def test_what_is_no_style_file_is_refused():
    for content in ("", "hello", "1\n00:00:01,000 --> 00:00:02,000\nx\n"):
        with pytest.raises(ValueError, match="no ASS file"):
            read_styles(content)


def test_ttml_is_an_imsc_text_document_in_its_language():
    data = render("ttml", [cue(1, "Bonjour,", "ça va\u202f?"), cue(2, "a < b & c")], MEDIUM, "fr", True)
    root = ElementTree.fromstring(data)
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == "fr"
    assert "imsc1" in root.get("{http://www.w3.org/ns/ttml#parameter}contentProfiles")
    assert with_ttconv(data) == [(3000, 5500, "Bonjour,\nça va\u202f?"), (6000, 8500, "a < b & c")]


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_bilingual_cue_shows_both_languages(fmt):
    both = cue(1, "Bonjour").model_copy(update={"beneath": ("Merhaba",)})
    text = render(fmt, [both], MEDIUM, "fr", False).decode()
    assert -1 < text.index("Bonjour") < text.index("Merhaba")


def test_a_number_above_a_spoken_time_is_no_cue_of_its_own():
    cues = [cue(1, "Texte", "2", "00:00:00,000 --> et plus"), cue(2, "Voilà.")]
    written = render("srt", cues, MEDIUM, "fr", False).decode()
    assert [len(one.content.split("\n")) for one in srt.parse(written)] == [3, 1]
