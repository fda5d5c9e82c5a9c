"""What a model says about its task is told from what people say about translating."""

from __future__ import annotations

import time

import pytest

from quality.assistant_talk import is_assistant_talk
from quality.gate import judge_translation
from quality.settings import GateSettings

TR = "Yarın sabah saat dokuzda Ankara'ya gidiyoruz."
FR = "Nous allons à Ankara demain matin à neuf heures."


@pytest.mark.parametrize(
    "text",
    [
        f"Voici la traduction : {FR}",
        f"Bien sûr ! Voici la traduction en français : « {FR} »",
        f"Here is the translation: {FR}",
        f"Sure! Here's the French translation: {FR}",
        f"Traduction : {FR}",
        f"La traduction en français est : {FR}",
        f"Note : le locuteur parle turc. {FR}",
        f"{FR} (Note : traduction approximative)",
        "Je suis désolé, je ne peux pas vous aider à traduire cet extrait audio pour le moment.",
        "I'm sorry, but I can't translate this audio.",
        "En tant que modèle de langage, je ne peux pas écouter.",
        "L'audio parle d'une personne qui part demain pour Ankara.",
        "Le locuteur explique qu'il part demain matin.",
        f"İşte çeviri: {FR}",
        f"Fransızca çevirisi: {FR}",
        "Üzgünüm, bu ses kaydını çeviremiyorum.",
        f"Hier ist die Übersetzung: {FR}",
        f"Aquí está la traducción: {FR}",
        "Lo siento, no puedo traducir este audio.",
        f"Ecco la traduzione: {FR}",
        "The speaker is talking about a trip.",
    ],
)
def test_talk_about_the_task_is_rejected(text: str) -> None:
    judgement = judge_translation(
        TR,
        text,
        source_lang="tr",
        target_lang="fr",
        speech_s=3.0,
        confidence=0.9,
        logprob=-0.1,
        finish_reason="stop",
        settings=GateSettings(),
    )
    assert "meta" in judgement.reasons
    assert not judgement.accepted


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Çeviri şöyle: yarın gidiyoruz.", "Voici la traduction : nous partons demain."),
        ("Konuşmacı savaştan bahsediyor.", "L'orateur parle de la guerre."),
        ("Üzgünüm, bunu size çeviremem.", "Je suis désolé, je ne peux pas vous traduire cela."),
        ("Üzgünüm, size yardım edemem.", "Je suis désolé, je ne peux pas vous aider."),
        ("Not: yarın gel.", "Note : viens demain."),
        ("İşte evimiz burası.", "Voici notre maison."),
        ("Maalesef onu bulamadım.", "Malheureusement, je ne l'ai pas trouvé."),
        ("", ""),
    ],
)
def test_what_people_say_of_it_passes(source: str, text: str) -> None:
    assert not is_assistant_talk(text, source, "tr")


@pytest.mark.parametrize("text", ["je suis pas " * 9_000, "voici " * 20_000, ": " * 50_000, "note:" * 20_000])
def test_long_text_takes_no_quadratic_time(text: str) -> None:
    started = time.perf_counter()
    is_assistant_talk(text, text, "tr")
    assert time.perf_counter() - started < 2
