from __future__ import annotations

import pytest

from pipelines.languages import UnknownLanguage
from ray_apps.cli_settings import UsageError, make_settings


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "settings.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def flags(**given):
    return {"inputs": ["talks"], "targets": ["French"], **given}


def test_the_defaults():
    settings = make_settings(flags(), None)
    assert settings.inputs == ("talks",)
    assert settings.targets == ("fr",)
    assert settings.out == "subtitles"
    assert settings.source is None
    assert settings.gate.quality == "medium"


def test_flags_that_were_not_given_leave_the_default():
    settings = make_settings(flags(out=None, model=None, min_actors=None, formats=None), None)
    assert settings == make_settings(flags(), None)


@pytest.mark.parametrize("targets", [["French,English"], ["fr", "en"], ["français", "FR", "eng"]])
def test_languages_by_name_or_code_repeated_or_listed(targets):
    assert make_settings(flags(targets=targets), None).targets == ("fr", "en")


@pytest.mark.parametrize(("source", "code"), [("Turkish", "tr"), ("Türkçe", "tr"), ("auto", None)])
def test_the_spoken_language(source, code):
    assert make_settings(flags(source=source), None).source == code


def test_a_file_gives_everything(config):
    path = config(
        """
        inputs: talks/
        targets: French, English
        source: Turkish
        quality: max
        formats: [vtt]
        max-actors: 4
        vad: {onset: 0.5}
        cues:
          max_line_chars: 37
        """
    )
    settings = make_settings({}, path)
    assert (settings.inputs, settings.targets, settings.source) == (("talks/",), ("fr", "en"), "tr")
    assert (settings.gate.quality, settings.formats, settings.max_actors) == ("max", ("vtt",), 4)
    assert (settings.vad.onset, settings.cues.max_line_chars) == (0.5, 37)


def test_flags_win_over_the_file_and_leave_the_rest_of_a_branch(config):
    path = config("targets: [de]\nquality: low\ngate: {low_confidence: 0.5}\nout: there\n")
    settings = make_settings(flags(quality="high"), path)
    assert settings.targets == ("fr",)
    assert settings.out == "there"
    assert settings.gate.quality == "high"
    assert settings.gate.low_confidence == 0.5


def test_an_empty_file_is_no_settings(config):
    assert make_settings(flags(), config("")) == make_settings(flags(), None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- a\n- b\n", "must hold names with values"),
        ("out: [unclosed\n", "not valid YAML"),
        ("colour: red\n", "colour: there is no such setting"),
        ("vad: {onset: 3}\n", r"vad\.onset: input should be less than 1 \(given: 3\)"),
        ("vad: {unset: 3}\n", r"vad\.unset: there is no such setting"),
        ("min_actors: many\n", r"min_actors: .*\(given: 'many'\)"),
        ("min_actors: 3\nmax_actors: 2\n", "--min-actors 3 is more than --max-actors 2"),
        ("formats: docx\n", "--formats docx: known are srt, vtt, json, ass, ssa, ttml"),
        ("quality: superb\n", r"gate\.quality: "),
    ],
)
def test_a_file_that_does_not_fit(config, text, complaint):
    with pytest.raises(UsageError, match=complaint):
        make_settings(flags(), config(text))


def test_all_complaints_come_at_once(config):
    with pytest.raises(UsageError, match=r"(?s)vad\.onset.*colour"):
        make_settings(flags(), config("colour: red\nvad: {onset: 3}\n"))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        make_settings(flags(), tmp_path / "none.yaml")


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not valid YAML"):
        make_settings(flags(), path)


def test_what_is_missing_is_asked_for():
    with pytest.raises(UsageError, match="voxtral translate talks/"):
        make_settings({"targets": ["French"]}, None)
    with pytest.raises(UsageError, match="--target-lang French"):
        make_settings({"inputs": ["talks"]}, None)
    with pytest.raises(UsageError, match="--target-lang French"):
        make_settings(flags(targets=[" , "]), None)


def test_an_unknown_language():
    with pytest.raises(UnknownLanguage, match="French"):
        make_settings(flags(targets=["Frensh"]), None)


def test_formats_are_taken_as_people_write_them():
    assert make_settings(flags(formats="SRT, .vtt,srt"), None).formats == ("srt", "vtt")


def test_how_cues_look_is_said_by_flags_or_in_the_file(config, tmp_path):
    style = tmp_path / "house.ass"
    style.write_text("[Script Info]\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: House,Georgia\n")
    made = make_settings(flags(profile="ted", bilingual=True, ass_style=style), config("cues: {max_lines: 3}\n")).cues
    assert (made.profile, made.bilingual, made.max_lines, made.mux) == ("ted", True, 3, False)
    assert "House" in made.ass_style
    assert make_settings(flags(), config("profile: bbc\nmux: true\n")).cues.profile == "bbc"
    assert make_settings(flags(formats="ass,ttml"), None).formats == ("ass", "ttml")


def test_a_profile_or_style_that_is_none(tmp_path):
    with pytest.raises(UsageError, match=r"cues\.profile: .*netflix-children"):
        make_settings(flags(profile="imax"), None)
    with pytest.raises(UsageError, match=r"--ass-style .*cannot be used"):
        make_settings(flags(ass_style=tmp_path / "none.ass"), None)
    (tmp_path / "x.ass").write_text("hello")
    with pytest.raises(UsageError, match="no ASS file"):
        make_settings(flags(ass_style=tmp_path / "x.ass"), None)


def test_a_style_is_a_file_wherever_it_is_named(config, tmp_path):
    style = tmp_path / "house.ass"
    style.write_text("[Script Info]\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: House,Georgia\n")
    for text in (f"cues: {{ass_style: {style}}}\n", f"ass_style: {style}\n"):
        assert make_settings(flags(), config(text)).cues.ass_style == style.read_text()
    with pytest.raises(UsageError, match=r"--ass-style none\.ass cannot be used"):
        make_settings(flags(), config("cues: {ass_style: none.ass}\n"))
    with pytest.raises(UsageError, match="3 is no file's name"):
        make_settings(flags(), config("cues: {ass_style: 3}\n"))


def test_a_style_that_is_not_utf_8_says_so(tmp_path):
    style = tmp_path / "house.ass"
    style.write_text("[V4+ Styles]\nFormat: Name, Fontname\nStyle: Maison d’été,Georgia\n", encoding="cp1252")
    with pytest.raises(UsageError, match=r"house\.ass is not in UTF-8"):
        make_settings(flags(ass_style=style), None)


def test_two_languages_do_not_fit_in_one_line(config):
    one = config("cues: {max_lines: 1}\n")
    with pytest.raises(UsageError, match="max_lines must be 2"):
        make_settings(flags(bilingual=True), one)
    assert make_settings(flags(), one).cues.max_lines == 1
