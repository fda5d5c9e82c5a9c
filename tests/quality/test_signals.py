"""The signals below the gate, one by one: each sees its own fault and lets true text pass."""

from __future__ import annotations

import math
import time

import pytest

from quality.boilerplate import boilerplate_kind, without_credits
from quality.copying import copied_run, copied_share, is_copy, is_untranslated
from quality.density import length_z, letters_per_second
from quality.language_id import foreign_part
from quality.repetition import (
    compression_ratio,
    has_character_loop,
    longest_run,
    repeated_phrase,
    top_ngram_excess,
    unique_ratio,
)
from quality.text import fold, letters, plain, words

TR = "Yarın sabah saat dokuzda annemle birlikte Ankara'ya gidiyoruz, sonra İzmir'e geçeceğiz."
FR = "Demain matin à neuf heures, nous allons à Ankara avec ma mère, puis nous passerons à Izmir."
PAIR = {"source_lang": "tr", "target_lang": "fr"}


def test_turkish_letters_are_folded_as_turkish() -> None:
    assert fold("İSTANBUL IĞDIR", "tr") == "istanbul ığdır"
    assert fold("ISTANBUL", "fr") == "istanbul"
    assert words("Ankara’ya L'EAU", "fr") == ("ankara'ya", "l'eau")


def test_letters_are_counted_without_tags_and_dense_scripts_count_double() -> None:
    assert letters("<i>Oui</i>, 12 !") == 5
    assert letters("你好") == 4
    assert plain("&nbsp;e\u0301") == "\u00a0é"


@pytest.mark.parametrize(
    "text", [FR, TR, "Non, non, non, non, non !", "1 000 000 000 000 000", "Très très bien, merci."]
)
def test_speech_that_repeats_itself_a_little_is_no_loop(text: str) -> None:
    times, size = longest_run(text)
    assert times * size < 8
    assert not has_character_loop(text)
    assert compression_ratio(text) < 2.4
    assert unique_ratio(text) > 0.5


def test_loops_are_seen() -> None:
    assert longest_run("bon " + "je ne sais pas " * 6) == (6, 4)
    assert has_character_loop("Ha" + "ha" * 12)
    assert has_character_loop("a, a, a, a, a, a, a, a, a")
    assert compression_ratio("je ne sais pas " * 20) > 2.4
    assert unique_ratio("je ne sais pas " * 6) < 0.5


def test_repetition_is_measured_against_the_source() -> None:
    repeated = "nous allons bien tous " * 4
    assert top_ngram_excess(TR, repeated, **PAIR) >= 2
    assert top_ngram_excess("biz hepimiz çok iyiyiz " * 4, repeated, **PAIR) == 0


def test_copies() -> None:
    assert is_copy(TR, TR, **PAIR)
    assert copied_share(TR, TR, **PAIR) == 1.0
    assert copied_share(TR, FR, **PAIR) < 0.2
    assert copied_run(TR, "Demain matin, annemle birlikte Ankara'ya gidiyoruz, sonra.", **PAIR) >= 3
    assert copied_run(TR, FR, **PAIR) == 0
    assert not is_copy(TR, TR, source_lang="tr", target_lang="tr")
    assert copied_share("Ahmet, Ayşe ve Mehmet.", "Voici Ahmet, Ayşe et Mehmet.", **PAIR) == 0.0


def test_length_against_the_source() -> None:
    assert abs(length_z(TR, FR, "tr", "fr")) < 1
    assert length_z(TR, FR[:30], "tr", "fr") < -3
    assert length_z(TR, FR * 3, "tr", "fr") > 3
    assert length_z("", FR, "tr", "fr") == 0.0
    assert length_z(TR, "", "tr", "fr") == -math.inf


def test_density_is_defined_for_every_duration() -> None:
    assert letters_per_second("abcd", 2.0) == 2.0
    assert letters_per_second("", 0.0) == 0.0
    assert letters_per_second("a", 0.0) == math.inf
    assert letters_per_second("a", math.nan) == math.inf


def test_a_phrase_twice_on_the_spot_is_seen_unless_the_source_repeats_too() -> None:
    assert repeated_phrase(TR, "Demain matin nous allons à nous allons à Ankara.", **PAIR)
    assert not repeated_phrase("Bilmiyorum, bilmiyorum!", "Je ne sais pas, je ne sais pas !", **PAIR)
    assert not repeated_phrase(TR, "Le nom du fichier. Le nom du fichier est long.", **PAIR)
    assert not repeated_phrase(TR, FR, **PAIR)


def test_half_a_text_left_in_the_source_language() -> None:
    half = "Demain matin à neuf heures, nous birlikte Ankara'ya gidiyoruz, sonra İzmir'e geçeceğiz."
    assert is_untranslated(TR, half, **PAIR)
    assert not is_untranslated(TR, FR, **PAIR)
    assert not is_untranslated("Rakı içtik.", "Nous avons bu du rakı hier soir.", **PAIR)
    assert not is_untranslated(TR, TR, source_lang="tr", target_lang="tr")
    assert foreign_part("Demain matin nous allons annemle birlikte gidiyoruz", "fr", "tr") > 0.9
    assert foreign_part(FR, "fr", "tr") < 0.1
    assert foreign_part(FR, "fr", "no-such") == 0.0


def test_speech_beside_an_invented_credit_is_kept() -> None:
    assert without_credits("Sous-titrage Société Radio-Canada. " + FR, "fr") == FR
    assert without_credits(FR + "\nSous-titres réalisés par la communauté d'Amara.org", "fr") == FR
    assert without_credits("Altyazı M.K.", "tr") == "Altyazı M.K."
    assert without_credits("Merci. " + FR, "fr") == "Merci. " + FR
    assert without_credits("", "fr") == ""


@pytest.mark.parametrize("text", ["<" * 50_000 + "i>" * 50_000, "&" + "amp;" * 25_000, "{\\a}" * 20_000])
def test_markup_that_hides_markup_takes_no_quadratic_time(text: str) -> None:
    started = time.perf_counter()
    assert plain(plain(text)) == plain(text)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Traduction et sous-titres : Julie Marchand", "credit"),
        ("N'oubliez pas de vous abonner et de liker la vidéo.", "phrase"),
        ("À bientôt pour une nouvelle vidéo !", "phrase"),
        ("Abone olmayı ve beğenmeyi unutmayın!", "phrase"),
        ("Adaptation du texte au cadre", None),
        ("Je ne peux pas comprendre ce film sans sous-titres.", None),
        ("Sous-titres réalisés par la communauté d'Amara.org", "credit"),
        ("Sous-titres réalisés para la communauté d'Amara.org et voilà pourquoi nous partons", None),
        ("Sous-titrage Société Radio-Canada", "credit"),
        ("Altyazı M.K.", "credit"),
        ("ALTYAZI M.K.", "credit"),
        ("Subtitles by the Amara.org community", "credit"),
        ("Merci d'avoir regardé cette vidéo !", "phrase"),
        ("N'hésitez pas à vous abonner et à activer la cloche.", "phrase"),
        ("À la semaine prochaine !", "phrase"),
        ("Haftaya görüşürüz.", "phrase"),
        ("See you next week.", "phrase"),
        ("İzlediğiniz için teşekkür ederim.", "phrase"),
        ("[Müzik]", "phrase"),
        ("Merci.", "phrase"),
        (FR, None),
        (TR, None),
        ("", None),
    ],
)
def test_boilerplate_is_matched_whole(text: str, kind: str | None) -> None:
    assert boilerplate_kind(text, "tr") == kind


def test_turkish_phrases_are_known_in_french_answers_too() -> None:
    assert boilerplate_kind("İzlediğiniz için teşekkürler.", "fr") == "phrase"
