"""Names that stand on both sides, whatever the language does to them."""

from __future__ import annotations

from quality.names import names_in, names_kept, names_lost

PAIR = {"source_lang": "tr", "target_lang": "fr"}


def test_names_are_capitalised_words_inside_a_sentence_without_turkish_endings() -> None:
    assert names_in("Dün Ayşe'nin annesi Bursa'dan geldi. Sonra gitti.") == ["Ayşe", "Bursa"]
    assert names_in("") == []


def test_names_are_found_in_other_spellings_and_as_exonyms() -> None:
    source = "Dün İstanbul'dan Londra'ya, oradan Almanya'ya ve Fransa'ya uçtuk, Türkçe konuştuk."
    target = "Hier nous avons volé d'Istanbul à Londres, puis en Allemagne et en France, et parlé turc."
    assert names_lost(source, target, **PAIR) == ()
    assert names_kept(source, target, **PAIR) == 1.0


def test_a_lost_name_is_named() -> None:
    assert names_lost("Dün Selim ile Elif geldi.", "Hier, Selim est venu.", **PAIR) == ("Elif",)
    assert names_kept("Dün Selim ile Elif geldi.", "Hier, Selim est venu.", **PAIR) == 0.5
    assert names_lost("Dün Selim geldi.", "Hier.", source_lang="xx-??", target_lang="") == ("Selim",)
