"""One window's texts: asked of the engine, judged by the gate, and asked again until one passes or the ladder ends.

It knows requests and judgements; which checks there are, and in which order retries come, is said in ``quality``. It
knows no shards, no files and no subtitles.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypedDict

from b200_kernels.engine import SpeechEngine, SpeechRequest, TaskResult
from b200_kernels.prompts import Task, Terms, Transcribe, Translate, TranslateText
from pipelines.records import Attempt, PartWindow, Text, TokenTime, Window
from pipelines.speech.pieces import split_at_pause
from pipelines.speech.under_noise import under_noise
from quality.agreement import agreement
from quality.gate import Judgement, judge_transcript, judge_translation
from quality.glossary import Term, missed_terms, terms_in
from quality.ladder import FIRST, HEARD_TWICE, SAMPLE_TEMPERATURES, Step, best, doubted, ladder, transcript_ladder
from quality.listening import longest_unheard_s
from quality.settings import GateSettings
from quality.similarity import LANGUAGES, similarity
from quality.text import letters

MOST_TERMS = 20
"""Terms of a glossary in one prompt. Where no transcript tells which ones matter, a longer list stays out."""
RECORDED_CHARS = 500
"""Of every attempt's text in the part: a loop may have thousands."""
_MEANING = ThreadPoolExecutor(1, thread_name_prefix="meaning")
DOUBTFUL_SOURCE = "doubtful_source"
"""Reason of a translation whose transcript never passed: there is nothing sound to hold it against."""


@dataclass(frozen=True)
class Tried:
    """One answer of the model and what the gate thinks of it."""

    step: str
    answer: TaskResult
    judgement: Judgement


class Evidence(TypedDict):
    """What the gate is told of an answer, besides its text."""

    speech_s: float
    confidence: float
    logprob: float
    finish_reason: str
    settings: GateSettings


Judge = Callable[[Step | None, TaskResult], Awaitable[Judgement]]
Retry = Callable[[Step], Awaitable[list[TaskResult]]]


class WindowTexts:
    """A window that is being asked about. Its samples seed whatever is sampled: the same window gives the same texts.

    Above ``temperature`` 0 its first answers are; what the gate rejects is asked again as always.
    """

    def __init__(
        self,
        engine: SpeechEngine,
        gate: GateSettings,
        glossary: Sequence[Term],
        window: Window,
        source: str,
        temperature: float = 0.0,
    ) -> None:
        self.engine, self.gate, self.glossary = engine, gate, glossary
        self.window, self.source = window, source
        self.temperature = temperature

    async def texts(self, targets: Sequence[str]) -> PartWindow:
        """The transcript and the text in every target language; all first answers share one listening."""
        foreign = [target for target in targets if target != self.source]
        tasks: tuple[Task, ...] = (Transcribe(self.source), *(Translate(self.source, target) for target in foreign))
        request = SpeechRequest(
            self.window.samples,
            tasks,
            self.window.speech_s,
            temperature=self.temperature,
            seed=_seed(self.window, FIRST, 0) if self.temperature else 0,
        )
        first = (await self.engine.generate(request)).results
        transcript = await self._transcript(first[0])
        pairs = zip(foreign, first[1:], strict=True)
        translated = await asyncio.gather(*(self._translation(transcript, target, answer) for target, answer in pairs))
        texts = {self.source: transcript} | {text.language: text for text in translated}
        return PartWindow(
            start_s=self.window.start_s,
            end_s=self.window.end_s,
            segments=self.window.segments,
            source=transcript,
            targets=tuple(texts[target] for target in targets),
        )

    async def _transcript(self, first: TaskResult) -> Text:
        asked = _Transcription(self, first)
        return _text(
            self.source, await self._climb(transcript_ladder(self.gate.quality), first, asked.judge, asked.retry)
        )

    async def _translation(self, transcript: Text, target: str, first: TaskResult) -> Text:
        if transcript.verdict == "no_speech":
            # Nobody speaks, says the transcript: whatever was "translated" is invented.
            return Text(language=target, text="", logprob=0.0, score=transcript.score, verdict="no_speech")
        asked = _Translation(self, transcript, target, first)
        tried = await self._climb(ladder(self.gate.quality), first, asked.judge, asked.retry)
        text = _text(target, tried)
        if transcript.verdict == "needs_review" and text.verdict != "no_speech":
            reasons = tuple(dict.fromkeys((*text.reasons, DOUBTFUL_SOURCE)))
            return text.model_copy(update={"verdict": "needs_review", "reasons": reasons})
        return text

    async def _climb(self, steps: Sequence[Step], first: TaskResult, judge: Judge, retry: Retry) -> list[Tried]:
        """Up the ladder until the gate accepts an answer; a step that has nothing to ask is passed over."""
        tried = [Tried(FIRST, first, await judge(None, first))]
        for step in steps:
            if any(attempt.judgement.accepted for attempt in tried):
                break
            tried += [Tried(step, answer, await judge(step, answer)) for answer in await retry(step)]
        return tried

    def evidence(self, answer: TaskResult) -> Evidence:
        return {
            "speech_s": self.window.speech_s,
            "confidence": _confidence(self.window),
            "logprob": answer.logprob,
            "finish_reason": answer.finish_reason,
            "settings": self.gate,
        }

    def passes_over_speech(self, transcript: TaskResult) -> bool:
        """Whether a long stretch of speech has no token, where the engine tells when tokens were heard."""
        if not transcript.timings:
            return False
        speech = [(s.start - self.window.start_s, s.end - self.window.start_s) for s in self.window.segments]
        unheard_s = longest_unheard_s(speech, [start for _, start, _ in transcript.timings])
        return unheard_s >= self.gate.unheard_s

    async def ask(
        self, task: Task, *, noisy: bool = False, temperature: float = 0.0, seed: int = 0
    ) -> list[TaskResult]:
        """The answer; none where the engine refuses it (a text that is too long for it), which must not cost the
        answers that are there. ``noisy``: about the window under a little noise.
        """
        window = _noisy(self.window) if noisy else self.window
        samples = None if isinstance(task, TranslateText) else window.samples
        request = SpeechRequest(samples, (task,), self.window.speech_s, temperature=temperature, seed=seed)
        try:
            return list((await self.engine.generate(request)).results)
        except ValueError:
            return []

    async def in_pieces(self, task: Task, *, noisy: bool = False) -> list[TaskResult]:
        """The answers about the window's two halves as one; none for a window that cannot be parted."""
        pieces = split_at_pause(_noisy(self.window) if noisy else self.window)
        if pieces is None:
            return []
        requests = [SpeechRequest(piece.samples, (task,), piece.speech_s) for piece in pieces]
        answers = await asyncio.gather(*map(self.engine.generate, requests))
        heard = [(piece.start_s - self.window.start_s, a.results[0]) for piece, a in zip(pieces, answers, strict=True)]
        return [_joined(heard)]

    async def drawn(self, task: Task, language: str) -> list[TaskResult]:
        """Several sampled answers; the best of them counts."""
        draws = (
            self.ask(task, temperature=temperature, seed=_seed(self.window, language, number))
            for number, temperature in enumerate(SAMPLE_TEMPERATURES)
        )
        return [answer for answers in await asyncio.gather(*draws) for answer in answers]


class _Transcription:
    """What is said in a window: how a transcript is judged and asked again."""

    def __init__(self, asked: WindowTexts, first: TaskResult) -> None:
        self._asked = asked
        self._lost = letters(first.text) if asked.passes_over_speech(first) else None
        """What the first answer has, where it lost speech: who found that again has more."""

    async def judge(self, step: Step | None, answer: TaskResult) -> Judgement:
        judgement = judge_transcript(answer.text, language=self._asked.source, **self._asked.evidence(answer))
        no_more = self._lost is not None and letters(answer.text) <= self._lost
        if no_more or self._asked.passes_over_speech(answer):
            return doubted(judgement, "unheard")
        if not judgement.accepted or judgement.no_speech:
            return judgement
        return doubted(judgement, "contradicted") if await self._contradicted(step, answer) else judgement

    async def retry(self, step: Step) -> list[TaskResult]:
        task = Transcribe(self._asked.source)
        match step:
            case "pieces":
                return await self._asked.in_pieces(task)
            case "sample":
                return await self._asked.drawn(task, self._asked.source)
        return []  # a transcription takes no instruction that could be stricter

    async def _contradicted(self, step: Step | None, answer: TaskResult) -> bool:
        """Whether a second listening hears something else; asked only about an answer that is not sure."""
        gate = self._asked.gate
        sure = step is None and answer.logprob >= gate.sure_logprob
        if gate.quality not in HEARD_TWICE or sure:
            return False
        task = Transcribe(self._asked.source)
        heard = self._asked.in_pieces if step == "pieces" else self._asked.ask
        return any(self._differs(answer, again) for again in await heard(task, noisy=True))

    def _differs(self, answer: TaskResult, again: TaskResult) -> bool:
        gate = self._asked.gate
        if self._lost is not None and self._asked.passes_over_speech(again):
            return True  # only one of two listenings found what was lost
        judged = max(letters(answer.text), letters(again.text)) >= gate.agreement_letters
        return judged and agreement(answer.text, again.text, self._asked.source) < gate.agreement


class _Translation:
    """The translation of a window into one language, beside its transcript: how it is judged and asked again."""

    def __init__(self, asked: WindowTexts, transcript: Text, target: str, first: TaskResult) -> None:
        self._asked, self._transcript, self._target = asked, transcript, target
        self._first = first

    async def judge(self, _: Step | None, answer: TaskResult) -> Judgement:
        """What the text is worth beside the transcript and the glossary."""
        source, said = self._asked.source, self._transcript.text
        meaning = self._asked.gate.meaning and {source, self._target} <= LANGUAGES
        judgement = judge_translation(
            said,
            answer.text,
            source_lang=source,
            target_lang=self._target,
            similarity=await _similarity(said, answer.text) if meaning else None,
            **self._asked.evidence(answer),
        )
        return doubted(judgement, "glossary", harmless=True) if self._missed(answer.text) else judgement

    async def retry(self, step: Step) -> list[TaskResult]:
        source, target, terms = self._asked.source, self._target, self._terms()
        match step:
            case "glossary" if self._missed(self._first.text):
                return await self._asked.ask(Translate(source, target, terms=terms))
            case "strict":
                return await self._asked.ask(Translate(source, target, "strict", terms))
            case "pieces":
                return await self._asked.in_pieces(Translate(source, target, terms=terms))
            case "sample":
                return await self._asked.drawn(Translate(source, target, terms=terms), target)
            case "cascade":
                return await self._cascaded()
        return []

    def _missed(self, text: str) -> bool:
        """Whether a term that was said is not called by the name that the glossary gives it."""
        said, source = self._transcript.text, self._asked.source
        return bool(missed_terms(said, text, self._asked.glossary, source_lang=source, target_lang=self._target))

    def _terms(self) -> Terms:
        """The glossary's terms that the transcript holds; without a transcript all, if they are few."""
        said, source, glossary = self._transcript.text, self._asked.source, self._asked.glossary
        if letters(said):
            terms = terms_in(said, glossary, source_lang=source, target_lang=self._target)[:MOST_TERMS]
        else:
            terms = [term for term in glossary if term.language == self._target]
            terms = terms if len(terms) <= MOST_TERMS else []
        return tuple((term.source, term.target) for term in terms)

    async def _cascaded(self) -> list[TaskResult]:
        """The transcript translated; nothing where the transcript itself did not pass."""
        if self._transcript.verdict != "accepted" or not letters(self._transcript.text):
            return []
        task = TranslateText(self._asked.source, self._target, self._transcript.text, terms=self._terms())
        return await self._asked.ask(task)


async def _similarity(source: str, text: str) -> float | None:
    """In a thread of its own: it takes a core some tenths of a second."""
    return await asyncio.get_running_loop().run_in_executor(_MEANING, similarity, source, text)


def _joined(heard: Sequence[tuple[float, TaskResult]]) -> TaskResult:
    """Answers about pieces, each with the second at which its piece begins, as one about the whole."""
    answers = [answer for _, answer in heard]
    tokens = sum(len(answer.tokens) for answer in answers)
    reasons = {answer.finish_reason for answer in answers}
    return replace(
        answers[0],
        text=" ".join(text for answer in answers if (text := answer.text.strip())),
        tokens=tuple(token for answer in answers for token in answer.tokens),
        logprob=sum(answer.logprob * len(answer.tokens) for answer in answers) / tokens if tokens else 0.0,
        finish_reason="loop" if "loop" in reasons else "length" if "length" in reasons else "stop",
        timings=_timings(heard),
    )


def _timings(heard: Sequence[tuple[float, TaskResult]]) -> tuple[tuple[str, float, float], ...]:
    """On the window's clock; none where a piece that has a text does not tell."""
    spoken = [(begin, answer) for begin, answer in heard if answer.text.strip()]
    if not all(answer.timings for _, answer in spoken):
        return ()
    timings: list[tuple[str, float, float]] = []
    for begin, answer in spoken:
        # The pieces' texts are joined by a blank, and cues are placed by what the tokens spell.
        blank = " " if timings and not answer.timings[0][0].startswith(" ") else ""
        first, *rest = [(text, begin + start, begin + end) for text, start, end in answer.timings]
        timings += [(blank + first[0], first[1], first[2]), *rest]
    return tuple(timings)


def _noisy(window: Window) -> Window:
    return window.model_copy(update={"samples": under_noise(window.samples)})


def _confidence(window: Window) -> float:
    """Speech probability of the window, the segments weighted by their length."""
    total = window.speech_s
    return sum(s.confidence * (s.end - s.start) for s in window.segments) / total if total else 0.0


def _seed(window: Window, what: str, number: int) -> int:
    drawn = hashlib.sha256(f"{what}#{number}/".encode())
    drawn.update(window.samples.tobytes())
    return int.from_bytes(drawn.digest()[:4], "big")


def _text(language: str, tried: Sequence[Tried]) -> Text:
    """The attempt that ships: an accepted one, else the best scored, marked for review."""
    shipped = tried[best([attempt.judgement for attempt in tried])]
    judgement = shipped.judgement
    return Text(
        language=language,
        text=_shown(shipped),
        logprob=_finite(shipped.answer.logprob),
        score=judgement.score,
        verdict="no_speech" if judgement.no_speech else "accepted" if judgement.accepted else "needs_review",
        reasons=judgement.reasons,
        attempts=len(tried),
        step=shipped.step,
        tried=tuple(map(_recorded, tried)) if len(tried) > 1 else (),
        tokens=tuple(TokenTime(text=t, start=a, end=b) for t, a, b in shipped.answer.timings),
    )


def _shown(tried: Tried) -> str:
    """What is left of the text without what nobody said."""
    if tried.judgement.no_speech:
        return ""
    return tried.answer.text if tried.judgement.spoken is None else tried.judgement.spoken


def _recorded(tried: Tried) -> Attempt:
    return Attempt(
        step=tried.step,
        text=tried.answer.text[:RECORDED_CHARS],
        logprob=_finite(tried.answer.logprob),
        score=tried.judgement.score,
        reasons=tried.judgement.reasons,
    )


def _finite(logprob: float) -> float:
    """JSON has no NaN, and a model may give one."""
    return logprob if math.isfinite(logprob) else -99.0
