"""Does what the model said ship, or is it asked again: one judgement for a text.

The checks look at different faults and each misses the others' (research, section 4.3), so one that fails
is a veto; the score only ranks. What no check here can see: a lost negation, a wrong gender, a wrong sense.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quality.boilerplate import boilerplate_kind
from quality.copying import copied_run, copied_share, is_copy
from quality.density import length_z, letters_per_second, lost_sentence_ends
from quality.language_id import probabilities
from quality.repetition import (
    compression_ratio,
    has_character_loop,
    longest_run,
    top_ngram_excess,
    unique_ratio,
)
from quality.settings import GateSettings
from quality.text import letters

LIKELY_LANGUAGES = ("ar", "de", "en", "es", "fr", "hi", "it", "nl", "pt", "ru", "tr")
"""What a transcript in the wrong language is likely in: the model's own languages, and Turkish."""
TRANSLATION_ROOM = 1.5
"""A translation may be this much denser than what can be spoken: nobody has to speak it."""
LOOPED_WORDS, LOOPED_TIMES = 8, 4
"""A phrase is looped when it covers this many words, said this many times in a row, beyond the source's
own.
"""


@dataclass(frozen=True)
class Judgement:
    """What the gate thinks of one attempt.

    ``score`` is in [0, 1]: at least 0.5 exactly when accepted. ``reasons`` are short stable words:
    ``empty``, ``truncated``, ``loop``, ``boilerplate``, ``sparse``, ``dense``, ``wrong_language``,
    ``unsure``, ``copied``, ``too_short``, ``too_long``, and with ``no_speech`` that one alone.
    ``no_speech``: nobody speaks, so nothing is to be shown, whatever the text says.
    """

    accepted: bool
    score: float
    reasons: tuple[str, ...] = ()
    no_speech: bool = False


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
    silence = _silence(text, language, speech_s, confidence, settings)
    if silence:
        return silence
    reasons = [
        *_signs_of_the_model(text, logprob, finish_reason, settings),
        *_density(text, speech_s, settings),
        *_boilerplate(text, language, speech_s, settings),
        *_language(text, language, LIKELY_LANGUAGES, settings),
    ]
    if _loops(text, "", language, None, settings):
        reasons.append("loop")
    return _judgement(reasons, logprob, 0.0)


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
) -> Judgement:
    """Judge a translation beside the transcript, which may be empty where there is none to compare with."""
    silence = _silence(text, target_lang, speech_s, confidence, settings)
    if silence:
        # a transcript that has words says that somebody speaks, whatever VAD thought
        return EMPTY if letters(source_text) > 0 and letters(text) == 0 else silence
    deviation = length_z(source_text, text, source_lang, target_lang)
    reasons = [
        *_signs_of_the_model(text, logprob, finish_reason, settings),
        *_density(text, speech_s, settings, TRANSLATION_ROOM),
        *_boilerplate(text, target_lang, speech_s, settings, source_text, source_lang),
        *_language(text, target_lang, (source_lang or "en", "en"), settings),
    ]
    if _loops(text, source_text, target_lang, source_lang, settings):
        reasons.append("loop")
    if _copied(source_text, text, source_lang, target_lang, settings):
        reasons.append("copied")
    if deviation > settings.length_z:
        reasons.append("too_long")
    shortest = settings.unfinished_z if lost_sentence_ends(source_text, text) else settings.length_z
    if deviation < -shortest:
        reasons.append("too_short")
    return _judgement(reasons, logprob, deviation)


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


def _signs_of_the_model(text: str, logprob: float, finish_reason: str, settings: GateSettings) -> Iterator[str]:
    if finish_reason == "length":
        yield "truncated"
    if finish_reason == "loop":
        yield "loop"
    if not logprob >= settings.min_logprob:  # NaN is no confidence either
        yield "unsure"


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
    """Credits are never speech; a stock phrase is, unless it is all that is left of a long stretch.

    A transcript that says the same kind of thing vouches for a phrase ("Teşekkürler." and "Merci.").
    """
    kind = boilerplate_kind(text, language)
    if kind is None:
        return
    thin = speech_s >= settings.sparse_after_s and (letters_per_second(text, speech_s) < settings.min_letters_per_s)
    lone = letters(source_text) > 0 and boilerplate_kind(source_text, source_lang) is None
    if kind == "credit" or thin or (lone and letters(source_text) > 3 * letters(text)):
        yield "boilerplate"


def _language(text: str, language: str | None, others: Sequence[str], settings: GateSettings) -> Iterator[str]:
    if language is None or letters(text) < settings.language_letters:
        return
    ranked = probabilities(text, (language, *others))
    wrong = max((p for code, p in ranked.items() if code != language), default=0.0)
    if language in ranked and wrong >= settings.language_probability:
        yield "wrong_language"


def _loops(text: str, source_text: str, language: str | None, source_lang: str | None, settings: GateSettings) -> bool:
    times, size = longest_run(text, language)
    source_times, _ = longest_run(source_text, source_lang)
    run = times * size >= LOOPED_WORDS and times >= max(LOOPED_TIMES, source_times + 2)
    return (
        run
        or top_ngram_excess(source_text, text, source_lang=source_lang, target_lang=language) >= 2
        or unique_ratio(text, language) < min(0.5, unique_ratio(source_text, source_lang))
        or compression_ratio(text) > max(settings.compression_ratio, 1.2 * compression_ratio(source_text))
        or (has_character_loop(text) and not has_character_loop(source_text))
    )


def _copied(source_text: str, text: str, source_lang: str | None, target_lang: str, settings: GateSettings) -> bool:
    return (
        is_copy(source_text, text, source_lang=source_lang, target_lang=target_lang)
        or copied_share(source_text, text, source_lang=source_lang, target_lang=target_lang) > settings.copied_share
        or copied_run(source_text, text, source_lang=source_lang, target_lang=target_lang) >= settings.copied_run
    )


def _judgement(reasons: Sequence[str], logprob: float, deviation: float) -> Judgement:
    """The score: half for being accepted, the other half for the model's confidence and a usual length."""
    confidence = math.exp(min(0.0, logprob)) if math.isfinite(logprob) else 0.0
    usual = math.exp(-0.5 * max(0.0, abs(deviation) - 1.0) ** 2) if math.isfinite(deviation) else 0.0
    rank = 0.5 * (confidence + usual)
    distinct = tuple(dict.fromkeys(reasons))
    if not distinct:
        return Judgement(accepted=True, score=0.5 + 0.5 * rank)
    return Judgement(accepted=False, score=min(0.499, 0.5 * rank) / len(distinct), reasons=distinct)
