"""Does what the model said ship, or is it asked again: one judgement for a text.

The checks look at different faults and each misses the others' (research, section 4.3), so one that fails
is a veto; the score only ranks. What no check here can see: a lost negation, a wrong gender, a wrong sense.
What each sees, and how well: docs/quality.md, measured by `make quality-bench`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quality.alphabet import is_garbled
from quality.assistant_talk import is_assistant_talk
from quality.boilerplate import boilerplate_kind, is_told_of, speaks_of_a_video, without_credits
from quality.confidence import confidence as model_confidence
from quality.confidence import signs_of_the_model
from quality.copying import copied_share, is_untranslated, without_loans
from quality.density import length_z, letters_per_second
from quality.language_id import foreign_part, probabilities, stray_part
from quality.numbers import check_numbers
from quality.omission import omission
from quality.repetition import (
    compression_ratio,
    has_character_loop,
    longest_run,
    repeated_phrase,
    top_ngram_excess,
    unique_ratio,
)
from quality.settings import GateSettings
from quality.text import as_seconds, as_text, letters

LIKELY_LANGUAGES = ("ar", "de", "en", "es", "fr", "hi", "it", "nl", "pt", "ru", "tr")
"""What a transcript in the wrong language is likely in: the model's own languages, and Turkish."""
TRANSLATION_ROOM = 1.5
"""A translation may be this much denser than what can be spoken: nobody has to speak it."""
SHORT_FOR_LANGUAGE = 30
"""Letters below which another language is believed only where the right one is unlikely: "Le vol partira de la porte"
looks Spanish, and a little French.
"""
LOOPED_WORDS, LOOPED_TIMES = 8, 4
"""A phrase is looped when it covers this many words, said this many times in a row, beyond the source's
own.
"""

LOOPED_EXCESS = 3
"""Four words in a row that come this much more often than any in the source are a loop; French says "de la ligne de" a
few times without being one.
"""


@dataclass(frozen=True)
class Judgement:
    """What the gate thinks of one attempt.

    ``score`` is in [0, 1]: at least 0.5 exactly when accepted. ``reasons`` are short stable words:
    ``empty``, ``truncated``, ``loop``, ``boilerplate``, ``sparse``, ``dense``, ``wrong_language``,
    ``unsure``, ``copied``, ``numbers``, ``garbled``, ``meta``, ``unlike``, ``too_short``, ``too_long``,
    and with ``no_speech`` that one alone; ``credit_removed`` rejects nothing, it tells that ``spoken`` is less than
    the text. ``no_speech``: nobody speaks, so nothing is to be shown, whatever the text says.
    """

    accepted: bool
    score: float
    reasons: tuple[str, ...] = ()
    no_speech: bool = False
    spoken: str | None = None
    """What is to be shown where an invented credit stands around real speech; None: the text as it is."""


CREDIT_REMOVED = "credit_removed"
"""What a person who reads the reasons should look at, though the text ships."""
NO_SPEECH = Judgement(accepted=True, score=1.0, reasons=("no_speech",), no_speech=True)
EMPTY = Judgement(accepted=False, score=0.0, reasons=("empty",))


def judge_transcript(
    text: str,
    *,
    language: str | None,
    speech_s: float,
    confidence: float,
    logprob: float,
    finish_reason: str,
    settings: GateSettings,
) -> Judgement:
    """Judge a transcript in ``language`` (None or a code that cannot be told: the language is not judged).

    ``speech_s`` is the window's seconds of speech, ``confidence`` what VAD thought of it (0 to 1),
    ``logprob`` the mean log-probability of the tokens.
    """
    text, speech_s = as_text(text), as_seconds(speech_s)
    silence = _silence(text, language, speech_s, confidence, settings)
    if silence:
        return silence
    spoken = without_credits(text, language)
    reasons = [
        *signs_of_the_model(logprob, finish_reason, settings.min_logprob),
        *_density(spoken, speech_s, settings),
        *_boilerplate(spoken, language, speech_s, settings),
        *_language(spoken, language, LIKELY_LANGUAGES, settings),
    ]
    if _loops(spoken, "", language, None, settings):
        reasons.append("loop")
    if is_garbled(spoken):
        reasons.append("garbled")
    if is_assistant_talk(spoken):
        reasons.append("meta")
    return _judgement(reasons, logprob, 1.0, None if spoken == text else spoken)


def judge_translation(
    source_text: str,
    text: str,
    *,
    source_lang: str | None,
    target_lang: str,
    speech_s: float,
    confidence: float,
    logprob: float,
    finish_reason: str,
    settings: GateSettings,
    similarity: float | None = None,
) -> Judgement:
    """Judge a translation beside the transcript, which may be empty where there is none to compare with.

    ``similarity`` is what ``quality.similarity`` measured; None where nobody did. The rest is as for
    :func:`judge_transcript`.
    """
    source_text, text, speech_s = as_text(source_text), as_text(text), as_seconds(speech_s)
    silence = _silence(text, target_lang, speech_s, confidence, settings)
    # a transcript that has words says that somebody speaks, whatever VAD thought
    if silence and letters(source_text) > 0 and boilerplate_kind(source_text, source_lang) is None:
        silence = EMPTY if letters(text) == 0 else None
    if silence:
        return silence
    spoken = without_credits(text, target_lang, source=source_text, source_lang=source_lang)
    pair = {"source_lang": source_lang, "target_lang": target_lang}
    own = without_loans(source_text, spoken, **pair)
    reasons = [
        *signs_of_the_model(logprob, finish_reason, settings.min_logprob),
        *_density(spoken, speech_s, settings, TRANSLATION_ROOM),
        *_boilerplate(spoken, target_lang, speech_s, settings, source_text, source_lang),
        *_language(own, target_lang, (source_lang or "en", *LIKELY_LANGUAGES), settings, source_lang),
    ]
    if _loops(spoken, source_text, target_lang, source_lang, settings):
        reasons.append("loop")
    if _copied(source_text, spoken, source_lang, target_lang, settings):
        reasons.append("copied")
    if is_garbled(spoken) and not is_garbled(source_text):
        reasons.append("garbled")
    if is_assistant_talk(spoken, source_text, source_lang):
        reasons.append("meta")
    if letters(source_text) > 0 and check_numbers(source_text, spoken, **pair).changed:
        reasons.append("numbers")
    if similarity is not None and similarity < settings.similarity:
        reasons.append("unlike")
    if length_z(source_text, spoken, source_lang, target_lang) > settings.length_z:
        reasons.append("too_long")
    missing = omission(source_text, spoken, **pair)
    if missing > settings.omission:
        reasons.append("too_short")
    soundness = _soundness(source_text, spoken, source_lang, target_lang, missing, similarity)
    return _judgement(reasons, logprob, soundness, None if spoken == text else spoken)


def _silence(
    text: str, language: str | None, speech_s: float, confidence: float, settings: GateSettings
) -> Judgement | None:
    """The judgement of a text that is empty or invented over silence; None if there is something to judge."""
    if letters(text) == 0:
        unsure = not confidence >= settings.low_confidence or not speech_s >= settings.short_speech_s
        return NO_SPEECH if unsure else EMPTY
    thin = letters_per_second(text, speech_s) < settings.silence_letters_per_s
    if thin and speech_s >= settings.silence_after_s and boilerplate_kind(text, language):
        return NO_SPEECH
    return None


def _density(text: str, speech_s: float, settings: GateSettings, room: float = 1.0) -> Iterator[str]:
    per_second = letters_per_second(text, speech_s)
    if speech_s >= settings.sparse_after_s and per_second < settings.min_letters_per_s:
        yield "sparse"
    if letters(text) >= settings.dense_letters and per_second > room * settings.max_letters_per_s:
        yield "dense"


def _boilerplate(
    text: str,
    language: str | None,
    speech_s: float,
    settings: GateSettings,
    source_text: str = "",
    source_lang: str | None = None,
) -> Iterator[str]:
    """Credits are never speech; a stock phrase is, unless it is all that is left of a long stretch, or of speech
    about something else.

    A transcript that says the same kind of thing vouches for a phrase ("Teşekkürler." and "Merci.").
    """
    kind = boilerplate_kind(text, language)
    if kind is None or (kind == "credit" and is_told_of(text, source_text, source_lang)):
        return
    thin = speech_s >= settings.sparse_after_s and (letters_per_second(text, speech_s) < settings.min_letters_per_s)
    lone = letters(source_text) > 0 and boilerplate_kind(source_text, source_lang) is None
    stray = speaks_of_a_video(text) and not speaks_of_a_video(source_text)
    if kind == "credit" or thin or (lone and (stray or letters(source_text) > 3 * letters(text))):
        yield "boilerplate"


def _language(
    text: str,
    language: str | None,
    others: Sequence[str],
    settings: GateSettings,
    source_lang: str | None = None,
) -> Iterator[str]:
    """Not the language asked for: the whole of it, or a part in a third one (what the source left is a copy)."""
    if language is None or letters(text) < settings.language_letters:
        return
    ranked = probabilities(text, (language, *others))
    if language not in ranked:
        return
    wrong = max((p for code, p in ranked.items() if code != language), default=0.0)
    believed = wrong >= settings.language_probability
    if letters(text) < SHORT_FOR_LANGUAGE:
        found = believed and ranked[language] < settings.short_language_doubt
    else:
        expected = (language, source_lang) if source_lang in ranked else (language,)
        found = believed or stray_part(text, expected, others) >= settings.stray_probability
    if found:
        yield "wrong_language"


def _loops(text: str, source_text: str, language: str | None, source_lang: str | None, settings: GateSettings) -> bool:
    pair = {"source_lang": source_lang, "target_lang": language}
    times, size = longest_run(text, language)
    source_times, _ = longest_run(source_text, source_lang)
    run = times * size >= LOOPED_WORDS and times >= max(LOOPED_TIMES, source_times + 2)
    return (
        run
        or (letters(source_text) > 0 and repeated_phrase(source_text, text, **pair))
        or top_ngram_excess(source_text, text, **pair) >= LOOPED_EXCESS
        or unique_ratio(text, language) < min(0.5, unique_ratio(source_text, source_lang))
        or compression_ratio(text) > max(settings.compression_ratio, 1.2 * compression_ratio(source_text))
        or (has_character_loop(text) and not has_character_loop(source_text))
    )


def _copied(source_text: str, text: str, source_lang: str | None, target_lang: str, settings: GateSettings) -> bool:
    if source_lang is None or letters(source_text) == 0:
        return False
    own = without_loans(source_text, text, source_lang=source_lang, target_lang=target_lang)
    return foreign_part(own, target_lang, source_lang) >= settings.untranslated_probability or is_untranslated(
        source_text,
        text,
        source_lang=source_lang,
        target_lang=target_lang,
        most_share=settings.copied_share,
        longest_run=settings.copied_run,
    )


def _soundness(
    source_text: str,
    text: str,
    source_lang: str | None,
    target_lang: str,
    missing: float,
    similarity: float | None,
) -> float:
    """How usual the text is for its source, 0 to 1: what ranks attempts that the vetoes leave equal."""
    complete = 1 / (1 + math.exp(missing))
    excess = max(0.0, length_z(source_text, text, source_lang, target_lang) - 1.0)
    fresh = 1.0 - copied_share(source_text, text, source_lang=source_lang, target_lang=target_lang)
    distinct = min(1.0, unique_ratio(text, target_lang) / unique_ratio(source_text, source_lang))
    alike = 1.0 if similarity is None else max(0.0, min(1.0, similarity))
    usual = math.exp(-0.125 * min(excess, 12.0) ** 2)
    return complete * usual * fresh * distinct * alike


def _judgement(reasons: Sequence[str], logprob: float, soundness: float, spoken: str | None = None) -> Judgement:
    """The score: half for being accepted, the other half for the model's confidence and a usual text."""
    rank = 0.5 * (model_confidence(logprob) + soundness)
    distinct = tuple(dict.fromkeys(reasons))
    told = (*distinct, CREDIT_REMOVED) if spoken is not None else distinct
    if not distinct:
        return Judgement(accepted=True, score=0.5 + 0.5 * rank, reasons=told, spoken=spoken)
    return Judgement(accepted=False, score=min(0.499, 0.5 * rank) / len(distinct), reasons=told, spoken=spoken)
