"""A window asked about: which retries there are, what is recorded of them, and which evidence speaks against a text."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from b200_kernels.engine import SpeechRequest
from b200_kernels.prompts import Transcribe, Translate, TranslateText
from pipelines.records import PartWindow, Segment, Text, Window
from quality.glossary import Term
from quality.settings import GateSettings
from ray_apps.window_texts import WindowTexts
from tests.ray_apps.fake_engine import FakeEngine

TURKISH = "Yarın sabah saat dokuzda Ankara'ya gidiyoruz. Hava çok güzel."
FRENCH = "Nous allons à Ankara demain matin à neuf heures. Il fait très beau."
OTHER = "Ma grand-mère préparait des gâteaux tous les dimanches pour nous."
CREDIT = "Sous-titres réalisés par la communauté d'Amara.org"
LOOP = "Çok güzel. " * 30


def window(*spans: tuple[float, float], start_s: float = 100.0) -> Window:
    """Speech at these seconds of a window that begins at 100 s of its medium."""
    spans = spans or ((0.0, 5.0),)
    segments = tuple(Segment(start=start_s + a, end=start_s + b, confidence=0.95) for a, b in spans)
    return Window(start_s=start_s, segments=segments, samples=np.zeros(int(spans[-1][1] * 16_000), np.int16))


def asked(script, quality: str = "high", heard: Window | None = None, glossary=(), **engine) -> PartWindow:
    fake = FakeEngine(script, **engine)
    texts = WindowTexts(fake, GateSettings(quality=quality), glossary, heard or window(), "tr")
    return asyncio.run(texts.texts(("fr",)))


def translation(*given, **named) -> Text:
    return asked(*given, **named).targets[0]


def is_piece(request) -> bool:
    return request.samples is not None and len(request.samples) < 16_000 * 5


def test_a_window_is_asked_in_two_where_the_speaker_pauses() -> None:
    heard = window((0.0, 2.0), (3.0, 3.4), (3.5, 5.0))
    lengths = []

    def script(task, request):
        if isinstance(task, Transcribe):
            return TURKISH
        if not is_piece(request):
            return TURKISH  # copied
        lengths.append(len(request.samples) / 16_000)
        return "Nous allons à Ankara demain matin." if len(lengths) == 1 else "Il fait très beau."

    text = translation(script, heard=heard)
    assert lengths == [2.5, 2.5]
    assert text.text == "Nous allons à Ankara demain matin. Il fait très beau."
    assert (text.verdict, text.step) == ("accepted", "pieces")


def test_the_pieces_tokens_are_timed_on_the_windows_clock() -> None:
    def script(task, request):
        if not is_piece(request):
            return LOOP if isinstance(task, Transcribe) else FRENCH
        return "Yarın sabah gidiyoruz." if isinstance(task, Transcribe) else FRENCH

    def timings(task, request):
        return (("Yarın sabah gidiyoruz.", 0.5, 1.0),) if is_piece(request) else ()

    source = asked(script, heard=window((0.0, 2.0), (3.0, 5.0)), timings=timings).source
    assert source.text == "Yarın sabah gidiyoruz. Yarın sabah gidiyoruz."
    assert [(t.start, t.end) for t in source.tokens] == [(0.5, 1.0), (3.0, 3.5)]
    assert "".join(t.text for t in source.tokens) == source.text


@pytest.mark.parametrize(("meaning", "verdict"), [(True, "needs_review"), (False, "accepted")])
def test_a_fluent_text_about_something_else_is_seen_where_meaning_is_compared(meaning, verdict) -> None:
    fake = FakeEngine(lambda task, _: TURKISH if isinstance(task, Transcribe) else OTHER)
    gate = GateSettings(quality="low", meaning=meaning)
    found = asyncio.run(WindowTexts(fake, gate, (), window(), "tr").texts(("fr",))).targets[0]
    assert found.verdict == verdict
    assert ("unlike" in found.reasons) == meaning


def test_an_invented_credit_behind_real_speech_is_not_shown() -> None:
    text = translation(lambda task, _: TURKISH if isinstance(task, Transcribe) else f"{FRENCH} {CREDIT}")
    assert (text.text, text.verdict, text.reasons) == (FRENCH, "accepted", ("credit_removed",))


def test_a_better_transcript_is_what_the_translation_is_judged_against() -> None:
    def script(task, request):
        if isinstance(task, Transcribe):
            return "Yarın sabah saat dokuzda gidiyoruz." if is_piece(request) else LOOP
        return "Nous partons demain matin à neuf heures. Nous partons demain matin à neuf heures."

    part = asked(script, heard=window((0.0, 2.5), (2.6, 5.0)))
    assert (part.source.verdict, part.source.step) == ("accepted", "pieces")
    assert part.targets[0].verdict == "accepted"


def test_every_attempt_is_recorded_with_its_step_text_score_and_reasons() -> None:
    text = translation(lambda task, request: TURKISH, quality="max")
    assert [a.step for a in text.tried] == ["first", "strict", "pieces", "cascade", *["sample"] * 4]
    assert text.attempts == len(text.tried)
    assert all(0 <= a.score < 0.5 and a.reasons and a.text for a in text.tried)
    assert text.verdict == "needs_review"
    assert text.text  # nothing is dropped


def test_what_is_recorded_of_a_long_loop_is_bounded() -> None:
    text = translation(lambda task, request: LOOP * 50, quality="medium")
    assert max(len(a.text) for a in text.tried) == 500
    assert len(text.text) > 5000


def test_a_first_answer_that_passes_leaves_no_list_of_attempts() -> None:
    text = translation(lambda task, request: TURKISH if isinstance(task, Transcribe) else FRENCH)
    assert (text.attempts, text.step, text.tried) == (1, "first", ())


def test_the_best_of_several_draws_ships() -> None:
    def script(task, request):
        if isinstance(task, Transcribe):
            return TURKISH
        return FRENCH if request.temperature == 0.6 else TURKISH

    text = translation(script, quality="max")
    assert (text.text, text.verdict, text.step) == (FRENCH, "accepted", "sample")
    assert len([a for a in text.tried if a.step == "sample"]) == 4


def loud_window(*spans: tuple[float, float]) -> Window:
    """A window that is not silent, of samples that are all the same: under noise they are not."""
    heard = window(*spans)
    return heard.model_copy(update={"samples": np.full(len(heard.samples), 1000, np.int16)})


def is_noisy(request) -> bool:
    return len(set(request.samples)) > 1


def first_heard(task, request, texts: list[str]) -> str:
    return texts[is_noisy(request)] if isinstance(task, Transcribe) else FRENCH


def test_an_unsure_transcript_that_a_second_listening_contradicts_marks_what_rests_on_it() -> None:
    def script(task, request):
        return first_heard(task, request, [TURKISH, "Büyükannem her pazar hepimiz için kek yapardı."])

    unsure = asked(script, logprob=-0.2, heard=loud_window())
    assert unsure.source.verdict == unsure.targets[0].verdict == "needs_review"
    assert "contradicted" in unsure.source.reasons
    assert "doubtful_source" in unsure.targets[0].reasons
    assert asked(script, logprob=-0.001, heard=loud_window()).source.verdict == "accepted"
    assert asked(script, logprob=-0.2, heard=loud_window(), quality="medium").source.verdict == "accepted"


def test_an_unsure_transcript_that_is_heard_again_with_small_differences_passes() -> None:
    def script(task, request):
        return first_heard(task, request, [TURKISH, "Yarın sabah saat dokuzda Ankaraya gidiyoruz, hava güzel."])

    found = asked(script, logprob=-0.2, heard=loud_window())
    assert (found.source.verdict, found.source.step, found.source.text) == ("accepted", "first", TURKISH)
    assert (found.targets[0].verdict, found.targets[0].text) == ("accepted", FRENCH)


@pytest.mark.parametrize(
    ("again", "verdict"), [((0.1, 1.0, 2.0), "accepted"), ((0.1,), "needs_review")], ids=["found", "lost"]
)
def test_speech_that_only_one_of_two_listenings_found_again_stays_doubtful(again, verdict) -> None:
    def script(task, request):
        if not isinstance(task, Transcribe):
            return FRENCH
        return "Yarın sabah saat dokuzda." if is_piece(request) else "Yarın sabah."

    def timings(task, request):
        if not isinstance(task, Transcribe):
            return ()
        times = again if is_noisy(request) else (0.1, 1.0, 2.0) if is_piece(request) else (0.1,)
        return tuple((".", at, at + 0.1) for at in times)

    heard = loud_window((0.0, 2.5), (2.6, 5.0))
    found = asked(script, heard=heard, timings=timings, logprob=0.0).source
    assert (found.verdict, [attempt.step for attempt in found.tried]) == (verdict, ["first", "pieces"])


def test_a_rejected_transcript_is_asked_again_in_pieces_at_medium_already() -> None:
    def script(task, request):
        if isinstance(task, Transcribe):
            return "Yarın sabah saat dokuzda gidiyoruz." if is_piece(request) else LOOP
        return "Nous partons demain matin à neuf heures. Nous partons à neuf heures demain."

    found = asked(script, quality="medium", heard=window((0.0, 2.0), (3.0, 5.0)))
    assert (found.source.verdict, found.source.step) == ("accepted", "pieces")


def test_a_transcript_that_passes_over_speech_marks_what_rests_on_it() -> None:
    def script(task, request):
        return TURKISH if isinstance(task, Transcribe) else FRENCH

    def early(task, request):
        return (("Yarın ", 0.1, 0.4), ("sabah", 0.5, 1.0)) if isinstance(task, Transcribe) else ()

    part = asked(script, timings=early)
    assert part.source.verdict == "needs_review"
    assert "unheard" in part.source.reasons
    assert part.targets[0].verdict == "needs_review"
    assert "doubtful_source" in part.targets[0].reasons


def test_lost_speech_is_found_again_only_by_more_text() -> None:
    def hearing(found: str):
        def script(task, request):
            if isinstance(task, Transcribe):
                return found if is_piece(request) else "Yarın sabah."
            return FRENCH

        def timings(task, request):
            times = (0.1, 1.0, 2.0) if is_piece(request) else (0.1,)
            return tuple((".", at, at + 0.1) for at in times) if isinstance(task, Transcribe) else ()

        return asked(script, heard=window((0.0, 2.5), (2.6, 5.0)), timings=timings, logprob=0.0).source

    assert hearing("Yarın sabah saat dokuzda gidiyoruz.").verdict == "accepted"
    assert hearing("Yarın").reasons == ("unheard",)


def test_a_transcript_that_did_not_pass_is_not_translated_further() -> None:
    def script(task, request):
        assert not isinstance(task, TranslateText)
        return LOOP if isinstance(task, Transcribe) else TURKISH

    assert translation(script).verdict == "needs_review"


def test_a_retry_that_the_engine_refuses_costs_nothing_else() -> None:
    class Refusing(FakeEngine):
        async def generate(self, request):
            if any(isinstance(task, TranslateText) for task in request.tasks):
                raise ValueError("too long a text")
            return await super().generate(request)

    engine = Refusing(lambda task, request: TURKISH)
    texts = WindowTexts(engine, GateSettings(quality="high"), (), window(), "tr")
    assert asyncio.run(texts.texts(("fr",))).targets[0].verdict == "needs_review"


BRIDGE = Term(source="köprü", target="viaduc", language="fr")
SAID = "Sabah erkenden eski köprüden geçtik."


def crossed(word: str, glossary, quality: str = "low") -> tuple[Text, list]:
    """Crossing a bridge that the model calls ``word`` unless it is told otherwise."""
    prompts = []

    def script(task, request):
        prompts.append(task)
        if isinstance(task, Transcribe):
            return SAID
        named = dict(task.terms).get("köprü", word)
        return f"Tôt le matin nous avons passé le vieux {named}."

    return translation(script, quality=quality, glossary=glossary), prompts


def test_a_missed_term_is_asked_for_and_then_used() -> None:
    text, _ = crossed("pont", (BRIDGE,))
    assert "viaduc" in text.text
    assert (text.verdict, text.step) == ("accepted", "glossary")


def test_a_term_that_stays_missing_is_a_reason_and_the_text_ships() -> None:
    def deaf(task, request):
        return SAID if isinstance(task, Transcribe) else "Tôt le matin nous avons passé le vieux pont."

    text = translation(deaf, glossary=(BRIDGE,))
    assert (text.verdict, text.reasons) == ("needs_review", ("glossary",))
    assert text.text == "Tôt le matin nous avons passé le vieux pont."


def test_a_model_that_a_glossary_derails_still_ships_its_first_text() -> None:
    def derailed(task, request):
        if isinstance(task, Transcribe):
            return SAID
        return SAID if task.terms else "Tôt le matin nous avons passé le vieux pont."

    assert translation(derailed, glossary=(BRIDGE,)).text == "Tôt le matin nous avons passé le vieux pont."


@pytest.mark.parametrize(
    "glossary",
    [(), (Term(source="deniz", target="mer", language="fr"),), (BRIDGE.model_copy(update={"language": "en"}),)],
)
def test_a_glossary_without_a_term_that_is_said_changes_no_prompt(glossary) -> None:
    _, prompts = crossed("pont", glossary)
    assert prompts == [Transcribe("tr"), Translate("tr", "fr")]


def test_a_temperature_samples_first_answers_and_the_gate_judges_them_still() -> None:
    """Seeded by the window's samples, so that the same request gives the same text."""

    def script(task, request):
        if isinstance(task, Transcribe):
            return TURKISH
        return LOOP if request.temperature else FRENCH

    def texts(temperature: float) -> tuple[Text, list[SpeechRequest]]:
        fake = FakeEngine(script)
        wanted = WindowTexts(fake, GateSettings(quality="high"), (), window(), "tr", temperature)
        return asyncio.run(wanted.texts(("fr",))).targets[0], fake.requests

    text, requests = texts(0.8)
    first, *retries = requests
    assert (text.text, text.step, text.verdict) == (FRENCH, "strict", "accepted")
    assert first.temperature == 0.8
    assert first.seed == texts(0.8)[1][0].seed != 0
    assert {request.temperature for request in retries} == {0.0}
    assert {(request.temperature, request.seed) for request in texts(0.0)[1]} == {(0.0, 0)}
