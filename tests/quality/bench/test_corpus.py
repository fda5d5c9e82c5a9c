"""Reading the packages' files: what is paired, what is left out."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from quality.bench.corpus import Pair, is_usable, load
from quality.bench.packages import PackageError, unpacked


def _html(*paragraphs: tuple[str, str]) -> str:
    return "\n".join(f'<p id="{key}" class="paragraph" dir="auto">{text}</p>' for key, text in paragraphs)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    root = tmp_path / "packages"
    books = root / "usr/share/libreoffice/help"
    texts = {
        "tr": _html(
            ("a", "Belgeyi <span>açmak</span> için tıklayın."), ("b", "Click here to open the şablon."), ("c", "Çok")
        ),
        "fr": _html(
            ("a", "Cliquez pour ouvrir le&nbsp;document."), ("b", "Cliquez pour ouvrir le modèle."), ("c", "Très")
        ),
    }
    for language, text in texts.items():
        (books / language / "text").mkdir(parents=True)
        (books / language / "text/page.html").write_text(text, encoding="utf-8")
    packs = root / "usr/lib/firefox-esr/browser/extensions"
    packs.mkdir(parents=True)
    messages = {"tr": "kapat = Pencereyi şimdi kapatın\n", "fr": "kapat = Fermez la fenêtre maintenant\n"}
    for language, text in messages.items():
        with zipfile.ZipFile(packs / f"langpack-{language}@firefox-esr.mozilla.org.xpi", "w") as pack:
            pack.writestr(f"localization/{language}/app.ftl", text)
    (root / "django").mkdir()
    (root / ".complete").touch()
    return tmp_path


def test_pairs_are_made_by_path_and_id_and_left_out_where_they_are_no_turkish(cache: Path) -> None:
    pairs = load(cache)
    assert [(pair.source, pair.target) for pair in pairs] == [
        ("Belgeyi açmak için tıklayın.", "Cliquez pour ouvrir le document."),
        ("Pencereyi şimdi kapatın", "Fermez la fenêtre maintenant"),
    ]
    assert load(cache) == pairs


def test_the_halves_are_parted_by_file() -> None:
    halves = {Pair("a", "b", f"{i}.html").held_out for i in range(20)}
    assert halves == {True, False}
    assert Pair("a", "b", "x.html").held_out == Pair("c", "d", "x.html").held_out


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("Kısa", "Court"),
        ("Bu şablon {0} açılır, bekleyin.", "Ce modèle {0} s'ouvre, attendez."),
        ("Open the document now please", "Ouvrez le document maintenant"),
        ("1234567890 ğ 1234567890", "1234567890 à 1234567890"),
    ],
)
def test_what_is_no_sentence_is_left_out(source: str, target: str) -> None:
    assert not is_usable(source, target)


def test_a_missing_package_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackageError, match="Debian"):
        unpacked(tmp_path)
