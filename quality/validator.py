"""Scores of a translation without a reference, in the shape that the seed's API promises.

The gate's judgement vetoes: nothing there, wrong language, untranslated, looping, invented, a changed number, something
left out, another meaning, impossible to say. The weighted score ranks what passed. What neither sees: a lost negation,
a wrong gender, a wrong sense (docs/quality.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from quality import markers as table
from quality.density import length_z
from quality.gate import judge_transcript, judge_translation
from quality.names import names_kept, names_lost
from quality.numbers import numbers_kept
from quality.punctuation import lost_question, unbalanced_brackets
from quality.repetition import compression_ratio, top_ngram_excess, unique_ratio
from quality.settings import GateSettings
from quality.subtitle_rules import NETFLIX, Profile, Violation, check_cue, line_lengths, reading_speed
from quality.text import as_seconds, as_text, letters

WEIGHTS = {
    "completeness_score": 0.45,
    "cultural_score": 0.1,
    "repetition_penalty": 0.25,
    "subtitle_score": 0.2,
}
LEVELS = ((0.9, "excellent"), (0.75, "good"), (0.5, "fair"))
VETO_SCORE = 0.25
"""A translation with a critical error scores at most this, which is ``poor``."""
CRITICAL = {
    "empty": "The translation is empty although something is said: translate this passage again.",
    "wrong_language": "The translation is not in the target language: translate again, naming the language.",
    "copied": "Source text was left untranslated: translate again.",
    "loop": "The translation repeats itself in a loop: translate again, or in shorter passages.",
    "boilerplate": "The text looks invented (a credit or stock phrase): check that somebody speaks here.",
    "dense": "There is more text than can be said in this time: check the passage's times.",
    "numbers": "A number differs from the source: check the figures.",
    "garbled": "The text is garbled (decoded with the wrong table): decode it again.",
    "meta": "The model speaks of its task instead of translating: translate again.",
    "unlike": "The translation speaks of something else than the source: translate again.",
    "unspoken": "There is text where the source says nothing: check that somebody speaks here.",
    "too_short": "The translation looks cut: check that nothing was left out.",
    "too_long": "The translation is much longer than the source: check that nothing was added.",
}
MINOR_SCORE = 0.7
SMALL_LOSS = 0.9
"""What a lost name, question or bracket costs: translators drop them for good reasons too."""


class TranslationQualityValidator:
    """Judges a translation and the subtitle it becomes; Turkish to French unless told otherwise.

    ``turkish_markers`` are the source's cultural markers to look for, ``french_markers`` further target
    words that count as a rendering of any of them; by default the project's table for Turkish and French.
    Languages are ISO 639-1. ``similarity`` tells how alike two texts are in meaning, -1 to 1, such as
    ``quality.similarity.similarity``; without one, meaning is not judged. ``learned_metric`` scores source and target,
    0 to 1, such as ``b200_kernels.learned_metric.MetricX``: it counts as much as everything else together.
    """

    def __init__(
        self,
        turkish_markers: list[str] | None = None,
        french_markers: list[str] | None = None,
        *,
        source_lang: str = "tr",
        target_lang: str = "fr",
        profile: Profile = NETFLIX,
        similarity: Callable[[str, str], float | None] | None = None,
        learned_metric: Callable[[str, str], float] | None = None,
    ) -> None:
        own_pair = (source_lang, target_lang) == ("tr", "fr")
        known = list(table.TURKISH_TO_FRENCH) if own_pair else []
        self.turkish_markers = known if turkish_markers is None else list(turkish_markers)
        self.french_markers = [] if french_markers is None else list(french_markers)
        self.source_lang, self.target_lang, self.profile = source_lang, target_lang, profile
        self._gate, self._similarity, self._learned = GateSettings(), similarity, learned_metric

    def comprehensive_quality_assessment(
        self, source: str, target: str, duration: float | None = None
    ) -> dict[str, Any]:
        """Judge ``target`` as the translation of ``source``, spoken and shown for ``duration`` seconds.

        Returns the seed's dictionary: ``overall_score`` (0 to 1), ``quality_level`` (``poor``, ``fair``,
        ``good``, ``excellent``), ``detailed_metrics`` with four floats (1.0, with no weight, where there is
        nothing to judge) and ``recommendations``. Without a duration nothing about time is judged. What is no text is
        taken as it is written, None as empty; a duration that is no number as one that makes no sense.
        """
        source, target = as_text(source), as_text(target)
        duration = None if duration is None else as_seconds(duration)
        found = {
            "completeness_score": self._completeness(source, target),
            "cultural_score": self._cultural(source, target),
            "repetition_penalty": self._repetition(source, target),
            "subtitle_score": self._subtitle(target, duration),
        }
        reasons = self._critical(source, target, duration)
        weights = {name: WEIGHTS[name] for name, score in found.items() if score is not None}
        metrics = {name: 1.0 if score is None else score for name, score in found.items()}
        total = sum(weights.values())
        overall = sum(metrics[name] * weight for name, weight in weights.items()) / total if total else 1.0
        if self._learned is not None and letters(source) and letters(target):
            overall = 0.5 * (overall + min(1.0, max(0.0, self._learned(source, target))))
        critical = [CRITICAL[reason] for reason in reasons if reason in CRITICAL]
        if critical:
            overall = min(overall * VETO_SCORE, VETO_SCORE)
        level = next((name for floor, name in LEVELS if overall >= floor), "poor")
        advice = critical + self._advice(source, target, duration, metrics, reasons)
        return {
            "overall_score": round(overall, 4),
            "quality_level": level,
            "detailed_metrics": {name: round(score, 4) for name, score in metrics.items()},
            "recommendations": advice,
        }

    def validate_subtitle_constraints(self, text: str, duration: float) -> dict[str, Any]:
        """Check one cue, shown for ``duration`` seconds, against the profile.

        Returns ``valid``, ``violations`` (dictionaries of ``rule``, ``measured``, ``limit``),
        ``chars_per_second``, ``max_line_length``, ``line_count``, ``duration`` and ``recommendations``.
        """
        text, duration = as_text(text), as_seconds(duration)
        violations = check_cue(text, duration, self.profile)
        lengths = line_lengths(text)
        return {
            "valid": not violations,
            "violations": [{"rule": v.rule, "measured": v.measured, "limit": v.limit} for v in violations],
            "chars_per_second": reading_speed(text, duration),
            "max_line_length": max(lengths, default=0),
            "line_count": len(lengths),
            "duration": duration,
            "recommendations": [_subtitle_advice(violation) for violation in violations],
        }

    def _critical(self, source: str, target: str, duration: float | None) -> tuple[str, ...]:
        """The gate's reasons. A caller who gives no duration is taken to have confident, normal speech."""
        if letters(source) == 0 and letters(target) == 0:
            return ()
        timed = duration is not None and math.isfinite(duration) and duration > 0
        speech_s = duration if duration is not None and timed else max(1.0, letters(source or target) / 14)
        if letters(source) == 0:
            judged = judge_transcript(
                target,
                language=self.target_lang,
                speech_s=speech_s,
                confidence=1.0,
                logprob=0.0,
                finish_reason="stop",
                settings=self._gate,
            )
            return ("unspoken", *judged.reasons)
        return judge_translation(
            source,
            target,
            source_lang=self.source_lang,
            target_lang=self.target_lang,
            speech_s=speech_s,
            confidence=1.0,
            logprob=0.0,
            finish_reason="stop",
            settings=self._gate,
            similarity=self._similarity(source, target) if self._similarity and letters(target) else None,
        ).reasons

    def _completeness(self, source: str, target: str) -> float | None:
        """How usual the length is for this source, times the shares of its numbers and names that are still there,
        less a little for a lost question or brackets without a partner.
        """
        if letters(source) == 0:
            return None
        pair = {"source_lang": self.source_lang, "target_lang": self.target_lang}
        deviation = length_z(source, target, **pair)
        if not math.isfinite(deviation):
            return 0.0
        usual = math.exp(-0.125 * max(0.0, abs(deviation) - 1.5) ** 2)
        small = lost_question(source, target) + (unbalanced_brackets(target) > unbalanced_brackets(source))
        kept = (0.5 + 0.5 * numbers_kept(source, target, **pair)) * (0.8 + 0.2 * names_kept(source, target, **pair))
        return usual * kept * SMALL_LOSS**small

    def _cultural(self, source: str, target: str) -> float | None:
        """Share of the source's markers whose function the target carries; None where the source has none."""
        present = table.turkish_markers_in(source, self.turkish_markers)
        if not present:
            return None
        kept = (
            table.holds_any(target, (*table.TURKISH_TO_FRENCH.get(marker, ()), *self.french_markers))
            for marker in present
        )
        return sum(kept) / len(present)

    def _repetition(self, source: str, target: str) -> float | None:
        """1.0 is no more repetition than the source has; 0.0 is a loop."""
        if letters(target) == 0:
            return None
        langs = {"source_lang": self.source_lang, "target_lang": self.target_lang}
        unique = min(1.0, unique_ratio(target, self.target_lang) / unique_ratio(source, self.source_lang))
        excess = 1.0 / (1 + top_ngram_excess(source, target, **langs))
        squeezed = min(1.0, max(1.5, compression_ratio(source)) / compression_ratio(target))
        return min(unique, excess, squeezed)

    def _subtitle(self, target: str, duration: float | None) -> float | None:
        """1.0 without a violation; each one costs, the more the further it is beyond its limit."""
        if letters(target) == 0:
            return None
        violations = self._layout_and_time(target, duration)
        score = 1.0
        for violation in violations:
            score *= MINOR_SCORE * _nearness(violation)
        return score

    def _layout_and_time(self, target: str, duration: float | None) -> tuple[Violation, ...]:
        if duration is None:
            layout = {"line_length", "lines", "empty"}
            found = check_cue(target, self.profile.min_duration_s, self.profile)
            return tuple(v for v in found if v.rule in layout)
        return check_cue(target, duration, self.profile)

    def _advice(
        self,
        source: str,
        target: str,
        duration: float | None,
        metrics: dict[str, float],
        reasons: Sequence[str],
    ) -> list[str]:
        advice = []
        pair = {"source_lang": self.source_lang, "target_lang": self.target_lang}
        if "sparse" in reasons:
            advice.append("There is little text for this time: check that nothing was left out.")
        if "credit_removed" in reasons:
            advice.append("There is an invented credit beside the speech: remove it.")
        if letters(target) and "numbers" not in reasons and numbers_kept(source, target, **pair) < 1:
            advice.append("A number of the source is missing in the translation: check the figures.")
        if letters(target) and lost_question(source, target):
            advice.append("The source asks and the translation does not: check the question mark.")
        if letters(target) and (lost := names_lost(source, target, **pair)):
            advice.append(f"Not found in the translation: {', '.join(lost[:5])}.")
        if metrics["cultural_score"] < 1:
            advice.append("A form of address or set phrase of the source has no counterpart: check the tone.")
        if letters(target):
            advice += [_subtitle_advice(v) for v in self._layout_and_time(target, duration)]
        return advice


def _nearness(violation: Violation) -> float:
    """Near 1 just beyond the limit, towards 0 far beyond it."""
    measured, limit = violation.measured, violation.limit
    if not (math.isfinite(measured) and measured > 0 and limit > 0):
        return 0.0
    return min(measured / limit, limit / measured)


def _subtitle_advice(violation: Violation) -> str:
    measured, limit = f"{violation.measured:.4g}", f"{violation.limit:.4g}"
    return {
        "empty": "The subtitle shows nothing: remove it.",
        "duration": f"The duration ({measured} s) must be a positive number of seconds.",
        "line_length": f"A line has {measured} characters, {limit} fit: break or shorten it.",
        "lines": f"The subtitle has {measured} lines, {limit} are allowed: split it.",
        "reading_speed": f"{measured} characters a second, {limit} can be read: show it longer.",
        "min_duration": f"The subtitle is shown for {measured} s, {limit} s is the least: show it longer.",
        "max_duration": f"The subtitle is shown for {measured} s, {limit} s is the most: split it.",
    }[violation.rule]
