"""Numbers in figures and in words, in three languages, and which of them changed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.numbers import check_numbers, numbers_kept

PAIR = {"source_lang": "tr", "target_lang": "fr"}


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("Bin dokuz yüz doksan yedi yılında", "en mille neuf cent quatre-vingt-dix-sept"),
        ("Bin dokuz yüz doksan yedi yılında", "en 1997"),
        ("25.600 lira", "25 600 livres"),
        ("1,5 milyon", "1,5 million"),
        ("2 milyon", "2 000 000"),
        ("üç milyon", "3 millions"),
        ("saat üçte", "à 15 h"),
        ("saat üç buçukta", "à trois heures et demie"),
        ("15'inde", "le 15"),
        ("23.04.1920", "23 avril 1920"),
        ("iki üç gün", "deux ou trois jours"),
        ("yetmiş bir", "soixante et onze"),
        ("doksanlarda", "années quatre-vingt-dix"),
        ("ikinci kat", "deuxième étage"),
        ("yüzde kırk", "40 %"),
        ("Üç bir kazandık.", "On a gagné trois à un."),
        ("Saat yediye on var. Dört çorba.", "Il est sept heures moins dix. Quatre soupes."),
        ("doksan yedi avro", "nonante-sept euros"),
        ("Yeni bir ev aldım.", "J'ai acheté une maison neuve."),
        ("Masanın altına bak.", "Regarde sous la table."),
        ("Yemek yedi.", "Il a mangé."),
        ("1990'lı yıllarda çok mutluyduk.", "Dans les années 90, nous étions très heureux."),
        ("Doksanlı yıllarda", "dans les années 1990"),
        ("Yarım saat bekledik.", "Nous avons attendu 30 minutes."),
        ("Yarım kilo kıyma alır mısın?", "Tu prends 500 g de viande hachée ?"),
        ("Saat yediye çeyrek var.", "Il est 6 h 45."),
        ("İki hafta sonra döneceğiz.", "Nous reviendrons dans quinze jours."),
        ("Numaram 0532 417 22 33.", "Mon numéro, c'est le 05 32 41 72 23 3."),
        ("14:30'da 12 kişi geldi.", "12 personnes sont venues à 14 h 30."),
        ("14:30'da geldi.", "Il est venu à 2 h 30 de l'après-midi."),
        ("5 milyon lira", "5 millions de livres"),
        ("Yüz kişi geldi.", "Cent personnes sont venues."),
        ("", ""),
    ],
)
def test_the_same_numbers_agree(source: str, target: str) -> None:
    check = check_numbers(source, target, **PAIR)
    assert not check.changed
    assert not check.invented
    assert numbers_kept(source, target) == 1.0


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("2019 yılında", "en 2018"),
        ("Kırk beş kişi geldi.", "Cinquante-cinq personnes sont venues."),
        ("Üç elma aldım.", "J'ai acheté cinq pommes."),
        ("25.600 lira", "26 600 livres"),
        ("1'den 9'a", "de 1 à 1"),
        ("Kimse gelmedi.", "45 personnes sont venues."),
        ("5 milyon lira", "5 milliards de livres"),
        ("Yüz kişi geldi.", "Mille personnes sont venues."),
        ("Altı kişi öldü.", "Deux personnes sont mortes."),
        ("On kişi geldi.", "Onze personnes sont venues."),
        ("14:30'da 12 kişi geldi.", "12 personnes sont venues à 2 h 30."),
        ("Saat 5'te 3 kişi geldi.", "15 personnes sont venues à 5 h."),
        ("Numaram 0532 417 22 33.", "Mon numéro, c'est le 05 32 41 72 23 4."),
    ],
)
def test_a_changed_number_is_seen(source: str, target: str) -> None:
    assert check_numbers(source, target, **PAIR).changed


def test_a_lost_number_is_no_changed_one() -> None:
    check = check_numbers("2019 yılında 45 kişi", "en 2019", **PAIR)
    assert check.lost == ("45",)
    assert not check.changed
    assert numbers_kept("2019 yılında 45 kişi", "en 2019") == 0.5


def test_other_languages_have_figures_alone() -> None:
    unread = {"source_lang": "de", "target_lang": "tr"}
    assert not check_numbers("zwanzig Leute", "20 kişi", **unread).changed
    assert check_numbers("20 Leute", "30 kişi", **unread).changed
    english = {"source_lang": "tr", "target_lang": "en"}
    assert not check_numbers("Yirmi bir Haziran", "the twenty-first of June", **english).changed


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**9 - 1))
def test_figures_agree_however_they_are_grouped(number: int) -> None:
    turkish, french = f"{number:,}".replace(",", "."), f"{number:,}".replace(",", "\u202f")
    assert not check_numbers(f"Toplam {turkish} lira", f"{french} livres en tout", **PAIR).changed


def test_absurd_figures_are_answered() -> None:
    assert check_numbers("9" * 500 + " milyon", "9" * 500 + " millions", **PAIR).changed is False
    assert numbers_kept("١٢٣ ² ½ Ⅷ", "123") == 0.0


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_is_answered(source: str, target: str) -> None:
    assert 0.0 <= numbers_kept(source, target) <= 1.0
    assert not check_numbers(source, source, source_lang="tr", target_lang="tr").changed
