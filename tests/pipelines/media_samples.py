"""Makes small media files of every kind with PyAV and numpy, for tests."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 16_000

CODECS = {
    ".wav": "pcm_s16le",
    ".mp3": "libmp3lame",
    ".m4a": "aac",
    ".mp4": "aac",
    ".aac": "aac",
    ".ogg": "libvorbis",
    ".opus": "libopus",
    ".flac": "flac",
    ".mkv": "aac",
    ".webm": "libopus",
    ".ts": "aac",
    ".avi": "libmp3lame",
    ".ac3": "ac3",
    ".wma": "wmav2",
}
"""The audio codec that :func:`write_media` uses for a suffix."""


def speech_like(seconds: float, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """Noisy tones in bursts: float32 in [-1, 1], shape (n,). Never repeats, so that a shift of one sample shows."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate)
    time = np.arange(count) / rate
    tone = sum(
        np.sin(2 * np.pi * f * time + p) for f, p in zip(rng.uniform(90, 3000, 8), rng.uniform(0, 6, 8), strict=True)
    )
    bursts = np.repeat(rng.uniform(0.05, 1.0, count // (rate // 4) + 1), rate // 4)[:count]
    samples = (tone / 8 + 0.1 * rng.standard_normal(count)) * bursts
    return (samples / np.abs(samples).max() * 0.8).astype(np.float32)


def write_media(
    path: Path,
    tracks: list[np.ndarray] | np.ndarray,
    rate: int = RATE,
    *,
    codec: str | None = None,
    channels: int = 1,
    languages: list[str] | None = None,
    video_s: float = 0.0,
    start_s: float = 0.0,
    gap: tuple[float, float] | None = None,
    bit_rate: int | None = None,
) -> Path:
    """Write float samples at ``rate`` as audio streams of ``path``; the suffix chooses the container.

    ``gap`` (start, end) drops the packets of that stretch; ``start_s`` delays the audio; ``video_s`` adds pictures.
    """
    tracks = tracks if isinstance(tracks, list) else [tracks]
    with av.open(str(path), "w") as container:
        video = None
        if video_s:
            video = container.add_stream("mpeg4" if path.suffix != ".webm" else "libvpx", rate=5)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        streams = []
        for number, _ in enumerate(tracks):
            stream = container.add_stream(codec or CODECS[path.suffix], rate=rate)
            stream.layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[channels]
            if bit_rate:
                stream.bit_rate = bit_rate
            if languages:
                stream.metadata["language"] = languages[number]
            streams.append(stream)
        if video is not None:
            _write_video(container, video, video_s)
        for stream, samples in zip(streams, tracks, strict=True):
            _write_audio(container, stream, samples, rate, channels, start_s, gap)
    return path


def _write_video(container, stream, seconds):  # type: ignore[no-untyped-def]
    for number in range(round(seconds * 5)):
        picture = np.full((48, 64, 3), number * 3 % 255, np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, "rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 5)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _write_audio(container, stream, samples, rate, channels, start_s, gap):  # type: ignore[no-untyped-def]
    offset = round(start_s * rate)
    for begin in range(0, len(samples), rate):
        piece = samples[begin : begin + rate]
        frame = av.AudioFrame.from_ndarray(
            np.repeat(piece, channels)[None], "flt", stream.layout.name if channels > 1 else "mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, begin + offset, Fraction(1, rate)
        for packet in stream.encode(frame):
            _mux(container, packet, gap)
    for packet in stream.encode(None):
        _mux(container, packet, gap)


def _mux(container, packet, gap):  # type: ignore[no-untyped-def]
    time = float(packet.pts * packet.time_base) if packet.pts is not None else 0.0
    if gap is None or not gap[0] <= time < gap[1]:
        container.mux(packet)


def turkish_speech(seconds: float, seed: int = 0) -> np.ndarray:
    """Sentences read by espeak-ng with pauses of every length, over a little noise: int16 at 16 kHz, shape (n,)."""
    from b200_kernels.embedded.recipe.speech import draw_voice, speak

    chance, parts, count = random.Random(seed), [], 0
    while count < seconds * RATE:
        sentence = ", ".join(chance.choices(_SENTENCES, k=chance.choice([1, 1, 2, 6])))
        pause = np.zeros(round(chance.choice([0.15, 0.4, 0.8, 2.0, 6.0]) * RATE), np.float32)
        parts += [speak(sentence, draw_voice(chance, held_out=False)), pause]
        count += len(parts[-1]) + len(parts[-2])
    samples = np.concatenate(parts)[: round(seconds * RATE)]
    samples = samples + np.random.default_rng(seed).standard_normal(len(samples)) * 0.001
    return np.clip(samples * 32767, -32768, 32767).astype(np.int16)


_SENTENCES = (
    "Bugün hava çok güzel",
    "Yarın sabah yedide trenle Ankara'ya gidiyoruz",
    "Annem pazardan elma, ekmek ve peynir aldı",
    "Toplantı saat üçte başlayacak",
    "Merhaba efendim, size nasıl yardımcı olabilirim",
)
