"""The seed's parallel processor: the segments of one file, translated by whatever model the caller has loaded.

For scripts written after the seed's API; an archive is the batch job's. It puts the project's parts in a row (decode,
windows, translator with its gate) and knows nothing of how any of them works.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from b200_kernels.checkpoints import check_pair
from b200_kernels.engine import SpeechEngine
from b200_kernels.transformers_engine import TransformersEngine
from cluster.feedback import Feedback
from cluster.hardware import get_optimal_config
from pipelines.languages import language_code
from pipelines.media.decode import decode, probe
from pipelines.records import SAMPLE_RATE, TO_IDENTIFY, UNIDENTIFIED, PartWindow, Segment, Window
from pipelines.settings import MediaLimits, WindowSettings
from pipelines.speech.vad import FRAME
from pipelines.speech.windows import merge_into_windows
from ray_apps.cli_feedback import get_feedback
from ray_apps.translator import TranslatorSettings, VoxtralTranslator


class B200OptimizedProcessor:
    """Translates the segments of a file, all windows at once; tells ``feedback`` (the command line's) what to heed."""

    def __init__(self, feedback: Feedback | None = None) -> None:
        self._feedback = feedback or get_feedback()

    async def process_audio_segments_parallel(
        self,
        audio_path: Path,
        segments: Sequence[Mapping[str, float]],
        model: Any,
        processor: Any,
        target_language: str,
    ) -> list[dict[str, Any]]:
        """What is said in the segments of a file, in another language.

        Args:
            audio_path: any medium that the archive may hold; it is decoded once.
            segments: dicts of ``start`` and ``end`` (seconds) and ``confidence`` (0 to 1; 1 where it is missing), as
                ``enhanced_vad_segments`` gives them. One longer than the model's window is cut where it is quietest.
            model: an engine of ours (vLLM's among them, as ``ModelManager`` returns it), or the transformers model
                that ``ModelManager`` returned, optimized or not.
            processor: taken for the seed's sake and never looked at: an engine has its own, a transformers model
                names the checkpoint where its tokenizer lies. So it may be what ``ModelManager`` returned, None, or,
                as in the seed's own example, this very object.
            target_language: by name or code: ``"French"``, ``"fr"``.

        Returns:
            One dict a window (neighbouring segments together, at most as long as the model hears at once), in time
            order: ``start``, ``end`` (seconds of the file), ``text``, ``source`` (the transcript), ``source_language``
            (ISO 639-1, ``und`` where it could not be told), ``score`` (the gate's, 0 to 1), ``verdict`` (``accepted``,
            ``needs_review`` or ``no_speech``, whose text is empty) and ``demo_model``.

        Raises:
            MediaError: the file cannot be decoded.
            ValueError: segments that overlap or lie outside the file; an unknown language; a pair that the embedded
                checkpoint never learned.
            TypeError: ``model`` is neither an engine nor a Voxtral of transformers.
            EngineError: the model or its device failed.
        """
        target = language_code(target_language)
        wanted = _checked(segments)
        if not wanted:
            return []
        own = TransformersEngine(model, get_optimal_config()["batch_size"]) if _is_torch(model) else None
        engine: SpeechEngine = own or _engine(model)
        try:
            spoken = engine.capabilities.only_language
            self._check_pair(engine, spoken or target, target)  # before any work
            samples = await asyncio.to_thread(_decoded, audio_path, wanted)
            windows = _windows(wanted, samples, engine.capabilities.window_s)
            translator = VoxtralTranslator(TranslatorSettings(model=None), engine)
            translation = await translator.translate(windows, TO_IDENTIFY, (target,))
        finally:
            if own is not None:
                await asyncio.to_thread(own.close)
        if spoken is None and translation.source not in (UNIDENTIFIED, target):
            self._check_pair(engine, translation.source, translation.source)  # only now is it known what is spoken
        demo = engine.capabilities.demo_model
        return [_row(window, translation.source, demo) for window in translation.windows]

    def _check_pair(self, engine: SpeechEngine, source: str, target: str) -> None:
        warning = check_pair(engine.capabilities, source, target)
        if warning:
            self._feedback.warning(warning)


def _is_torch(model: Any) -> bool:
    return isinstance(model, torch.nn.Module)


def _engine(model: Any) -> SpeechEngine:
    if not all(hasattr(model, name) for name in ("generate", "capabilities", "stats", "close")):
        raise TypeError(f"{type(model).__name__} is no engine and no model: give what ModelManager or open_engine gave")
    engine: SpeechEngine = model
    return engine


def _checked(segments: Sequence[Mapping[str, float]]) -> list[Segment]:
    """The segments in time order. Raises ValueError for one that ends before it begins, and where two overlap."""
    found = sorted(
        (Segment(start=s["start"], end=s["end"], confidence=s.get("confidence", 1.0)) for s in segments),
        key=lambda segment: segment.start,
    )
    for segment in found:
        if not 0 <= segment.start < segment.end:
            raise ValueError(f"a segment from {segment.start} s to {segment.end} s is none: it must begin, then end")
    for before, after in itertools.pairwise(found):
        if after.start < before.end:
            raise ValueError(f"two segments overlap at {after.start} s: merge them first")
    return found


def _decoded(audio_path: Path, segments: Sequence[Segment]) -> np.ndarray:
    """The int16 samples from the first segment's start to the last one's end, or a frame less."""
    limits = MediaLimits()
    stream = probe(str(audio_path), limits).audio_stream
    samples = decode(str(audio_path), stream, segments[0].start, segments[-1].end, limits)
    last_s = segments[0].start + len(samples) / SAMPLE_RATE
    if last_s < segments[-1].end - FRAME / SAMPLE_RATE:
        raise ValueError(
            f"{audio_path.name} ends at {last_s:.2f} s, a segment at {segments[-1].end} s: of another file?"
        )
    return samples


def _windows(segments: Sequence[Segment], samples: np.ndarray, window_s: float) -> list[Window]:
    first = round(segments[0].start * SAMPLE_RATE)
    pieces = [piece for segment in segments for piece in _cut(segment, samples, first, window_s)]
    return merge_into_windows(pieces, samples, first, window_s, WindowSettings().max_gap_s)


def _cut(segment: Segment, samples: np.ndarray, first: int, longest_s: float) -> list[Segment]:
    """A segment in pieces of at most ``longest_s``, cut at the quietest frame of its middle third, and again."""
    length_s = segment.end - segment.start
    if length_s <= longest_s:
        return [segment]
    low = round((segment.start + length_s / 3) * SAMPLE_RATE)
    middle = samples[low - first :][: round(length_s / 3 * SAMPLE_RATE) // FRAME * FRAME]
    loudness = np.square(middle.reshape(-1, FRAME).astype(np.float32)).sum(axis=1)
    cut_s = (low + int(loudness.argmin()) * FRAME + FRAME // 2) / SAMPLE_RATE
    halves = (segment.model_copy(update={"end": cut_s}), segment.model_copy(update={"start": cut_s}))
    return [piece for half in halves for piece in _cut(half, samples, first, longest_s)]


def _row(window: PartWindow, source: str, demo_model: bool) -> dict[str, Any]:
    (text,) = window.targets
    return {
        "start": window.start_s,
        "end": window.end_s,
        "text": text.text,
        "source": window.source.text,
        "source_language": source,
        "score": text.score,
        "verdict": text.verdict,
        "demo_model": demo_model,
    }
