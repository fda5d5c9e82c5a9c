"""A glossary as subtitlers write it, and what they are told when it does not fit."""

from __future__ import annotations

import pytest

from quality.glossary import Term
from ray_apps.cli_settings import make_settings
from ray_apps.glossary_file import GlossaryError, read_glossary

TERMS = (Term(source="köprü", target="pont", language="fr"), Term(source="iş birliği", target="entente", language="fr"))


@pytest.mark.parametrize(
    "content",
    [
        "köprü,pont\niş birliği,entente\n",
        "\ufeffköprü;pont\r\niş birliği;entente\r\n",
        "köprü\tpont\n\niş birliği\tentente",
        "source,target\nköprü,pont\niş birliği,entente\nköprü,pont\n",
        "Turkish;French\nköprü;pont;\n;;\niş birliği;entente\n",
        "tr,en,fr\nköprü,bridge,pont\niş birliği,,entente\n",
        '"köprü", "pont"\n iş birliği , entente \n'.replace('", "', '","'),
    ],
)
def test_every_way_to_write_it_gives_the_same_terms(tmp_path, content) -> None:
    path = tmp_path / "terms.csv"
    path.write_bytes(content.encode())
    assert tuple(t for t in read_glossary(path, ("fr",)) if t.language == "fr") == TERMS


def test_a_header_parts_the_target_languages(tmp_path) -> None:
    path = tmp_path / "terms.csv"
    path.write_text("tr,fr,en\nköprü,pont,bridge\n", encoding="utf-8")
    assert [(t.target, t.language) for t in read_glossary(path, ("fr", "en"))] == [("pont", "fr"), ("bridge", "en")]


def test_short_words_that_are_codes_of_languages_are_no_header(tmp_path) -> None:
    path = tmp_path / "terms.csv"
    path.write_text("kar,mer\n", encoding="utf-8")
    assert read_glossary(path, ("fr",))[0].source == "kar"


@pytest.mark.parametrize(
    ("content", "targets", "said"),
    [
        ("köprü,pont\ndeniz\n", ("fr",), "line 2"),
        ("köprü,pont\n,mer\n", ("fr",), "line 2"),
        ("köprü,pont,viaduc\n", ("fr",), "line 1: 3 columns"),
        ("köprü,pont\nx," + "y" * 101 + "\n", ("fr",), "line 2"),
        ('köprü,pont\n"deniz,mer\n', ("fr",), "line"),
        ("", ("fr",), "no terms"),
        ("\n ; \n", ("fr",), "no terms"),
        ("tr,fr\n", ("fr",), "no terms below"),
        ("köprü,pont\n", ("fr", "en"), "header"),
        ("Turkish,German\nköprü,Brücke\n", ("fr",), "line 1"),
    ],
)
def test_what_does_not_fit_is_told_with_its_line(tmp_path, content, targets, said) -> None:
    path = tmp_path / "terms.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(GlossaryError, match=said):
        read_glossary(path, targets)


def test_another_encoding_and_a_missing_file_are_told(tmp_path) -> None:
    path = tmp_path / "terms.csv"
    path.write_bytes("a,b\nköprü,pont\n".encode("cp1254"))
    with pytest.raises(GlossaryError, match="line 2: not UTF-8"):
        read_glossary(path, ("fr",))
    with pytest.raises(GlossaryError, match="cannot be read"):
        read_glossary(tmp_path / "none.csv", ("fr",))


def test_the_terms_are_part_of_the_settings(tmp_path) -> None:
    path = tmp_path / "terms.csv"
    path.write_text("köprü,pont\niş birliği,entente\n", encoding="utf-8")
    flags = {"inputs": ["talks"], "targets": ["French"], "glossary": path}
    assert make_settings(flags, None).glossary == TERMS
