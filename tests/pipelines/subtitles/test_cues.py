"""Cues: the hard rules hold whatever the model says; plausible windows become what a subtitler would make."""

from __future__ import annotations

import math
import random
import re
import time
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from b200_kernels.embedded.recipe.grammar import sample
from pipelines.records import Cue, PartWindow, Segment, Text, TokenTime
from pipelines.settings import CueSettings
from pipelines.subtitles.cues import check_cues, make_cues
from quality.text import plain
from quality.validator import TranslationQualityValidator

PROFILE = CueSettings()


def text(language: str, content: str, **more: object) -> Text:
    fields = {"logprob": -0.1, "score": 0.9, "verdict": "accepted"} | more
    return Text(language=language, text=content, **fields)  # type: ignore[arg-type]


def window(
    target: str, *segments: tuple[float, float], source: str = "", start: float | None = None, **more: object
) -> PartWindow:
    first = segments[0][0] if segments else 0.0
    return PartWindow(
        start_s=first if start is None else start,
        end_s=segments[-1][1] if segments else first + 2.0,
        segments=tuple(Segment(start=a, end=b, confidence=0.9) for a, b in segments),
        source=text("tr", source),
        targets=(text("fr", target, **more),),
    )


SET_BY_THE_TYPOGRAPHY = re.compile(r"[\s\"«»“”…\-–—.]")
NBSP, NARROW = "\u00a0", "\u202f"


def characters(content: str) -> str:
    """All that no typographer may change."""
    return SET_BY_THE_TYPOGRAPHY.sub("", plain(content))


def words_of(content: str) -> list[str]:
    return re.findall(r"\w+", plain(content))


def assert_hard_rules(cues: list[Cue], settings: CueSettings) -> None:
    limits = settings.limits("fr")
    assert {v.rule for v in check_cues(cues, "fr", settings)} <= {"reading_speed", "line_break"}
    assert all(cue.start_s >= 0 and round(cue.start_s, 3) == cue.start_s for cue in cues)
    for cue in cues:
        assert len(cue.lines) <= limits.max_lines
        assert all(0 < len(line) <= limits.max_line_chars for line in cue.lines)
        assert limits.min_duration_s - 1e-6 <= cue.end_s - cue.start_s <= limits.max_duration_s + 1e-6
    for before, after in pairwise(cues):
        assert after.start_s - before.end_s >= limits.min_gap_s - 1e-6
    assert [cue.index for cue in cues] == list(range(1, len(cues) + 1))


times = st.floats(0, 100, allow_nan=False)
LONG_WORD = "donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamten"
WORDS = f"Oui. Non ! Alors, le la grand monsieur « Quoi » ? 3.5 M. Dupont … - {LONG_WORD}"
OTHER_WORDS = [
    "e\u0301te\u0301",
    "a\u00a0!",
    "你好。世界",
    "\u00a0",
    "a-b/c",
    "<<i>i>x",
    "<i>",
    "&lt;b>",
    "...",
]
words = st.sampled_from([*WORDS.split(), *OTHER_WORDS])
contents = st.one_of(st.lists(words, max_size=60).map(" ".join), st.text(max_size=120), st.just(""))


@st.composite
def windows(draw: st.DrawFn) -> list[PartWindow]:
    made = []
    for _ in range(draw(st.integers(0, 5))):
        start, length = draw(times), draw(st.floats(0, 30))
        segments = []
        for _ in range(draw(st.integers(0, 4))):
            a, b = sorted((draw(times), draw(times)))
            segments.append(Segment(start=a, end=b, confidence=0.5))
        content = draw(contents)
        tokens = []
        if draw(st.booleans()):
            for token in content.split():
                a, b = sorted((draw(st.floats(0, 30)), draw(st.floats(0, 30))))
                tokens.append(TokenTime(text=token, start=a, end=b))
        made.append(
            PartWindow(
                start_s=start,
                end_s=start + length,
                segments=tuple(segments),
                source=text("tr", draw(contents)),
                targets=(text("fr", content, tokens=tuple(tokens)),),
            )
        )
    return made


profiles = st.sampled_from(
    [
        PROFILE,
        CueSettings(max_lines=1, max_line_chars=10, max_cps=5),
        CueSettings(max_lines=3, min_gap_s=0, max_duration_s=2),
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(windows(), profiles)
def test_hard_rules_hold_and_no_text_is_lost_for_any_input(made: list[PartWindow], profile: CueSettings) -> None:
    cues = make_cues(made, "fr", profile)
    assert_hard_rules(cues, profile)
    shown_texts = [plain(w.targets[0].text) for w in sorted(made, key=lambda w: w.start_s)]
    assert characters("".join(cue.text for cue in cues)) == characters("".join(shown_texts))
    words_in = [word for content in shown_texts for word in content.split()]
    cut = any(len(word) > profile.limits("fr").max_line_chars or set("。！？") & set(word) for word in words_in)
    if not cut:
        assert [word for cue in cues for word in words_of(cue.text)] == words_of(" ".join(shown_texts))
    assert cues == make_cues(made, "fr", profile)


@pytest.mark.parametrize("content", ["x" * 3000, "a " * 1500, "un deux trois. " * 200, "! " * 900, "e\u0301" * 3000])
def test_far_too_much_text_for_the_time_still_meets_the_hard_rules(content: str) -> None:
    made = [window(content, (5.0, 7.0)), window("Après cela.", (7.1, 9.0))]
    cues = make_cues(made, "fr", PROFILE)
    assert_hard_rules(cues, PROFILE)
    assert characters("".join(cue.text for cue in cues)) == characters(content + "Après cela.")
    assert any("reading_speed" in cue.reasons for cue in cues)


@pytest.mark.parametrize(
    "piece",
    [
        ".",
        "!",
        " ",
        "!\u00a0",
        "- A. ",
        "A. ",
        "a ",
        "« ",
        "» ",
        "a ! ",
        "Oui. ",
        "- Oui. ",
        "la ",
        "1 000 ",
        "5 km: ",
        "x",
    ],
)
def test_a_hundred_thousand_characters_of_anything_take_a_few_seconds(piece: str) -> None:
    content = f"Oui, {piece * (100_000 // len(piece))} fin"
    made = window(content, (1.0, 3.0), (3.2, 9.0), source="Bir. " * 2_000)
    began = time.process_time()
    cues = make_cues([made], "fr", PROFILE)
    assert time.process_time() - began < 15
    assert characters("".join(cue.text for cue in cues)) == characters(content)


def test_senseless_times_are_survived() -> None:
    bad = PartWindow(
        start_s=math.nan,
        end_s=math.inf,
        segments=(Segment(start=math.nan, end=1, confidence=1), Segment(start=9, end=3, confidence=1)),
        source=text("tr", ""),
        targets=(text("fr", "Bonjour à tous."),),
    )
    cues = make_cues([bad], "fr", PROFILE)
    assert_hard_rules(cues, PROFILE)
    assert [cue.text for cue in cues] == ["Bonjour à tous."]


def test_sentences_fall_on_the_stretches_of_speech() -> None:
    made = window(
        "Nous allons à Ankara demain matin. Avez-vous vu M. Dupont ? Merci beaucoup, madame.",
        (10.0, 12.4),
        (13.2, 15.0),
        (16.0, 17.5),
        source="Yarın sabah Ankara'ya gidiyoruz. Bay Dupont'u gördünüz mü? Çok teşekkürler hanımefendi.",
    )
    cues = make_cues([made], "fr", PROFILE)
    assert [cue.start_s for cue in cues] == [10.0, 13.2, 16.0]
    assert [cue.end_s for cue in cues[:2]] == [12.4, 15.0]
    assert [cue.text for cue in cues] == [
        "Nous allons à Ankara demain matin.",
        f"Avez-vous vu M.{NBSP}Dupont{NARROW}?",
        "Merci beaucoup, madame.",
    ]
    assert [cue.source for cue in cues] == [
        "Yarın sabah Ankara'ya gidiyoruz.",
        "Bay Dupont'u gördünüz mü?",
        "Çok teşekkürler hanımefendi.",
    ]


def test_token_times_decide_where_there_are_any() -> None:
    tokens = (
        TokenTime(text="Nous", start=0.0, end=0.3),
        TokenTime(text=" partons.", start=0.3, end=1.0),
        TokenTime(text=" Attendez-", start=4.0, end=4.6),
        TokenTime(text="moi !", start=4.6, end=5.2),
    )
    made = window("Nous partons. Attendez-moi !", (20.0, 26.0), tokens=tokens)
    cues = make_cues([made], "fr", PROFILE)
    assert [(cue.start_s, cue.text) for cue in cues] == [(20.0, "Nous partons."), (24.0, f"Attendez-moi{NARROW}!")]


def spoken(*pieces: tuple[str, float, float]) -> tuple[TokenTime, ...]:
    """Tokens, one a word: each piece is said from one time to another."""
    made = []
    for said, start, end in pieces:
        found = said.split()
        step = (end - start) / len(found)
        ends = [start + i * step for i in range(len(found) + 1)]
        made += [TokenTime(text=f" {w}", start=a, end=b) for w, (a, b) in zip(found, pairwise(ends), strict=True)]
    return tuple(made)


CREDIT = "Sous-titres réalisés par la communauté d'Amara.org !"


@pytest.mark.parametrize("credit", ["after", "before", "both"])
def test_a_credit_that_the_gate_took_away_moves_no_cue(credit: str) -> None:
    pieces = [("Bonjour à tous.", 4.0, 5.8), ("Bienvenue chez nous.", 6.0, 8.0)]
    if credit != "before":
        pieces.append((CREDIT, 17.0, 18.0))
    if credit != "after":
        pieces.insert(0, (CREDIT, 0.5, 1.5))
    made = window(
        "Bonjour à tous. Bienvenue chez nous.", (0.0, 1.6), (4.0, 8.0), (17.0, 18.0), start=0.0, tokens=spoken(*pieces)
    )
    first, second = make_cues([made], "fr", PROFILE)
    assert (first.start_s, second.start_s) == (4.0, pytest.approx(6.0, abs=0.05))
    assert 8.0 <= second.end_s <= 8.1


def test_the_text_is_found_where_it_is_said_by_itself() -> None:
    tokens = spoken(("Sous-titrage Ouistiti.", 0.0, 1.0), ("Oui.", 5.0, 5.5))
    (cue,) = make_cues([window("Oui.", (0.0, 1.0), (5.0, 6.0), tokens=tokens)], "fr", PROFILE)
    assert cue.start_s == 5.0


def test_tokens_that_spell_something_else_are_matched_by_their_share() -> None:
    made = window("Je suis venu. Je suis parti.", (20.0, 24.0), tokens=spoken(("Evet geldim Ben gittim", 0.0, 4.0)))
    first, second = make_cues([made], "fr", PROFILE)
    assert (first.start_s, second.start_s) == (20.0, 21.0)


@pytest.mark.parametrize("parted_at", [1.3, 2.2, 2.6])
@pytest.mark.parametrize("of", ["translation", "transcript"])
def test_token_times_that_miss_a_pause_by_little_keep_it_between_the_cues(of: str, parted_at: float) -> None:
    """A token ends where the next begins, wherever in the pause, or a little outside of it, that is."""
    tokens = tuple(
        TokenTime(text=word, start=start, end=end)
        for word, start, end in (("Evet", 0.1, 0.8), (" geldim.", 0.8, parted_at), (" Gittim.", parted_at, 4.0))
    )
    made = window("Je suis venu. Je suis parti.", (20.0, 21.5), (22.5, 24.0))
    made = made.model_copy(update={"source": text("tr", "Evet geldim. Gittim.", tokens=tokens)})
    if of == "transcript":
        made = made.model_copy(update={"targets": (made.source,)})
    first, second = make_cues([made], made.targets[0].language, PROFILE)
    assert 22.5 <= second.start_s <= 22.61
    assert first.end_s <= second.start_s - PROFILE.limits("fr").min_gap_s
    assert first.end_s < 22.5


def test_a_long_sentence_is_split_at_clauses_and_lines_do_not_end_on_an_article() -> None:
    long = (
        "Comme il pleuvait beaucoup hier soir, nous avons décidé de rester à la maison, "
        "et les enfants ont regardé un film avec leur grand-mère."
    )
    cues = make_cues([window(long, (0.0, 9.0), source="Bir. İki.")], "fr", PROFILE)
    assert len(cues) == 2
    assert cues[0].text.endswith(",")
    last_words = {line.split()[-1] for cue in cues for line in cue.lines}
    assert not last_words & {"la", "les", "un", "de", "à", "leur", "et", "avec"}
    assert {cue.source for cue in cues} == {"Bir. İki."}


@pytest.mark.parametrize(
    "content",
    [
        "Liste toutes les colonnes de la table de base de données qui peuvent être acceptées dans la zone de liste.",
        "Ceci permet de spécifier le chemin du fichier XML à importer dans le document.",
        "Affiche une heure telle que définie dans les paramètres de temps long du système.",
        "Si l'objet est ancré à la page, les touches déplacent l'objet vers la page précédente ou vers la suivante.",
    ],
)
def test_rather_one_more_cue_than_an_article_parted_from_its_noun(content: str) -> None:
    cues = make_cues([window(content, (0.0, len(content) / 14))], "fr", PROFILE)
    assert all(cue.reasons == () for cue in cues)
    lines = [line for cue in cues for line in cue.lines]
    assert not {line.split()[-1] for line in lines} & {"le", "la", "les", "de", "du", "des", "dans", "vers", "qui"}


def test_what_had_to_be_parted_says_so() -> None:
    word = "anticonstitutionnellement-anticonstitutionnel"[:42]
    (cue,) = make_cues([window(f"le {word}", (0.0, 6.0))], "fr", PROFILE)
    assert cue.lines == ("le", word)
    assert cue.reasons == ("line_break",)
    (before, after) = make_cues([window(f"le {word}", (0.0, 6.0))], "fr", CueSettings(max_lines=1))
    assert (before.reasons, after.reasons) == (("line_break",), ())


def test_a_very_short_sentence_joins_the_neighbour_it_touches() -> None:
    cues = make_cues([window("Oui. Je viens tout de suite.", (3.0, 3.4), (3.6, 5.5))], "fr", PROFILE)
    assert [cue.text for cue in cues] == ["Oui. Je viens tout de suite."]


def test_reading_speed_is_met_by_staying_into_the_silence() -> None:
    dense = "Cette phrase est bien trop longue pour être lue en une seconde."
    (cue,) = make_cues([window(dense, (3.0, 4.0))], "fr", PROFILE)
    assert cue.start_s == 3.0
    assert cue.end_s == pytest.approx(3.0 + len(dense) / 17, abs=0.07)
    assert cue.reasons == ()


def test_a_cue_that_must_be_too_fast_says_so_and_the_next_starts_on_time() -> None:
    dense = "Cette phrase est bien trop longue pour être lue en une seconde."
    cues = make_cues([window(dense, (3.0, 4.0)), window("Bonjour.", (4.1, 6.0))], "fr", PROFILE)
    assert "reading_speed" in cues[0].reasons
    assert cues[1].start_s == pytest.approx(4.1, abs=0.5)
    assert cues[1].reasons == ()


def test_nothing_is_shown_where_nobody_speaks_and_the_judgement_travels_along() -> None:
    silent = window("Musique", (0.0, 3.0), verdict="no_speech")
    marked = window("Bonjour.", (5.0, 6.0), verdict="needs_review", reasons=("unsure",), score=0.3)
    (cue,) = make_cues([marked, window("", (8.0, 9.0)), silent], "fr", PROFILE)
    assert (cue.verdict, cue.reasons, cue.score, cue.index) == ("needs_review", ("unsure",), 0.3, 1)


def test_the_spoken_language_gives_the_transcript_and_an_unknown_one_gives_nothing() -> None:
    made = [window("Bonjour.", (0.0, 2.0), source="Merhaba.")]
    assert [cue.text for cue in make_cues(made, "tr", PROFILE)] == ["Merhaba."]
    assert make_cues(made, "de", PROFILE) == []


def test_plausible_windows_pass_the_validator() -> None:
    sentences = (
        "Nous allons à Ankara demain matin à neuf heures.",
        "Où est la pharmacie la plus proche ?",
        "Merci, madame.",
        "Malheureusement, le concert n'a pas lieu samedi, parce que la salle est fermée depuis une semaine.",
    )
    rng = random.Random(4)
    made, at = [], 0.0
    for _ in range(60):
        chosen = rng.choices(sentences, k=rng.randint(1, 5))
        spans = []
        for sentence in chosen:
            spans.append((at, at + len(sentence) / rng.uniform(11, 16)))
            at = spans[-1][1] + rng.uniform(0.2, 1.5)
        made.append(window(" ".join(chosen), *spans))
    cues = make_cues(made, "fr", PROFILE)
    validator = TranslationQualityValidator()
    found = [validator.validate_subtitle_constraints(cue.text, cue.end_s - cue.start_s) for cue in cues]
    assert all({v["rule"] for v in one["violations"]} <= {"reading_speed"} for one in found)
    assert sum(one["valid"] for one in found) >= 0.98 * len(found)
    starts = {round(segment.start, 3) for w in made for segment in w.segments}
    assert sum(cue.start_s in starts for cue in cues) >= 0.6 * len(cues)


def test_cues_start_when_their_sentence_does() -> None:
    """Sentences at changing speed; segments as VAD gives them: merged, padded, cut in two."""
    rng = random.Random(5)
    made, truth, at = [], [], 1.0
    for _ in range(100):
        spoken = [sample(rng) for _ in range(rng.randint(1, 5))]
        heard: list[list[float]] = []
        for sentence in spoken:
            length = len(sentence.tr) / rng.uniform(12, 16)
            truth.append((at, sentence.fr))
            halves = [(at, at + length)]
            if rng.random() < 0.3:
                middle = at + length * rng.uniform(0.3, 0.7)
                halves = [(at, middle - 0.2), (middle + 0.2, at + length)]
            for start, end in halves:
                if heard and start - heard[-1][1] < 0.3:
                    heard[-1][1] = end
                else:
                    heard.append([start, end])
            at += length + rng.uniform(0.05, 1.0)
        spans = [(start - 0.12, end + 0.12) for start, end in heard]
        source = " ".join(sentence.tr for sentence in spoken)
        made.append(window(" ".join(sentence.fr for sentence in spoken), *spans, source=source))
        at += rng.uniform(0.5, 3.0)
    cues = make_cues(made, "fr", PROFILE)
    assert_hard_rules(cues, PROFILE)
    # every sentence of this world is one cue's length at most, and none is short enough to be merged
    starts = {cue.text.replace("\n", " "): cue.start_s for cue in cues}
    errors = sorted(abs(starts[said] - when) for when, said in truth if said in starts)
    assert len(errors) > 0.9 * len(truth)
    assert errors[len(errors) // 2] <= 0.2
    assert errors[int(0.95 * len(errors))] <= 0.8


def test_cues_end_inside_the_medium_and_move_back_for_it() -> None:
    made = [window("Bonjour à tous.", (1.0, 3.0)), window("Oui. Je viens tout de suite, attendez-moi.", (9.5, 10.0))]
    cues = make_cues(made, "fr", PROFILE, 10.0)
    assert_hard_rules(cues, PROFILE)
    assert cues[-1].end_s <= 10.0
    assert cues[0].start_s == 1.0


def test_more_cues_than_the_medium_holds_are_told_and_kept() -> None:
    made = [window("Bonjour à tous les amis d'hier. " * 20, (0.0, 5.0))]
    cues = make_cues(made, "fr", PROFILE, 5.0)
    assert characters("".join(cue.text for cue in cues)) == characters(made[0].targets[0].text)
    assert "outside" in cues[-1].reasons
    assert all(("outside" in cue.reasons) == (cue.end_s > 5.0) for cue in cues)


def test_the_profile_goes_by_the_language_of_the_text() -> None:
    dense = "Cette phrase est bien trop longue pour être lue en une seconde."
    made = [window(dense, (3.0, 4.0), source=dense)]
    made = [made[0].model_copy(update={"targets": (text("en", dense), text("fr", dense))})]
    lengths = {}
    for language in ("fr", "en"):
        (cue,) = make_cues(made, language, PROFILE)
        lengths[language] = cue.end_s - cue.start_s
    assert lengths["en"] == pytest.approx(lengths["fr"] * 17 / 20, abs=0.1)
    (child,) = make_cues(made, "fr", CueSettings(profile="netflix-children"))
    assert child.end_s - child.start_s == pytest.approx(lengths["fr"] * 17 / 13, abs=0.1)
    assert make_cues(made, "fr", CueSettings(profile="netflix-children", max_cps=17)) == make_cues(made, "fr", PROFILE)


def test_who_answers_begins_a_line() -> None:
    (cue,) = make_cues([window("- Tu viens ? - Oui.", (3.0, 3.9))], "fr", PROFILE)
    assert cue.lines == (f"-{NBSP}Tu viens{NARROW}?", f"-{NBSP}Oui.")


@pytest.mark.parametrize(
    "segments", [((1.0, 4.0),), ((1.0, 2.5), (2.9, 4.0)), ((1.0, 2.2), (3.1, 4.0))], ids=["one", "near", "apart"]
)
def test_turns_of_a_dialogue_share_a_cue(segments: tuple[tuple[float, float], ...]) -> None:
    (cue,) = make_cues([window("- Tu viens ? - Non.", *segments)], "fr", PROFILE)
    assert cue.lines == (f"-{NBSP}Tu viens{NARROW}?", f"-{NBSP}Non.")
    assert (cue.start_s, cue.reasons) == (1.0, ())
    assert cue.end_s >= 4.0


def test_who_speaks_alone_in_a_cue_has_no_dash() -> None:
    said = "- Tu viens ? - Non. - Alors je pars sans toi, et tant pis pour toi. - Attends !"
    cues = make_cues([window(said, (0.0, 6.0), (9.0, 10.0))], "fr", PROFILE)
    assert [cue.lines for cue in cues] == [
        (f"-{NBSP}Tu viens{NARROW}?", f"-{NBSP}Non."),
        ("Alors je pars sans toi,", "et tant pis pour toi."),
        (f"Attends{NARROW}!",),
    ]
    (cue,) = make_cues([window("", (0.0, 3.0), source="- Geliyor musun?")], "tr", PROFILE)
    assert cue.lines == ("Geliyor musun?",)


def test_a_dash_within_a_sentence_stays() -> None:
    long = "Il voulait venir avec nous à la montagne cet été - mais son père, qui est très malade, ne le voulait pas."
    cues = make_cues([window(long, (0.0, 8.0))], "fr", PROFILE)
    assert " ".join(" ".join(cue.lines) for cue in cues).replace(NBSP, " ") == long
    (cue,) = make_cues([window("-5 degrés ce matin.", (0.0, 3.0))], "fr", PROFILE)
    assert cue.text.startswith("-5")


BILINGUAL = CueSettings(bilingual=True)


def test_a_bilingual_cue_has_the_translation_above_and_what_was_said_beneath() -> None:
    made = window(
        "Nous allons à Ankara demain matin. Merci beaucoup.",
        (10.0, 12.4),
        (13.2, 15.0),
        source="Yarın sabah Ankara'ya gidiyoruz. Çok teşekkürler.",
    )
    cues = make_cues([made], "fr", BILINGUAL)
    assert [(cue.lines, cue.beneath) for cue in cues] == [
        (("Nous allons à Ankara demain matin.",), ("Yarın sabah Ankara'ya gidiyoruz.",)),
        (("Merci beaucoup.",), ("Çok teşekkürler.",)),
    ]
    assert all(cue.reasons == () for cue in cues)
    assert all(cue.beneath == () for cue in make_cues([made], "tr", BILINGUAL))


@pytest.mark.parametrize("source", ["Bir. " * 30, "Yarın sabah erkenden trenle gidiyoruz çünkü yol çok uzun. " * 3])
def test_each_language_of_a_bilingual_cue_gets_its_line(source: str) -> None:
    target = (
        "Comme il pleuvait beaucoup hier soir, nous avons décidé de rester à la maison. "
        "Les enfants ont regardé un film avec leur grand-mère."
    )
    cues = make_cues([window(target, (0.0, 14.0), source=source)], "fr", BILINGUAL)
    assert " ".join(" ".join(cue.beneath) for cue in cues).split() == source.split()
    assert [len(cue.lines) for cue in cues] == [1] * len(cues)
    for cue in cues:
        fits = len(cue.beneath) <= 1 and all(len(line) <= 42 for line in cue.beneath)
        assert fits or {"lines", "line_length"} & set(cue.reasons)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(windows(), profiles)
def test_no_word_of_either_language_is_lost_in_bilingual_cues(made: list[PartWindow], profile: CueSettings) -> None:
    both = profile.model_copy(update={"bilingual": True})
    cues = make_cues(made, "fr", both, 120.0)
    ordered = sorted(made, key=lambda w: w.start_s)
    assert characters("".join(c.text for c in cues)) == characters("".join(w.targets[0].text for w in ordered))
    shown = [w for w in ordered if characters(w.targets[0].text) or make_cues([w], "fr", both)]
    beneath = characters("".join("".join(cue.beneath) for cue in cues))
    assert beneath == characters("".join(plain(w.source.text) for w in shown))
    assert {v.rule for v in check_cues(cues, "fr", both, 120.0)} == {rule for cue in cues for rule in cue.reasons}
