from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.languages import UnknownLanguage, english_name, language_code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[(text, "fr") for text in ("French", "fr", "FR", "fra", "fre", "français", "francais", "fr-CA", "fr_CA")],
        *[(text, "tr") for text in ("Turkish", "TURKISH", "Türkçe", "TÜRKÇE", "türkçe", "turkce", "tur", "tr-TR")],
        *[(text, "fr") for text in ("Fransızca", "FRANSIZCA", " fransizca ")],
        *[(text, "en") for text in ("İngilizce", "İNGİLİZCE", "INGILIZCE", "en-US", "anglais")],
        *[(text, "zh") for text in ("cmn", "zh-Hant", "中文", "Chinese", "Mandarin")],
        *[(text, "no") for text in ("nb", "nob", "nor", "Norsk", "Norwegian Bokmål")],
        ("español", "es"),
        ("espanol", "es"),
        ("ΕΛΛΗΝΙΚΑ", "el"),
        ("हिन्दी", "hi"),
        ("العربية", "ar"),
        ("iw", "he"),
        ("prs", "fa"),
        ("Cantonese", "yue"),
        ("it", "it"),
    ],
)
def test_names_and_codes_become_one_code(text: str, code: str) -> None:
    assert language_code(text) == code


@pytest.mark.parametrize(
    "text",
    ["", "  ", "und", "mul", "zxx", "zz", "xyz", "qaa", "Frensh", "English subtitles", "fr\0", "a" * 500],
)
def test_what_is_no_language_is_an_error(text: str) -> None:
    with pytest.raises(UnknownLanguage, match="not a language"):
        language_code(text)


def test_the_error_suggests_near_matches() -> None:
    with pytest.raises(UnknownLanguage, match=r"'Frensh'.*Did you mean French \(fr\)"):
        language_code("Frensh")
    with pytest.raises(UnknownLanguage, match=r"Turkish \(tr\)"):
        language_code("Tukrish")
    with pytest.raises(UnknownLanguage, match=r"English \(en\)"):
        language_code("English subtitles")
    with pytest.raises(UnknownLanguage, match="such as French or fr"):
        language_code("xqzw")


def test_codes_have_english_names() -> None:
    names = [english_name(code) for code in ("fr", "tr", "no", "zh", "yue", "tur")]
    assert names == ["French", "Turkish", "Norwegian", "Chinese", "Cantonese", "Turkish"]
    with pytest.raises(UnknownLanguage):
        english_name("zz")


@given(st.text(max_size=12) | st.text("abcdefrtu-_ \u0307\u0130\u0131", max_size=8))
def test_any_text_is_a_language_or_a_plain_error(text: str) -> None:
    with contextlib.suppress(UnknownLanguage):
        code = language_code(text)
        assert language_code(code) == code
        assert english_name(code)
