"""Every prompt that a Voxtral is given, and the token ids it becomes.

The one place where instructions stand. It knows Voxtral's instruct format (mistral-common's tokenizer v7) and
languages by ISO 639-1 code; it does not know audio, engines or what happens to the answer.

The format, after mistral-common's ``InstructTokenizerV7``::

    transcribe   <s>[INST][BEGIN_AUDIO][AUDIO]*n[/INST]lang:tr[TRANSCRIBE]
    translate    <s>[INST][BEGIN_AUDIO][AUDIO]*n{instruction}[/INST]
    text         <s>[INST]{instruction}[/INST]

Voxtral rejects system messages beside audio, and has no target-language field: a translation is an
instruction in the user's turn. All speech prompts begin with the same audio, so an engine listens once for
all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from langcodes import Language
from langcodes.tag_parser import LanguageTagError

Variant = Literal["plain", "strict"]
"""``strict`` is what a retry asks with, after the plain wording gave a text that the gate rejected."""

SPEECH: dict[Variant, str] = {
    "plain": "Translate this {source} speech into {target}. Answer with the translation only.{terms}",
    "strict": "You are a professional {source} to {target} translator. Translate all that is said, once, "
    "and add nothing. Answer in {target} only.{terms}",
}
TEXT: dict[Variant, str] = {
    "plain": "Translate this {source} text into {target}. Answer with the translation only.{terms}\n\n{text}",
    "strict": "You are a professional {source} to {target} translator. Translate all of this text, once, "
    "and add nothing. Answer in {target} only.{terms}\n\n{text}",
}
TERMS = " Use these terms: {terms}."
"""What a glossary adds to an instruction; nothing is added without terms, so that the wording stays the usual one."""
TERM = "{source} = {target}"

BOS, EOS, INST, END_INST, PAD = 1, 2, 3, 4, 11
AUDIO, BEGIN_AUDIO, TRANSCRIBE = 24, 25, 34
SPEECH_PREFIX = (BOS, INST, BEGIN_AUDIO)
"""What stands before the audio, whatever the task."""


Terms = tuple[tuple[str, str], ...]
"""(source, target) of what a translation shall call by the name that a glossary gives it."""


@dataclass(frozen=True)
class Transcribe:
    """Write down what is said; ``language`` is an ISO 639-1 code, or None to let the model find out."""

    language: str | None = None


@dataclass(frozen=True)
class Translate:
    """Translate what is said; languages are ISO 639-1 codes."""

    source: str
    target: str
    variant: Variant = "plain"
    terms: Terms = ()


@dataclass(frozen=True)
class TranslateText:
    """Translate a text instead of speech: the second half of a cascade."""

    source: str
    target: str
    text: str
    variant: Variant = "plain"
    terms: Terms = ()


Task = Transcribe | Translate | TranslateText


class Tokenizer(Protocol):
    """What this module needs of a tokenizer: mistral-common's ``Tekkenizer`` has it."""

    def encode(self, s: str, bos: bool, eos: bool) -> list[int]: ...


def english_name(code: str) -> str:
    """``fr`` to ``French``, the way an instruction calls it. Raises ValueError for what is no language
    code."""
    try:
        language = Language.get(code)
    except LanguageTagError as error:
        raise ValueError(f"{code!r} is not a language code: give an ISO 639-1 code such as 'fr'") from error
    if not language.is_valid() or not language.language:
        raise ValueError(f"{code!r} is not a language code: give an ISO 639-1 code such as 'fr'")
    return language.display_name("en")


def instruction(task: Translate | TranslateText) -> str:
    """The instruction in the user's turn. Raises ValueError for an unknown language code."""
    names = {"source": english_name(task.source), "target": english_name(task.target), "terms": _listed(task.terms)}
    if isinstance(task, TranslateText):
        return TEXT[task.variant].format(text=task.text, **names)
    return SPEECH[task.variant].format(**names)


def _listed(terms: Terms) -> str:
    pairs = "; ".join(TERM.format(source=source, target=target) for source, target in terms)
    return TERMS.format(terms=pairs) if pairs else ""


def prompt_ids(task: Task, tokenizer: Tokenizer, audio_tokens: int) -> list[int]:
    """Token ids of the whole prompt; ``audio_tokens`` (375 for a 30 s chunk) is not used by a text task.

    Text never becomes a special token, whatever it contains. Raises ValueError for an unknown language code.
    """
    heard = [*SPEECH_PREFIX, *[AUDIO] * audio_tokens]
    match task:
        case Transcribe(language):
            hint = tokenizer.encode(f"lang:{language}", False, False) if language else []
            return [*heard, END_INST, *hint, TRANSCRIBE]
        case Translate():
            return [*heard, *tokenizer.encode(instruction(task), False, False), END_INST]
        case TranslateText():
            return [BOS, INST, *tokenizer.encode(instruction(task), False, False), END_INST]
