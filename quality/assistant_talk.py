"""Talk of the model about its task, where the text alone was asked for: announcements, notes, refusals, summaries.

Families of phrases at the beginning of a sentence. People speak of translators and recordings too, so where the source
has a word of that kind nothing is said against the text. Other wordings than these pass (docs/quality.md).
"""

from __future__ import annotations

import re

from quality.text import fold, plain

_WORK = (
    r"(?:traduction|transcription|translation|transcript|traducción|transcripción|traduzione|trascrizione"
    r"|übersetzung|transkription|çeviri\w*|tercüme\w*|transkript\w*)"
)
_LANGUAGE = (
    r"(?: (?:en|in|into|to|auf|ins|al?|du|from|de|of) (?:the )?\w+| française| fransızca\w*| türkçe\w*| ingilizce\w*)*"
)
_ANNOUNCED = (
    r"(?:voici|voilà|here(?:'s| is)|this is|hier ist|aquí (?:está|tienes?)|ecco|işte|aşağıda)"
    rf"(?: (?!{_WORK})[\w']+){{0,2}} (?:[ld]')?{_WORK}",
    rf"(?:(?:la|the|die|fransızca|türkçe|french|turkish) )?{_WORK}{_LANGUAGE}(?: demandée)? ?:",
    rf"(?:la|the|die) {_WORK}{_LANGUAGE} (?:est|is|ist|es|è|serait|would be|sería|wäre)\b",
)
_NOTED = (
    r"(?:\W?)(?:note|nota|not|remarque|hinweis|anmerkung|n\.? ?b\.?)(?: (?:du|de la|of the) \w+)? ?: ?[^.!?]{0,60}"
    r"(?:locut|audio|traduc|traduit|transcri|enregistrement|extrait|speaker|recording|translat|konuşmacı|kayıt|çevir"
    r"|sprecher|aufnahme|übersetz|hablante|grabación|parlante|registrazione)",
    r"(?:note du traducteur|translator's note|çevirmenin notu|anmerkung des übersetzers)",
)
_TASK = (
    r"(?:tradui|traduction|transcri|extrait|audio|enregistrement|translat|recording|clip|çevir|ses kayd|ses dosya"
    r"|übersetz|aufnahme|traduc|grabación|tradur|traduzione|registrazione)"
)
_REFUSED = (
    rf"(?:je (?:suis|regrette)|désolée?|malheureusement|je ne (?:peux|suis|parviens))[^.!?]{{0,80}}(?:pas|impossible)"
    rf"[^.!?]{{0,60}}{_TASK}",
    rf"(?:i'm|i am|sorry|unfortunately|i can(?:'t|not))[^.!?]{{0,80}}(?:can't|cannot|unable|not able|can not)"
    rf"[^.!?]{{0,60}}{_TASK}",
    rf"i can(?:'t|not) (?:help|assist|translat|transcrib)[^.!?]{{0,60}}{_TASK}?",
    rf"(?:üzgünüm|maalesef|ne yazık ki|özür dilerim)[^.!?]{{0,80}}{_TASK}[^.!?]{{0,60}}(?:am|em)\w*",
    rf"(?:es tut mir leid|leider)[^.!?]{{0,80}}(?:nicht)[^.!?]{{0,60}}{_TASK}",
    rf"(?:lo siento|lamentablemente|mi dispiace|purtroppo)[^.!?]{{0,80}}(?:no|non)\b[^.!?]{{0,60}}{_TASK}",
    r"(?:en tant qu(?:e |')|as an? |als |como |come |bir )(?:une? |eine? |un )?(?:ia\b"
    r"|intelligence artificielle|assistant|modèle de langage|ai\b|language model|ki\b|sprachmodell"
    r"|modelo de lenguaje|modello linguistico|yapay zek|dil modeli)",
)
_SUMMARISED = (
    r"(?:l'|le |la |cet |ce )(?:audio|enregistrement|extrait|locuteur|locutrice|orateur|oratrice|interlocuteur)"
    r"(?: audio)? (?:parle|dit|contient|évoque|explique|décrit|raconte|mentionne|semble|demande|traite|présente"
    r"|discute)",
    r"(?:the |this )(?:audio|speaker|recording|clip|speech|transcript)(?: \w+)? (?:says|talks|is about"
    r"|contains|describes|explains|mentions|discusses|seems|asks|is (?:saying|talking|asking|speaking))",
    r"konuşmacı \w+|(?:bu )?ses kaydı(?:nda)? ",
    r"(?:der|die) (?:sprecher(?:in)?|aufnahme|audiodatei) (?:sagt|spricht|handelt|enthält|erklärt|beschreibt)",
    r"(?:el|la) (?:hablante|audio|grabación) (?:dice|habla|trata|contiene|explica|describe)",
    r"(?:il|la|l')\s?(?:parlante|audio|registrazione) (?:dice|parla|tratta|contiene|spiega|descrive)",
)
_WILLING = r"(?:(?:bien sûr|d'accord|sure|of course|certainly|tabii(?: ki)?|elbette|natürlich|claro)[ ,.!]*)?"
_OPENING = r"(?:^|[.!?:…\n] ?)[\s«\"“(*\[-]*" + _WILLING
_TALK = re.compile(_OPENING + "(?:" + "|".join((*_ANNOUNCED, *_NOTED, *_REFUSED, *_SUMMARISED)) + ")")
_OF_THE_TASK = re.compile(
    r"çevir|çevril|tercüme|konuşmacı|konuşan kişi|ses kayd|kayıttaki|yapay zek|dil model|asistan|altyazı|transkri"
    r"|tradui|traduc|transcri|locut|enregistr|audio|translat|speaker|recording|übersetz|sprecher|aufnahme|traduz|tradur"
    r"|hablante|grabación|parlante|registrazione|intelligence artificielle|language model"
)
_LONGEST = 2_000


def is_assistant_talk(text: str, source: str = "", source_lang: str | None = None) -> bool:
    """Whether the model speaks of translating, of the recording or of itself, and nothing in ``source`` does."""
    visible = plain(text)[:_LONGEST]
    if not any(_TALK.search(_spaced(visible, folding)) for folding in (None, "tr")):
        return False
    return not any(_OF_THE_TASK.search(_spaced(plain(source)[:_LONGEST], folding)) for folding in (source_lang, None))


def _spaced(text: str, language: str | None) -> str:
    return re.sub(r"[ \t\u00a0\u202f]+", " ", fold(text, language))
