"""What the gate catches and what it wrongly rejects, beside three simple judges: length, language, embeddings.

Thresholds of the simple judges are set on the calibration half, at 2 % false alarms; the gate's own were chosen there
too (:mod:`quality.settings`). Every figure is of the held-out half. There is no audio: the seconds of speech are drawn
from the *source's* length alone, at a speaking rate of 10 to 20 letters a second that belongs to the pair, so the
spoilt target cannot be told by them.

The figures that count are of sources from 40 characters on, as windows of speech are, and as in the research that the
demands come from; shorter ones (menu entries, buttons, half of which may be another one) stand beside them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from quality.bench.corpus import Pair
from quality.bench.corruptions import BLIND_SPOTS, RARE, corruptions
from quality.density import length_z
from quality.gate import LIKELY_LANGUAGES, Judgement, judge_translation
from quality.language_id import probabilities
from quality.settings import GateSettings
from quality.similarity import embeddings, is_available
from quality.text import letters

FALSE_ALARMS = 0.02
ENOUGH_TO_FIT = 4000
"""Calibration pairs that the simple judges' thresholds are set with."""
MIN_CHARS = 40
"""Characters of a source from which on it counts."""
BANDS = (("15-39", 0, 40), ("40-79", 40, 80), ("80-159", 80, 160), ("160-400", 160, 10_000))
"""Characters of the source."""
DEMANDED = {
    "truncated to half": 0.95,
    "dropped third": 0.50,
    "source copied": 0.99,
    "half untranslated": 0.99,
    "wrong language": 0.98,
    "changed number": 0.97,
    "3 words x2": 0.45,
    "3 words x4": 0.99,
    "swapped, same length": 0.80,
    "invented boilerplate": 0.99,
}
"""Recall that is asked for; of the swapped sentence with the similarity model."""


@dataclass(frozen=True)
class Item:
    """A source, a target that is clean or spoilt, and how alike they are in meaning (None: not measured)."""

    pair: Pair
    target: str
    similarity: float | None = None


@dataclass(frozen=True)
class Row:
    """What became of one corruption. Shares are of its ``items`` from 40 characters on; simple judges by name."""

    name: str
    items: int
    recall: float
    recall_any_length: float
    auc: float
    recall_with_similarity: float | None
    auc_with_similarity: float
    baselines: dict[str, float]
    baseline_aucs: dict[str, float]
    by_length: dict[str, float]
    blind_spot: bool
    demanded: float | None


@dataclass(frozen=True)
class Report:
    """Figures of the held-out half: false alarms from 40 characters on, by length, by reason; then the corruptions."""

    pairs: int
    false_alarms: float
    false_alarms_any_length: float
    false_alarms_with_similarity: float | None
    false_alarms_by_length: dict[str, float]
    reasons: dict[str, float]
    baseline_false_alarms: dict[str, float]
    rows: list[Row] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


Suspicion = Callable[[Item], float]
"""A simple judge: higher is more suspicious."""


def judge(item: Item, settings: GateSettings, *, similar: bool = False) -> Judgement:
    """The gate on one item, with speech of an assumed length and a model that is sure of itself."""
    return judge_translation(
        item.pair.source,
        item.target,
        source_lang="tr",
        target_lang="fr",
        speech_s=speech_seconds(item.pair.source),
        confidence=1.0,
        logprob=0.0,
        finish_reason="stop",
        settings=settings,
        similarity=item.similarity if similar else None,
    )


def speech_seconds(source: str) -> float:
    """An assumed duration: the source's letters at 10 to 20 a second, the same for the same source."""
    return max(0.5, letters(source) / random.Random(source).uniform(10, 20))


def measure(
    calibration: Sequence[Pair],
    held_out: Sequence[Pair],
    *,
    spoilt: int = 1000,
    settings: GateSettings | None = None,
    similar: bool = True,
) -> Report:
    """Judge every held-out pair clean, and ``spoilt`` of them with each corruption."""
    settings = settings or GateSettings()
    similar = similar and is_available()
    rng = random.Random(20)
    meant = _Meaning().added if similar else _as_they_are
    judges = _baselines(similar)
    sample = rng.sample(list(calibration), min(ENOUGH_TO_FIT, len(calibration)))
    fitted = meant(_counted([Item(pair, pair.target) for pair in sample]))
    limits = {
        name: float(np.quantile([one(item) for item in fitted], 1 - FALSE_ALARMS)) for name, one in judges.items()
    }
    every = [Item(pair, pair.target) for pair in held_out]
    alone = [judge(item, settings) for item in every]
    clean, verdicts = meant(_counted(every)), _counted_verdicts(every, alone)
    with_similarity = [judge(item, settings, similar=True) for item in clean] if similar else verdicts
    suspicion = {name: [one(item) for item in clean] for name, one in judges.items()}
    report = Report(
        pairs=len(clean),
        false_alarms=_rejected(verdicts),
        false_alarms_any_length=_rejected(alone),
        false_alarms_with_similarity=_rejected(with_similarity) if similar else None,
        false_alarms_by_length=_by_length(every, alone),
        reasons={
            reason: _share(reason in v.reasons and not v.accepted for v in with_similarity)
            for reason in sorted({reason for v in with_similarity if not v.accepted for reason in v.reasons})
        },
        baseline_false_alarms={name: _share(s > limits[name] for s in suspicion[name]) for name in judges},
    )
    chosen = rng.sample(list(held_out), min(spoilt, len(held_out)))
    for name, corrupt in corruptions(list(held_out)).items():
        changed = ((p, corrupt(p, random.Random(f"{name}/{p.source}"))) for p in _enough(name, chosen, held_out))
        some = [Item(pair, text) for pair, text in changed if text is not None]
        all_found = [judge(item, settings) for item in some]
        items, found = meant(_counted(some)), _counted_verdicts(some, all_found)
        more = [judge(item, settings, similar=True) for item in items] if similar else found
        report.rows.append(
            Row(
                name=name,
                items=len(items),
                recall=_rejected(found),
                recall_any_length=_rejected(all_found),
                auc=auc([v.score for v in verdicts], [v.score for v in found]),
                recall_with_similarity=_rejected(more) if similar else None,
                auc_with_similarity=auc([v.score for v in with_similarity], [v.score for v in more]),
                baselines={n: _share(one(item) > limits[n] for item in items) for n, one in judges.items()},
                baseline_aucs={
                    n: auc([-s for s in suspicion[n]], [-one(item) for item in items]) for n, one in judges.items()
                },
                by_length=_by_length(some, all_found),
                blind_spot=name in BLIND_SPOTS,
                demanded=DEMANDED.get(name),
            )
        )
    return report


def _counted_verdicts(items: Sequence[Item], verdicts: Sequence[Judgement]) -> list[Judgement]:
    return [v for item, v in zip(items, verdicts, strict=True) if len(item.pair.source) >= MIN_CHARS]


def _rejected(verdicts: Sequence[Judgement]) -> float:
    return _share(not verdict.accepted for verdict in verdicts)


def _counted(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if len(item.pair.source) >= MIN_CHARS]


def _enough(name: str, chosen: Sequence[Pair], every: Sequence[Pair]) -> Sequence[Pair]:
    """All pairs for what few of them have room for (a number, a negation)."""
    return every if name in RARE else chosen


def auc(clean: Sequence[float], spoilt: Sequence[float]) -> float:
    """Chance that a clean item scores above a spoilt one; ties count half. NaN where one side is empty."""
    if not clean or not spoilt:
        return float("nan")
    ordered = np.sort(np.asarray(clean))
    below = np.searchsorted(ordered, spoilt, side="left")
    up_to = np.searchsorted(ordered, spoilt, side="right")
    return float(1 - (below + up_to).mean() / (2 * len(ordered)))


def _as_they_are(items: Sequence[Item]) -> list[Item]:
    return list(items)


class _Meaning:
    """Embeddings of texts, each made once."""

    def __init__(self) -> None:
        self._known: dict[str, np.ndarray] = {}

    def added(self, items: Sequence[Item]) -> list[Item]:
        """The items with their similarity."""
        texts = {text for item in items for text in (item.pair.source, item.target)}
        new = sorted(texts - self._known.keys())
        if new:
            self._known.update(zip(new, embeddings(new), strict=True))
        return [replace(item, similarity=self._cosine(item)) for item in items]

    def _cosine(self, item: Item) -> float | None:
        return float(self._known[item.pair.source] @ self._known[item.target]) if letters(item.target) else None


def _baselines(similar: bool) -> dict[str, Suspicion]:
    simple: dict[str, Suspicion] = {
        "length": lambda item: abs(length_z(item.pair.source, item.target, "tr", "fr")),
        "language": lambda item: 1.0 - probabilities(item.target, ("fr", *LIKELY_LANGUAGES)).get("fr", 0.0),
    }
    if similar:
        simple["embeddings"] = lambda item: -(item.similarity or 0.0)
    return simple


def _share(hits: Iterable[bool]) -> float:
    counted = list(hits)
    return sum(counted) / len(counted) if counted else float("nan")


def _by_length(items: Sequence[Item], verdicts: Sequence[Judgement]) -> dict[str, float]:
    judged = list(zip(items, verdicts, strict=True))
    return {
        name: _rejected([verdict for item, verdict in judged if low <= len(item.pair.source) < high])
        for name, low, high in BANDS
    }
