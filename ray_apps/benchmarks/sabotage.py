"""Does the gate notice what goes wrong: held-out windows of which every tenth is spoilt, through the actor class.

    python -m ray_apps.benchmarks.sabotage [--sentences 900] [--share 0.1] [--rounds 5] [--quality high] [--json FILE]

**Spoilt** is a window whose audio was replaced: by noise or music as loud as the speech was (``noise``), by as much
speech in a language that the model does not know (``language``: German, Spanish, English, Italian), or whose audio
breaks off for 30 to 60 % of it (``cut``). It keeps the segments and the confidence that VAD gave the sound audio, as if
VAD had been fooled. **Flagged** is a text that does not ship as accepted, or ships empty because the gate judged that
nobody speaks. **Repaired** is a text that is accepted, and close to what was said: chrF of at least 70 with the
reference. A sound window that is flagged is a false alarm, whether or not its text is right.

Needs the ``dev`` extra (speech is made by espeak-ng).
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from b200_kernels.checkpoints import EMBEDDED
from b200_kernels.embedded import held_out
from b200_kernels.embedded.recipe import sounds, speech
from b200_kernels.embedded.recipe.examples import LONGEST_WINDOW_S
from b200_kernels.embedded.scores import chrf
from b200_kernels.engine import SpeechEngine
from b200_kernels.ops.vad import SileroVad
from pipelines.records import SAMPLE_RATE, Segment, Window
from pipelines.settings import VadSettings
from pipelines.speech.segments import find_segments
from pipelines.speech.vad import frame_probabilities
from quality.settings import GateSettings, Quality
from ray_apps.translator import TranslatorSettings, VoxtralTranslator

CLOSE = 70.0
"""chrF from which on a text counts as what was said; of the model's own texts over sound windows 99 % reach 80."""
FOREIGN = {
    "de": (
        "Der Zug nach München fährt heute leider zwanzig Minuten später ab.",
        "Wir haben gestern Abend lange über das neue Haus gesprochen.",
        "Kannst du mir bitte sagen, wo die nächste Apotheke ist?",
        "Meine Großmutter hat früher jeden Sonntag einen Kuchen gebacken.",
    ),
    "es": (
        "El tren para Madrid sale hoy con veinte minutos de retraso.",
        "Anoche hablamos mucho tiempo de la casa nueva.",
        "¿Puedes decirme dónde está la farmacia más cercana?",
        "Mi abuela hacía un pastel todos los domingos.",
    ),
    "en": (
        "The train to London leaves twenty minutes late today.",
        "Last night we talked about the new house for a long time.",
        "Could you tell me where the nearest pharmacy is?",
        "My grandmother used to bake a cake every Sunday.",
    ),
    "it": (
        "Il treno per Milano parte oggi con venti minuti di ritardo.",
        "Ieri sera abbiamo parlato a lungo della casa nuova.",
        "Mi può dire dove si trova la farmacia più vicina?",
        "Mia nonna preparava una torta ogni domenica.",
    ),
}
KINDS = ("noise", "language", "cut")
SOUND = "sound"


@dataclass(frozen=True)
class Case:
    """A window, what was said in it (French), and how it was spoilt, or :data:`SOUND`."""

    kind: str
    window: Window
    truth: str


@dataclass(frozen=True)
class Outcome:
    """What became of a case. ``close``: the text that ships is what was said."""

    kind: str
    flagged: bool
    close: bool
    reasons: tuple[str, ...]

    @property
    def noticed(self) -> bool:
        """Flagged or repaired."""
        return self.flagged or self.close


def cases(sentences: int, share: float, rounds: int = 1) -> list[Case]:
    """Held-out windows of ``sentences`` sentences, sound; and of each round the ``share`` of them that it spoils, in
    each way equally often. An answer depends on its window alone, so the sound ones are asked about once.
    """
    detector = SileroVad()
    spoken = [(window, _segments(detector, window.samples)) for window in held_out.spoken_windows(sentences)]
    heard = [(window, segments) for window, segments in spoken if segments]
    found = [Case(SOUND, _window(window.samples, segments), window.fr) for window, segments in heard]
    for number in range(rounds):
        rng = random.Random(f"sabotage {number}")
        for at, (window, segments) in enumerate(rng.sample(heard, round(share * len(heard)))):
            kind = KINDS[at % len(KINDS)]
            found.append(Case(kind, _window(spoil(rng, window.samples, kind), segments), window.fr))
    return found


def _window(samples: np.ndarray, segments: tuple[Segment, ...]) -> Window:
    return Window(start_s=0.0, segments=segments, samples=_pcm(samples))


def spoil(rng: random.Random, samples: np.ndarray, kind: str) -> np.ndarray:
    """float32 samples, as many as there were."""
    noise = np.random.default_rng(rng.getrandbits(32))
    count, loudness = len(samples), float(np.sqrt(np.mean(samples**2)))
    match kind:
        case "noise":
            make = rng.choice((sounds.coloured_noise, sounds.music))
            return np.clip(make(noise, count) * loudness, -1, 1)
        case "language":
            return _foreign(rng, count)
        case "cut":
            gone = int(count * rng.uniform(0.3, 0.6))
            begin = rng.randint(0, count - gone)
            return np.concatenate([samples[:begin], np.zeros(gone, np.float32), samples[begin + gone :]])
    raise ValueError(f"{kind!r} is no way to spoil a window: {', '.join(KINDS)}")


def _foreign(rng: random.Random, count: int) -> np.ndarray:
    language = rng.choice(sorted(FOREIGN))
    voice = speech.draw_voice(rng, held_out=True)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < count:
        parts += [speech.speak(rng.choice(FOREIGN[language]), voice, language), np.zeros(SAMPLE_RATE // 3, np.float32)]
    return np.concatenate(parts)[:count].astype(np.float32)


def _segments(detector: SileroVad, samples: np.ndarray) -> tuple[Segment, ...]:
    probabilities = frame_probabilities(detector, _pcm(samples), 0, 0)
    return tuple(find_segments(probabilities, 0, VadSettings(), LONGEST_WINDOW_S, len(samples) / SAMPLE_RATE))


def _pcm(samples: np.ndarray) -> np.ndarray:
    return (np.clip(samples, -1, 1) * 32767).astype(np.int16)


async def outcomes(translator: VoxtralTranslator, given: Sequence[Case]) -> list[Outcome]:
    """What the actor class makes of the cases, asked all at once."""
    translation = await translator.translate([case.window for case in given], "tr", ("fr",))
    found = []
    for case, window in zip(given, translation.windows, strict=True):
        (text,) = window.targets
        flagged = text.verdict != "accepted"
        close = not flagged and chrf([text.text], [case.truth]) >= CLOSE
        found.append(Outcome(case.kind, flagged, close, text.reasons))
    return found


def figures_of(found: Sequence[Outcome]) -> dict[str, Any]:
    """Shares (0 to 1) of what was noticed, by kind and of all that was spoilt, and of false alarms."""
    bad, good = [o for o in found if o.kind != SOUND], [o for o in found if o.kind == SOUND]
    kinds = {kind: [o for o in bad if o.kind == kind] for kind in KINDS}
    return {
        "windows": len(found),
        "spoilt": len(bad),
        "noticed": _share(o.noticed for o in bad),
        "flagged": _share(o.flagged for o in bad),
        "repaired": _share(o.close for o in bad),
        "by_kind": {kind: {"windows": len(of), "noticed": _share(o.noticed for o in of)} for kind, of in kinds.items()},
        "false_alarms": _share(o.flagged for o in good),
        "sound_texts_close": _share(o.close for o in good),
        "reasons": dict(Counter(reason for o in bad for reason in o.reasons).most_common()),
        "false_reasons": dict(Counter(reason for o in good if o.flagged for reason in o.reasons).most_common()),
    }


def _share(values: Any) -> float:
    listed = list(values)
    return round(sum(listed) / len(listed), 4) if listed else 0.0


def measure(
    sentences: int, share: float, rounds: int, quality: Quality, engine: SpeechEngine | None = None
) -> dict[str, Any]:
    """All figures, with the embedded checkpoint on the compiled engine unless an engine is given."""
    settings = TranslatorSettings(model=EMBEDDED, gate=GateSettings(quality=quality), dtype="float32")
    translator = VoxtralTranslator(settings, engine)
    try:
        found = asyncio.run(outcomes(translator, cases(sentences, share, rounds)))
    finally:
        if engine is None:
            translator.engine.close()
    return {"quality": quality, "sentences": sentences, "share": share, "rounds": rounds} | figures_of(found)


def main(
    sentences: Annotated[int, typer.Option(min=10, help="held-out sentences; about a third as many windows")] = 900,
    share: Annotated[float, typer.Option(min=0.0, max=1.0, help="of windows that are spoilt")] = 0.1,
    rounds: Annotated[int, typer.Option(min=1, help="times that other windows are spoilt")] = 5,
    quality: Annotated[str, typer.Option(help="low, medium, high or max")] = "high",
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Spoil windows, and count what the gate notices."""
    figures = measure(sentences, share, rounds, GateSettings.model_validate({"quality": quality}).quality)
    text = json.dumps(figures, indent=2, ensure_ascii=False)
    typer.echo(text)
    if json_file:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
