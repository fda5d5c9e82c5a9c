"""The gate: what it lets pass, what it catches, and the figures on the embedded checkpoint's own world."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b200_kernels.embedded.recipe.grammar import sample
from quality.gate import Judgement, judge_transcript, judge_translation
from quality.settings import GateSettings

SETTINGS = GateSettings()
TR = "Yarın sabah saat dokuzda Ankara'ya gidiyoruz."
FR = "Nous allons à Ankara demain matin à neuf heures."


def translation(source: str, text: str, *, speech_s: float = 3.0, target: str = "fr", **more: object) -> Judgement:
    facts = {"confidence": 0.9, "logprob": -0.1, "finish_reason": "stop", "settings": SETTINGS} | more
    return judge_translation(
        source,
        text,
        source_lang="tr",
        target_lang=target,
        speech_s=speech_s,
        **facts,  # type: ignore[arg-type]
    )


def transcript(text: str, *, speech_s: float = 3.0, language: str = "tr", **more: object) -> Judgement:
    facts = {"confidence": 0.9, "logprob": -0.1, "finish_reason": "stop", "settings": SETTINGS} | more
    return judge_transcript(text, language=language, speech_s=speech_s, **facts)  # type: ignore[arg-type]


def test_good_texts_are_accepted() -> None:
    assert transcript(TR).accepted
    assert translation(TR, FR).accepted
    assert translation(TR, "We are going to Ankara tomorrow morning at nine o'clock.", target="en").accepted
    assert translation("Teşekkürler.", "Merci.", speech_s=1.0).accepted


@pytest.mark.parametrize(
    ("source", "text", "more", "reason"),
    [
        (TR, "", {}, "empty"),
        (TR, "...", {}, "empty"),
        (TR, FR, {"finish_reason": "length"}, "truncated"),
        (TR, FR, {"finish_reason": "loop"}, "loop"),
        (TR, FR, {"logprob": -1.5}, "unsure"),
        (TR, FR, {"logprob": math.nan}, "unsure"),
        (TR, TR, {}, "copied"),
        (TR, "We are going to Ankara tomorrow morning at nine o'clock.", {}, "wrong_language"),
        (TR, "Nous allons à Ankara " + "demain matin " * 8, {}, "loop"),
        (TR, "Sous-titres réalisés par la communauté d'Amara.org", {}, "boilerplate"),
        (TR * 3, "Merci.", {"speech_s": 8.0}, "boilerplate"),
        (TR, FR, {"speech_s": 25.0}, "sparse"),
        (TR, FR, {"speech_s": 0.5}, "dense"),
        (TR + " " + TR, FR, {}, "too_short"),
        (TR, FR.replace("neuf", "dix"), {}, "numbers"),
        (TR, FR.encode().decode("latin-1"), {}, "garbled"),
        (TR, FR, {"similarity": 0.1}, "unlike"),
        (TR, "Nous allons à sabah saat dokuzda gidiyoruz.", {}, "copied"),
        (TR, FR + " " + FR + " " + FR, {"speech_s": 9.0}, "too_long"),
    ],
)
def test_each_fault_is_named(source: str, text: str, more: dict[str, object], reason: str) -> None:
    judgement = translation(source, text, **more)  # type: ignore[arg-type]
    assert not judgement.accepted
    assert reason in judgement.reasons
    assert judgement.score < 0.5


def test_silence_is_told_from_lost_speech() -> None:
    assert transcript("", confidence=0.45).no_speech
    assert transcript("", speech_s=0.4).no_speech
    assert transcript("", speech_s=3.0, confidence=0.9).reasons == ("empty",)
    assert transcript("Altyazı M.K.", speech_s=30.0).no_speech
    assert transcript("Müzik", speech_s=12.0).no_speech
    assert not transcript("Teşekkürler.", speech_s=1.0).no_speech
    # words in the transcript outweigh a doubtful detector
    assert translation(TR, "", confidence=0.4).reasons == ("empty",)
    assert translation("", "", confidence=0.4).no_speech


def test_an_invented_credit_beside_speech_costs_nothing_and_is_not_shown() -> None:
    judgement = translation(TR, "Sous-titrage Société Radio-Canada. " + FR)
    assert judgement.accepted
    assert judgement.spoken == FR
    assert judgement.reasons == ("credit_removed",)
    assert translation(TR, FR).spoken is None
    assert translation(TR, FR + " Traduction et sous-titres : Julie Marchand.").spoken == FR
    # invented over real speech it is rejected, however little it weighs
    assert "boilerplate" in translation(TR * 4, "Merci.", speech_s=30.0).reasons


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Filmi kim çevirdi? Ahmet çevirdi.", "Qui a traduit le film ? Traduit par Ahmet."),
        (
            "Hangi serviste çalışıyorsun? Çeviri ve altyazı.",
            "Tu travailles dans quel service ? Traduction et sous-titres.",
        ),
        ("Ne iş yapıyorsun? Altyazı.", "Tu fais quoi ? Sous-titrage."),
        ("Orada ne iş görüyorsun? Filmlere yazı yazıyorum.", "Tu fais quoi là-bas, toi ? Sous-titrage."),
        ("Altyazıları kim yaptı? Nathalie yaptı.", "Qui a fait ça ? Sous-titres par Nathalie."),
    ],
)
def test_speech_about_translating_is_never_taken_for_a_credit(source: str, text: str) -> None:
    judgement = translation(source, text)
    assert judgement.accepted, judgement
    assert judgement.spoken is None
    assert judgement.reasons == ()
    assert transcript(text, language="fr").spoken is None


@pytest.mark.parametrize(
    "text",
    [
        "Demain matin, à neuf heures, we are going to Ankara by train.",
        "Tomorrow morning, at nine o'clock. Nous allons à Ankara avec ma mère.",
        "Demain matin, à neuf heures, fahren wir alle nach Ankara.",
        "Nous allons à Ankara avec ma mère. Mañana por la mañana, a las nueve.",
    ],
)
def test_half_a_text_in_a_third_language_is_caught(text: str) -> None:
    assert "wrong_language" in translation(TR, text).reasons


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            "Yarınki maçlar: Galatasaray, Fenerbahçe, Beşiktaş, Trabzonspor.",
            "Matchs demain : Galatasaray, Fenerbahçe, Beşiktaş, Trabzonspor.",
        ),
        (
            "Bir menemen, bir börek, bir simit ve bir ayran istiyorum.",
            "Je veux un menemen, un börek, un simit et un ayran.",
        ),
        ("Yanına bir rakı ve bir şalgam al.", "Prends un rakı et un şalgam avec."),
    ],
)
def test_names_and_loanwords_are_not_left_over(source: str, text: str) -> None:
    assert translation(source, text).accepted, translation(source, text)


def test_a_heading_that_was_left_is_no_name() -> None:
    assert "copied" in translation("Yazdırma Aralıkları", "Yazdırma Aralıkları", speech_s=1.5).reasons


def test_an_attempt_ranks_higher_the_more_is_there() -> None:
    said = FR.split()
    scores = [translation(TR, " ".join(said[:n])).score for n in (3, 5, len(said))]
    assert scores == sorted(scores)


@pytest.mark.parametrize(
    "text", ["a" * 100_000, "söz " * 25_000, "1 " * 50_000, "(" * 100_000, "<i" * 50_000, TR * 2_200]
)
def test_a_hundred_thousand_characters_take_no_quadratic_time(text: str) -> None:
    started = time.perf_counter()
    translation(TR, text)
    translation(text, FR)
    transcript(text)
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("value", [None, 5, b"x", ["a"], 1.5])
def test_what_is_no_text_is_judged_as_it_is_written(value: Any) -> None:
    assert isinstance(translation(TR, value), Judgement)
    assert isinstance(translation(value, FR), Judgement)
    assert isinstance(transcript(value, speech_s=value), Judgement)


def test_a_transcript_in_another_language_is_caught() -> None:
    assert "wrong_language" in transcript(FR).reasons
    assert transcript(FR, language="fr").accepted
    assert transcript(FR, language="xx").accepted


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(max_size=80),
        st.sampled_from(["😀" * 50, "a" * 10_000, "\x00", "١٢٣", "。" * 30, TR * 20, "\u202eשלום عالم"]),
    ),
    st.one_of(st.text(max_size=80), st.sampled_from(["👩‍👩‍👧", "ş" * 10_000, "\ud800", "<i></i>", FR * 20])),
    st.sampled_from(["fr", "tr", "en", "xx", "", "zh"]),
    st.floats(),
    st.floats(),
    st.floats(),
)
def test_odd_input_gets_a_defined_answer(
    source: str, text: str, target: str, speech_s: float, confidence: float, logprob: float
) -> None:
    more = {"speech_s": speech_s, "confidence": confidence, "logprob": logprob}
    for judgement in (
        translation(source, text, target=target, **more),  # type: ignore[arg-type]
        transcript(text, language=target, **more),  # type: ignore[arg-type]
    ):
        assert 0.0 <= judgement.score <= 1.0
        assert judgement.accepted == (judgement.score >= 0.5)
        assert judgement.accepted or judgement.reasons


WINDOWS = 700
FLOORS = {
    "half": 0.95,
    "last third dropped": 0.60,
    "loop of three words": 0.99,
    "looping tail": 0.99,
    "one word for ever": 0.97,
    "copied": 0.99,
    "half copied": 0.88,
    "other language": 0.88,
    "empty": 1.0,
    "credit": 0.99,
}


def corruptions(rng: random.Random, source: str, text: str, other: str) -> Iterator[tuple[str, str]]:
    spoken, said = source.split(), text.split()
    half, at = len(said) // 2, rng.randrange(max(1, len(said) - 3))
    yield "half", " ".join(said[:half])
    yield "last third dropped", " ".join(said[: len(said) - max(1, len(said) // 3)])
    yield "loop of three words", " ".join(said[:at] + said[at : at + 3] * 4 + said[at + 3 :])
    yield "looping tail", text + " " + " ".join(said[-2:] * 10)
    yield "one word for ever", " ".join(said[:half] + [said[half]] * 12)
    yield "copied", source
    yield "half copied", " ".join(said[:half] + spoken[len(spoken) // 2 :])
    yield "other language", other
    yield "empty", ""
    yield "credit", "Sous-titres réalisés par la communauté d'Amara.org"


def test_true_windows_of_the_embedded_world_pass_and_corrupted_ones_do_not() -> None:
    rng = random.Random(20)
    caught: Counter[str] = Counter()
    false_alarms = 0
    for _ in range(WINDOWS):
        spoken = [sample(rng) for _ in range(rng.randint(1, 5))]
        source, french, english = (
            " ".join(getattr(one, language) for one in spoken) for language in ("tr", "fr", "en")
        )
        speech_s = len(source) / rng.uniform(10, 20)
        false_alarms += not transcript(source, speech_s=speech_s).accepted
        false_alarms += not translation(source, french, speech_s=speech_s).accepted
        false_alarms += not translation(source, english, speech_s=speech_s, target="en").accepted
        for name, corrupted in corruptions(rng, source, french, english):
            caught[name] += not translation(source, corrupted, speech_s=speech_s).accepted
    assert false_alarms <= 0.001 * 3 * WINDOWS
    recall = {name: caught[name] / WINDOWS for name in FLOORS}
    assert all(recall[name] >= floor for name, floor in FLOORS.items()), recall
